/** The streams of one connection: those that are open, and what became of those that closed last. */
import type { Stream } from "./stream.ts";

/** Closed streams that are remembered: clients' frames for them may still be on their way. */
const REMEMBERED = 64;

export class Streams {
  /** The highest number that the client has used; all below it that are not open are closed. */
  lastId = 0;
  readonly #open = new Map<number, Stream>();
  /** Numbers of streams that closed, in a ring; negative for those that we have reset. */
  readonly #closed: Int32Array<ArrayBuffer> = new Int32Array(REMEMBERED);
  #next = 0;

  get size(): number {
    return this.#open.size;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  add(stream: Stream): void {
    this.#open.set(stream.id, stream);
  }

  remove(id: number, wasResetByUs: boolean): void {
    this.#open.delete(id);
    this.#closed[this.#next] = wasResetByUs ? -id : id;
    this.#next = (this.#next + 1) % REMEMBERED;
  }

  /** We have told the client that we are done with it, so what comes for it was sent before it knew. */
  wasResetByUs(id: number): boolean {
    return this.#closed.includes(-id);
  }

  /** False also for one that closed long ago. */
  hasClosed(id: number): boolean {
    return this.#closed.includes(id);
  }

  all(): Stream[] {
    return [...this.#open.values()];
  }
}
