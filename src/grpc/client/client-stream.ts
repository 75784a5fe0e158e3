/**
 * One request and its answer, as the client's end of a connection keeps it (RFC 9113 §5).
 *
 *     waiting ──▶ admitted ──▶ begun ──▶ closed: the answer is whole
 *        │  the server takes   its HEADERS  ▲
 *        │  another stream     are out      │
 *        └───────────┴─────────────┴────────┘ cancelled, refused, reset, or the connection is lost
 *
 * Until its first message is out as a whole, and when the server refused it, nobody can have acted on it:
 * `mayHaveArrived`.
 */
import { Flag } from "../http2/frames.ts";
import { Outgoing } from "../http2/outgoing.ts";
import type { AnswerHead } from "./answer-head.ts";

/** Bytes of DATA that a server may have on their way to one stream. */
export const STREAM_WINDOW: number = 1 << 20;

/** Why there is no whole answer. */
export interface StreamFault {
  /**
   * `lost`: the connection is gone, or takes the stream no more. `reset`: the server ended it. `malformed`: the answer
   * broke the rules.
   */
  readonly kind: "lost" | "reset" | "malformed";
  readonly text: string;
  /** That of a reset; 0 for the others. */
  readonly code: number;
  /** False: the request certainly was not and will not be acted on. */
  readonly mayHaveArrived: boolean;
}

/** Who is given an answer. After `ended` or `failed`, of which one comes once, nothing else does. */
export interface AnswerConsumer {
  /** The header block in front of the messages. */
  head(head: AnswerHead): void;
  /** Bytes of the body: those of `bytes` from `from` up to `to`. They may be kept. */
  received(bytes: Uint8Array, from: number, to: number): void;
  /** The answer is whole. The block behind the messages, or the only one; null: there was none behind the messages. */
  ended(last: AnswerHead | null): void;
  failed(fault: StreamFault): void;
}

/** What a stream asks of its connection. */
export interface ClientStreamHost {
  /** There is something to send. */
  queued(stream: ClientStream): void;
  /** Lets the server send so many more bytes. */
  grant(stream: ClientStream, bytes: number): void;
  /** Ends it on our side. */
  cancel(stream: ClientStream): void;
}

export class ClientStream extends Outgoing<ClientStream> {
  /** The header block of the request. */
  readonly block: Uint8Array;
  readonly consumer: AnswerConsumer;
  /** Bytes of DATA that the server may send. */
  receiveWindow: number = STREAM_WINDOW;
  /** The last frame of the request is out. */
  localEnded = false;
  /** The header block in front of the messages has come. */
  hasHead = false;
  isAdmitted = false;
  /** The server has said that it does not look at it. */
  isRefused = false;
  readonly #host: ClientStreamHost;
  #isHeld = false;

  /** @param request the only message; null: messages are sent one by one, and we never end first */
  constructor(host: ClientStreamHost, block: Uint8Array, request: Uint8Array | null, consumer: AnswerConsumer) {
    super(0, 0);
    this.#host = host;
    this.block = block;
    this.consumer = consumer;
    if (request === null) return;
    this.lastFrameFlags = Flag.endStream;
    this.enqueue(request);
  }

  get mayHaveArrived(): boolean {
    return this.sentMessages > 0 && !this.isRefused;
  }

  /** Queues a message; dropped if the stream is over. */
  send(message: Uint8Array): void {
    if (this.isClosed) return;
    this.enqueue(message);
    this.#host.queued(this);
  }

  cancel(): void {
    if (!this.isClosed) this.#host.cancel(this);
  }

  /** Lets the server send no more than it was allowed already. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.replenish();
  }

  /** After bytes have come: allows as many again, now and then. */
  replenish(): void {
    if (this.#isHeld || this.isClosed || this.receiveWindow > STREAM_WINDOW / 2) return;
    this.#host.grant(this, STREAM_WINDOW - this.receiveWindow);
  }

  /** This many bytes will come: allows them at once, instead of piece by piece. */
  expect(bytes: number): void {
    const missing = bytes - this.receiveWindow;
    if (missing > 0 && !this.#isHeld && !this.isClosed) this.#host.grant(this, missing);
  }
}
