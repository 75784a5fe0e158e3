/**
 * One request and its answer on a connection (RFC 9113 §5), as the connection keeps it.
 *
 *     open ──▶ half-closed (remote): `remoteEnded` ──▶ closed: the answer's last frame is out
 *       └───────────────── a reset, from either side ─────────▲
 *
 * Its plain fields are the connection's and the sender's, who work on them for every frame; who serves the stream uses
 * the methods.
 */
import { DEFAULT_WINDOW, type ErrorCode } from "./frames.ts";
import { Outgoing } from "./outgoing.ts";

/** Who serves a stream. */
export interface StreamConsumer {
  /** Once, before all else. */
  opened(): void;
  /** Bytes of the request's body: those of `bytes` from `from` up to `to`. They may be kept. */
  received(bytes: Uint8Array, from: number, to: number): void;
  /** The request is whole. */
  ended(): void;
  /** There is room for messages again, after there was none. */
  drained(): void;
  /** The stream is over: answered to its end, reset, or its connection is gone. Once, and nothing after it. */
  closed(): void;
}

/** What a stream asks of its connection. */
export interface StreamHost {
  /** There is something to send; so many more bytes wait. */
  queued(stream: Stream, bytes: number): void;
  /** So many more bytes of requests that are not whole are kept. False: that is too much. */
  kept(bytes: number): boolean;
  reset(stream: Stream, code: ErrorCode): void;
  /** Lets the client send so many more bytes. */
  grant(stream: Stream, bytes: number): void;
}

/** How an answer ends. */
export interface Ending {
  /** The header block behind the messages. */
  readonly trailers: Uint8Array;
  /** The only header block of an answer without messages; null if it is to have two all the same. */
  readonly alone: Uint8Array | null;
}

export class Stream extends Outgoing<Stream> {
  consumer: StreamConsumer | null = null;
  /** Bytes of DATA that the client may send. */
  receiveWindow: number = DEFAULT_WINDOW;
  /** Bytes of body that "content-length" spoke of and that have not come; -1 if it was not sent. */
  bodyLeft: number;
  /** Bytes of the request that are kept because it is not whole. */
  keptBytes = 0;
  remoteEnded = false;
  ending: Ending | null = null;
  readonly #host: StreamHost;
  #isHeld = false;

  constructor(id: number, host: StreamHost, sendWindow: number, bodyLength: number) {
    super(id, sendWindow);
    this.#host = host;
    this.bodyLeft = bodyLength;
  }

  /** Queues a message of the answer; dropped if that has ended. */
  send(message: Uint8Array): void {
    if (this.isClosed || this.ending !== null) return;
    this.enqueue(message);
    this.#host.queued(this, message.length);
  }

  /** Ends the answer, once its messages are out. */
  end(ending: Ending): void {
    if (this.isClosed || this.ending !== null) return;
    this.ending = ending;
    this.#host.queued(this, 0);
  }

  /** Ends the answer at once, without what waits; a message that is half out leaves nothing but a reset. */
  abort(ending: Ending, code: ErrorCode): void {
    if (this.isClosed) return;
    if (this.sentBytes > 0) return this.#host.reset(this, code);
    const dropped = this.queuedBytes;
    this.dequeueAll();
    this.#host.queued(this, -dropped);
    this.ending = ending;
  }

  /** Lets the client send no more than it was allowed already. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.replenish();
  }

  /** After bytes have come: allows as many again, now and then. */
  replenish(): void {
    if (this.#isHeld || this.remoteEnded || this.isClosed || this.receiveWindow > DEFAULT_WINDOW / 2) return;
    this.#host.grant(this, DEFAULT_WINDOW - this.receiveWindow);
  }

  /** This many bytes will come: allows them at once, instead of piece by piece. */
  expect(bytes: number): void {
    const missing = bytes - this.receiveWindow;
    if (missing > 0 && !this.#isHeld && !this.remoteEnded) this.#host.grant(this, missing);
  }

  /** So many more bytes of the request are kept, or fewer. False: the client has too much begun and not finished. */
  keep(bytes: number): boolean {
    this.keptBytes += bytes;
    return this.#host.kept(bytes);
  }
}
