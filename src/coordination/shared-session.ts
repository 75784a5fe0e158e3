/**
 * The session that all recipes of one program share: opened with the first use, replaced when it was lost.
 *
 * One lease costs one renewal for any number of locks; the price is that they are lost together.
 */

import { Wait } from "../kv/wait.ts";
import type { CallOptions, Store } from "../store/store.ts";
import { closedSharing } from "./errors.ts";
import { Session, type SessionOptions, type SessionSource } from "./session.ts";

export class SharedSession implements SessionSource, AsyncDisposable {
  readonly store: Store;
  readonly replaces = true;
  readonly #options: SessionOptions;
  #session: Session | null = null;
  #opening: Promise<Session> | null = null;
  #closed = false;

  constructor(store: Store, options: SessionOptions = {}) {
    this.store = store;
    this.#options = options;
  }

  async current(options?: CallOptions): Promise<Session> {
    if (this.#closed) throw closedSharing();
    if (this.#session?.check() === true) return this.#session;
    // Whoever asks waits for as long as it wants, the opening goes on for all.
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    using wait = new Wait(this.store.clock, options);
    return await wait.for(this.#opening);
  }

  /** Ends the session and all that hangs on it, and lets none be opened again. */
  async close(options?: CallOptions): Promise<void> {
    this.#closed = true;
    await this.#opening?.catch(() => undefined);
    await this.#session?.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open(): Promise<Session> {
    const session = await Session.open(this.store, this.#options);
    this.#session = session;
    if (this.#closed) {
      await session.close();
      throw closedSharing();
    }
    return session;
  }
}
