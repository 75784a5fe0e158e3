import type { QuorateError } from "../../errors.ts";
import type { WatchEvent } from "../../wire/kv.ts";
import type { Watch, WatchBatch, WatchRequest } from "../store.ts";
import type { Freshness } from "./freshness.ts";

/** About what an event, and a batch, cost beside their keys and values, bytes. */
const OVERHEAD = 96;

export interface RemoteWatchPorts {
  readonly freshness: Freshness;
  readonly bufferBytes: number;
  /** It was held back, and has room again. */
  drained(watch: RemoteWatch): void;
  /** Its consumer wants no more. */
  stopped(watch: RemoteWatch): void;
  /** It has ended, for whatever reason. */
  over(): void;
}

/**
 * One watch, over all the streams that it lives through: how far it has come, and what its consumer has not taken yet.
 *
 * It takes whole revisions only, each once, in order: what comes again after a resumption, or below its start, is
 * dropped here.
 */
export class RemoteWatch implements Watch {
  readonly request: WatchRequest;
  readonly ready: Promise<number>;
  readonly #ports: RemoteWatchPorts;
  readonly #ready = Promise.withResolvers<number>();
  /** The first revision that it has not told of; 0: to be learned from the member where it is created. */
  #next: number;
  /** What the store had seen when it began: a watch from now on does not tell of that. */
  readonly #seenAtStart: number;
  #queue: WatchBatch[] = [];
  #bytes = 0;
  #end: { readonly error: QuorateError | null } | null = null;
  #wake: (() => void) | null = null;
  /** It is on no stream until its consumer has taken some of what is there. */
  isHeldBack = false;
  /** Another token was tried because a member refused it. */
  deniedOnce = false;

  constructor(request: WatchRequest, ports: RemoteWatchPorts) {
    this.request = request;
    this.#ports = ports;
    this.#next = request.startRevision;
    this.#seenAtStart = ports.freshness.seen;
    this.ready = this.#ready.promise;
    // Who does not ask whether it is ready is told by the iteration.
    this.ready.catch(() => undefined);
  }

  /** Where to go on from; 0: from the present revision of the member that is asked. */
  get next(): number {
    return this.#next;
  }

  get isOver(): boolean {
    return this.#end !== null;
  }

  /** It holds all that it may for its consumer. */
  get isFull(): boolean {
    return this.#bytes >= this.#ports.bufferBytes;
  }

  /** A member has it in place, and had come to this revision before. */
  created(revision: number): void {
    this.deniedOnce = false;
    if (this.#next === 0) this.#next = Math.max(revision, this.#seenAtStart) + 1;
    this.#ready.resolve(this.#next);
  }

  /** All of its changes of one revision. */
  take(revision: number, events: readonly WatchEvent[]): void {
    if (this.#end !== null || revision < this.#next) return;
    this.#next = revision + 1;
    this.#push({ revision, events }, OVERHEAD + events.reduce((sum, event) => sum + sizeOf(event), 0));
  }

  /** Nothing is missing up to this revision. */
  mark(revision: number): void {
    if (this.#end !== null || this.#next === 0 || revision < this.#next) return;
    this.#next = revision + 1;
    if (!this.request.progress) return;
    // Of marks behind each other the last says all.
    if (this.#queue.at(-1)?.events.length === 0) this.#queue.pop();
    else this.#bytes += OVERHEAD;
    this.#push({ revision, events: [] }, 0);
  }

  /** Ends it: with an error once its consumer has taken what is there, or at once. */
  end(error: QuorateError | null, whyNotReady: QuorateError): void {
    if (this.#end !== null) return;
    this.#end = { error };
    if (error === null) this.#clear();
    this.#ports.over();
    this.#ready.reject(whyNotReady);
    this.#wake?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchBatch, void, undefined> {
    return {
      next: () => this.#nextBatch(),
      return: async () => {
        this.#ports.stopped(this);
        return { done: true, value: undefined };
      },
    };
  }

  async #nextBatch(): Promise<IteratorResult<WatchBatch, void>> {
    for (;;) {
      const batch = this.#queue.shift();
      if (batch !== undefined) {
        this.#taken(batch);
        return { done: false, value: batch };
      }
      if (this.#end !== null) {
        const { error } = this.#end;
        this.#end = { error: null };
        if (error !== null) throw error;
        return { done: true, value: undefined };
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const before = this.#wake;
      this.#wake = () => {
        before?.();
        resolve();
      };
      await promise;
    }
  }

  #push(batch: WatchBatch, bytes: number): void {
    this.#queue.push(batch);
    this.#bytes += bytes;
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  #taken({ revision, events }: WatchBatch): void {
    this.#ports.freshness.note(revision);
    this.#bytes -= OVERHEAD + events.reduce((sum, event) => sum + sizeOf(event), 0);
    // Filled anew only once it is half empty, so that not every batch costs a new watch.
    if (!this.isHeldBack || this.#bytes > this.#ports.bufferBytes / 2) return;
    this.isHeldBack = false;
    this.#ports.drained(this);
  }

  #clear(): void {
    this.#queue = [];
    this.#bytes = 0;
  }
}

function sizeOf({ kv, prevKv }: WatchEvent): number {
  const previous = prevKv === null ? 0 : prevKv.key.length + prevKv.value.length;
  return OVERHEAD + kv.key.length + kv.value.length + previous;
}
