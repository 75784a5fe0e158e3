import type { Stream } from "./stream.ts";

/**
 * Streams one behind the other, linked by themselves: a queue that costs nothing. A stream stands in one queue at most.
 *
 *     #first ─▶ stream ─next▶ stream ─next▶ stream ◀─ #last
 */
export class StreamQueue {
  #first: Stream | null = null;
  #last: Stream | null = null;

  get isEmpty(): boolean {
    return this.#first === null;
  }

  push(stream: Stream): void {
    if (this.#last === null) this.#first = stream;
    else this.#last.next = stream;
    this.#last = stream;
  }

  shift(): Stream | null {
    const stream = this.#first;
    if (stream === null) return null;
    this.#first = stream.next;
    if (this.#first === null) this.#last = null;
    stream.next = null;
    return stream;
  }
}
