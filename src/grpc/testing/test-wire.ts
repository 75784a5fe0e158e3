/** The server's end of a connection whose other end is a test. */
import type { Connection } from "../../environment.ts";

export class TestWire implements Connection {
  readonly remote = "client:1";
  /** The system takes no more: what is written stays queued. */
  isStalled = false;
  isClosed = false;
  /** How often something was written. */
  writes = 0;
  /** What the test's end is given. */
  readonly #deliver: (bytes: Uint8Array) => void;
  #queue: Uint8Array[] = [];
  #onData: (chunk: Uint8Array) => void = () => undefined;
  #onClose: (reason: Error | null) => void = () => undefined;
  #onDrain: () => void = () => undefined;

  constructor(deliver: (bytes: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  write(pieces: readonly Uint8Array[]): number {
    if (this.isClosed) return 0;
    this.writes += 1;
    if (!this.isStalled) {
      for (const piece of pieces) this.#deliver(piece.slice());
      return 0;
    }
    // As a socket does: what was not taken is kept where it stands, and must not change.
    this.#queue.push(...pieces);
    return this.#queue.reduce((sum, { length }) => sum + length, 0);
  }

  /** The client's bytes arrive. */
  arrive(chunk: Uint8Array): void {
    if (!this.isClosed) this.#onData(chunk);
  }

  /** The system takes what is queued. */
  release(): void {
    this.isStalled = false;
    for (const piece of this.#queue.splice(0)) this.#deliver(piece.slice());
    this.#onDrain();
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
  }
}
