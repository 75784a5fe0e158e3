/** A byte stream in memory: what is written at one end comes out at the other at the end of the turn, in pieces. */
import type { Clock, Connection } from "../../environment.ts";

export interface PipeOptions {
  readonly clock: Clock;
  /** Bytes of the next piece, at least 1. */
  readonly cut: () => number;
}

/** Both ends. */
export function pipe(options: PipeOptions): readonly [PipeEnd, PipeEnd] {
  const ends = [new PipeEnd(options), new PipeEnd(options)] as const;
  ends[0].other = ends[1];
  ends[1].other = ends[0];
  return ends;
}

export class PipeEnd implements Connection {
  readonly remote = "pipe:1";
  other: PipeEnd | null = null;
  isClosed = false;
  readonly #options: PipeOptions;
  #queue: Uint8Array[] = [];
  #isMoving = false;
  #onData: (chunk: Uint8Array) => void = () => undefined;
  #onClose: (reason: Error | null) => void = () => undefined;
  #onDrain: () => void = () => undefined;

  constructor(options: PipeOptions) {
    this.#options = options;
  }

  write(pieces: readonly Uint8Array[]): number {
    if (this.isClosed) return 0;
    this.#queue.push(...pieces);
    this.#move();
    return this.#queue.reduce((sum, { length }) => sum + length, 0);
  }

  onData(handle: (chunk: Uint8Array) => void): void {
    this.#onData = handle;
  }

  onClose(handle: (reason: Error | null) => void): void {
    this.#onClose = handle;
  }

  onDrain(handle: () => void): void {
    this.#onDrain = handle;
  }

  pause(): void {
    throw new Error("nothing in this room pauses a connection");
  }

  resume(): void {
    throw new Error("nothing in this room resumes a connection");
  }

  destroy(reason?: Error): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#onClose(reason ?? null);
    const { other } = this;
    this.#options.clock.soon(() => other?.destroy());
  }

  /** One piece a turn. */
  #move(): void {
    if (this.#isMoving) return;
    this.#isMoving = true;
    this.#options.clock.soon(() => {
      this.#isMoving = false;
      const [first, ...rest] = this.#queue;
      if (first === undefined || this.isClosed) return;
      const piece = first.slice(0, this.#options.cut());
      const left = first.subarray(piece.length);
      this.#queue = left.length > 0 ? [left, ...rest] : rest;
      if (this.other?.isClosed === false) this.other.#onData(piece);
      if (this.#queue.length > 0) this.#move();
      else this.#onDrain();
    });
  }
}
