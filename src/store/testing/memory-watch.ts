/** A watch of a `MemoryStore`: batches of one revision each, which travel in order and wait until they are taken. */
import type { QuorateError } from "../../errors.ts";
import type { WatchEvent } from "../../wire/kv.ts";
import type { Watch, WatchBatch } from "../store.ts";

export class MemoryWatch implements Watch {
  readonly ready: Promise<number>;
  readonly #ready = Promise.withResolvers<number>();
  readonly #onEnd: () => void;
  readonly #batches: WatchBatch[] = [];
  #over: { readonly error: QuorateError | null } | null = null;
  #wake: (() => void) | null = null;

  /** @param onEnd called once when it is over, for whatever reason */
  constructor(onEnd: () => void) {
    this.ready = this.#ready.promise;
    // Whoever does not ask must not be punished for it.
    this.ready.catch(() => undefined);
    this.#onEnd = onEnd;
  }

  get over(): boolean {
    return this.#over !== null;
  }

  placed(revision: number): void {
    this.#ready.resolve(revision);
  }

  /** Takes events of one or more whole revisions. */
  push(events: readonly WatchEvent[], revision: number): void {
    if (this.#over !== null) return;
    let begin = 0;
    for (let at = 1; at <= events.length; at++) {
      const modRevision = events[begin]?.kv.modRevision ?? 0;
      if (events[at]?.kv.modRevision === modRevision) continue;
      this.#batches.push({ revision: modRevision, events: events.slice(begin, at) });
      begin = at;
    }
    if (events.length === 0) this.#batches.push({ revision, events: [] });
    this.#wake?.();
  }

  end(error: QuorateError | null): void {
    if (this.#over !== null) return;
    this.#over = { error };
    if (error !== null) this.#ready.reject(error);
    this.#onEnd();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchBatch, void, undefined> {
    try {
      for (;;) {
        const batch = this.#batches.shift();
        if (batch !== undefined) {
          yield batch;
        } else if (this.#over === null) {
          const { promise, resolve } = Promise.withResolvers<void>();
          this.#wake = resolve;
          await promise;
          this.#wake = null;
        } else {
          if (this.#over.error !== null) throw this.#over.error;
          return;
        }
      }
    } finally {
      this.end(null);
    }
  }
}
