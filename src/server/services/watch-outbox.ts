/**
 * What goes out on one watch stream, in order: answers to its requests, and events.
 *
 * Events wait as what they are, references to what the keyspace holds, and are encoded only when there is room on the
 * connection: a client that does not read costs a bounded number of bytes. What one watcher is told at once is cut into
 * messages between revisions; a revision too large for one is cut within, as fragments that follow each other, if the
 * watcher asked for that.
 */
import type { ResponseHeader, WatchEvent, WatchResponse } from "../../wire/kv.ts";
import { encodeWatchResponse } from "../../wire/kv-codec.ts";
import type { StreamCall } from "../front-door.ts";

/** Where a message ends if a revision does, too. */
const MESSAGE_BYTES = 1 << 20;
/** Numbers, tags and lengths of an event, at most about. */
const EVENT_OVERHEAD = 96;

/** Events for one watcher. */
export interface EventParcel {
  readonly watchId: number;
  readonly events: readonly WatchEvent[];
  /** All its changes up to here are told with it. */
  readonly revision: number;
  readonly fragment: boolean;
}

interface OpenParcel extends EventParcel {
  /** Events before this one are out. */
  next: number;
}

export interface WatchOutboxOptions {
  readonly call: StreamCall;
  readonly header: (revision: number) => ResponseHeader;
  /** Fragments are no larger, if their events are not. */
  readonly maxFragmentBytes: number;
  /** Everything is out and there is room again, after it was not so. */
  readonly emptied: () => void;
}

export class WatchOutbox {
  readonly #options: WatchOutboxOptions;
  #queue: (WatchResponse | OpenParcel)[] = [];
  #head = 0;

  constructor(options: WatchOutboxOptions) {
    this.#options = options;
    options.call.onDrain(() => {
      this.#pump();
      if (this.isEmpty) options.emptied();
    });
  }

  /** Nothing waits, and the connection has room. */
  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#options.call.writable;
  }

  /** A message of its own. */
  say(response: WatchResponse): void {
    this.#queue.push(response);
    this.#pump();
  }

  /** Returns whether all of it is out already. */
  tell(parcel: EventParcel): boolean {
    this.#queue.push({ ...parcel, next: 0 });
    this.#pump();
    return this.isEmpty;
  }

  /** Forgets what waits for a watcher that is cancelled; a fragment that has begun is finished. */
  drop(watchId: number): void {
    const kept = this.#queue.slice(this.#head).filter((waiting) => {
      if (!("next" in waiting) || waiting.watchId !== watchId) return true;
      return waiting.next > 0;
    });
    this.#queue = kept;
    this.#head = 0;
  }

  #pump(): void {
    const { call } = this.#options;
    while (call.writable && this.#head < this.#queue.length) {
      const first = this.#queue[this.#head];
      if (first === undefined) break;
      if ("next" in first) {
        call.write(encodeWatchResponse(this.#message(first)));
        if (first.next < first.events.length) continue;
      } else {
        call.write(encodeWatchResponse(first));
      }
      this.#head += 1;
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Takes the next message out of a parcel. */
  #message(parcel: OpenParcel): WatchResponse {
    const { events, watchId } = parcel;
    const start = parcel.next;
    let end = start;
    let bytes = 0;
    let fragment = false;
    for (; end < events.length; end++) {
      const event = events[end];
      if (event === undefined) break;
      const size = sizeOf(event);
      const isNewRevision = end > start && events[end - 1]?.kv.modRevision !== event.kv.modRevision;
      if (isNewRevision && bytes + size > MESSAGE_BYTES) break;
      if (parcel.fragment && end > start && bytes + size > this.#options.maxFragmentBytes) {
        fragment = !isNewRevision;
        break;
      }
      bytes += size;
    }
    parcel.next = end;
    // Up to here, and no further, has this watcher been told everything: clients resume from this number.
    const last = events[end - 1]?.kv.modRevision ?? parcel.revision;
    const revision = end === events.length ? parcel.revision : last;
    return {
      header: this.#options.header(revision),
      watchId,
      created: false,
      canceled: false,
      compactRevision: 0,
      cancelReason: "",
      fragment,
      events: start === 0 && end === events.length ? events : events.slice(start, end),
    };
  }
}

function sizeOf({ kv, prevKv }: WatchEvent): number {
  const previous = prevKv === null ? 0 : prevKv.key.length + prevKv.value.length;
  return EVENT_OVERHEAD + kv.key.length + kv.value.length + previous;
}
