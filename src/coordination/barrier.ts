/**
 * A barrier: closed or open; who waits goes on when it is opened.
 *
 *     barrier/<name>//closed     it is closed as long as this key exists; value: who closed it
 *
 * Promises: `wait` resolves only after the barrier was open at some moment since it was called.
 *
 * Does not promise: that one who waits sees it when it is opened and closed again at once. That it opens when its closer
 * dies: it stays closed, unless it was closed with a session, with which it opens.
 */
import { follow } from "../kv/follow.ts";
import { isAbsent, putOp, rangeRequest } from "../kv/requests.ts";
import { Wait } from "../kv/wait.ts";
import type { CallOptions, ReadOptions, Store } from "../store/store.ts";
import { byteStringOfText } from "../wire/byte-string.ts";
import type { ByteString } from "../wire/kv.ts";
import { closedSharing } from "./errors.ts";
import { recipePrefix } from "./names.ts";
import type { Session } from "./session.ts";

/** How a barrier is closed. */
export interface CloseOptions extends CallOptions {
  /** It opens when this ends; default: it stays closed. */
  readonly session?: Session;
  /** Who closed it, for others to see. */
  readonly label?: string;
}

/**
 * Closed or open; who waits goes on when it is opened. It stays closed when its closer dies, unless it was closed with
 * a session.
 */
export class Barrier {
  readonly name: string;
  readonly #store: Store;
  readonly #key: ByteString;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one */
  constructor(store: Store, name: string) {
    this.name = name;
    this.#store = store;
    this.#key = `${recipePrefix("barrier", name)}closed`;
  }

  async isClosed(options?: ReadOptions): Promise<boolean> {
    return (await this.#store.range(rangeRequest(this.#key, { countOnly: true }), options)).count > 0;
  }

  /** Closes it. Returns whether this call did: it may have been closed before. May be repeated. */
  async close({ session, label = "", ...options }: CloseOptions = {}): Promise<boolean> {
    session?.assertHeld();
    const request = {
      compare: [isAbsent(this.#key)],
      success: [putOp(this.#key, byteStringOfText(label), session?.id)],
      failure: [],
    };
    return (await this.#store.txn(request, options)).succeeded;
  }

  /** Opens it. Returns whether it was closed. May be repeated. */
  async open(options?: CallOptions): Promise<boolean> {
    const request = { key: this.#key, rangeEnd: "", prevKv: false };
    return (await this.#store.deleteRange(request, options)).deleted > 0;
  }

  /** Waits until it is open. */
  async wait(options?: CallOptions): Promise<void> {
    using wait = new Wait(this.#store.clock, options);
    for await (const { kvs } of follow(this.#store, { key: this.#key, rangeEnd: "" }, { signal: wait.signal })) {
      if (!kvs.has(this.#key)) return;
    }
    wait.check();
    throw closedSharing();
  }
}
