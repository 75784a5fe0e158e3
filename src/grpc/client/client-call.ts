/** One gRPC call: messages into and out of an HTTP/2 stream, its deadline, and how it ends. */
import { GrpcStatus } from "../../errors.ts";
import { ErrorCode } from "../http2/frames.ts";
import type { Linked, LinkedQueue } from "../http2/linked-queue.ts";
import { type MessageTaker, readMessages } from "../message-reader.ts";
import type { PartialMessage } from "../partial-message.ts";
import { type AnswerHead, statusOfHttp } from "./answer-head.ts";
import type { AnswerConsumer, ClientStream, StreamFault } from "./client-stream.ts";

/** Why no server said how a call ended. */
export interface CallFault {
  /**
   * `lost`: the connection is gone, or takes no more calls, or the server refused this one. `overdue`: its time is over.
   * `tooLarge`: a message of the answer is. `broken`: the server ended it without a word, or broke the rules.
   */
  readonly why: "lost" | "overdue" | "tooLarge" | "broken";
  readonly status: GrpcStatus;
  readonly text: string;
  /** False: the request certainly was not and will not be acted on. */
  readonly mayHaveArrived: boolean;
}

/** What a call tells. `ended` or `failed` comes once, the last, and not before the call is in hand; none after `cancel`. */
export interface CallEvents {
  /** A message of the answer. A unary call has exactly one if it ends well, which comes just before that. */
  message(bytes: Uint8Array): void;
  /** The server said so; `status` is 0 if all is well. */
  ended(status: number, text: string): void;
  failed(fault: CallFault): void;
}

/** What a call asks of its client. */
export interface CallHost {
  /** Bytes of the largest message taken. */
  readonly maxMessageBytes: number;
  /** It is over. */
  over(call: ClientCall): void;
}

export class ClientCall implements AnswerConsumer, MessageTaker, Linked<ClientCall> {
  queue: LinkedQueue<ClientCall> | null = null;
  previous: ClientCall | null = null;
  next: ClientCall | null = null;
  /** When its time is over, ms on the clock; Infinity: never. */
  readonly deadline: number;
  readonly #host: CallHost;
  readonly #events: CallEvents;
  readonly #isUnary: boolean;
  #stream: ClientStream | null = null;
  #partial: PartialMessage | null = null;
  /** The only message of a unary call's answer, until its status has come. */
  #answer: Uint8Array | null = null;
  #encoding = "identity";
  #isOver = false;

  constructor(host: CallHost, events: CallEvents, isUnary: boolean, deadline: number) {
    this.#host = host;
    this.#events = events;
    this.#isUnary = isUnary;
    this.deadline = deadline;
  }

  /** Once, at once. */
  begin(stream: ClientStream): void {
    this.#stream = stream;
  }

  /** Sends a message, of a call with many; dropped when it is over. */
  send(message: Uint8Array): void {
    if (!this.#isOver) this.#stream?.send(message);
  }

  /** Messages wait at the server, but for those that it may send already. */
  pause(): void {
    this.#stream?.hold();
  }

  resume(): void {
    this.#stream?.release();
  }

  /** Gives it up; nothing is told any more. Returns whether the request may have arrived. */
  cancel(): boolean {
    const mayHaveArrived = this.#mayHaveArrived;
    if (!this.#isOver) this.#endUs();
    return mayHaveArrived;
  }

  /** Its time is over. */
  expire(): void {
    const mayHaveArrived = this.#mayHaveArrived;
    this.#fail({ why: "overdue", status: GrpcStatus.deadlineExceeded, text: "no answer in time", mayHaveArrived });
  }

  /** What the stream calls, from here on. */
  head({ httpStatus, isGrpc, contentType, encoding }: AnswerHead): void {
    if (httpStatus !== 200) {
      const status = httpStatus ?? 0;
      this.#endUs();
      return this.#events.ended(statusOfHttp(status), `the HTTP status ${status} instead of an answer`);
    }
    this.#encoding = encoding;
    if (!isGrpc) this.#break(`the answer's content-type is "${contentType}": what answers there is no gRPC server`);
  }

  received(bytes: Uint8Array, from: number, to: number): void {
    this.#partial = readMessages(this, this.#partial, bytes, from, to);
  }

  ended(last: AnswerHead | null): void {
    if (this.#isOver) return;
    const answer = this.#answer;
    const partial = this.#partial;
    this.#over();
    if (last === null) return this.#breaks("the answer ended without a status");
    const { grpcStatus, httpStatus, grpcMessage } = last;
    if (grpcStatus === null) {
      if (httpStatus === null || httpStatus === 200) return this.#breaks("the answer ended without a grpc-status");
      return this.#events.ended(statusOfHttp(httpStatus), `the HTTP status ${httpStatus} instead of an answer`);
    }
    if (grpcStatus !== GrpcStatus.ok) return this.#events.ended(grpcStatus, grpcMessage);
    if (partial !== null) return this.#breaks("the answer ended within a message");
    if (this.#isUnary) {
      if (answer === null) return this.#breaks("the answer ended well, but without a message");
      this.#events.message(answer);
    }
    this.#events.ended(GrpcStatus.ok, "");
  }

  failed({ kind, text, code, mayHaveArrived }: StreamFault): void {
    if (this.#isOver) return;
    this.#over();
    const isLost = kind === "lost" || (kind === "reset" && !mayHaveArrived);
    const status = isLost ? GrpcStatus.unavailable : kind === "malformed" ? GrpcStatus.internal : statusOfReset(code);
    this.#events.failed({ why: isLost ? "lost" : "broken", status, text, mayHaveArrived });
  }

  /** What the reader of messages asks, from here on. */
  get takesMessages(): boolean {
    return !this.#isOver;
  }

  accepts(flag: number, length: number): boolean {
    const { maxMessageBytes } = this.#host;
    if (flag !== 0) {
      this.#break(
        `a message of the answer has the flag ${flag} (grpc-encoding: ${this.#encoding}), asked was for plain ones`,
      );
    } else if (length > maxMessageBytes) {
      const text = `a message of ${length} bytes is larger than ${maxMessageBytes}`;
      this.#fail({ why: "tooLarge", status: GrpcStatus.resourceExhausted, text, mayHaveArrived: true });
    }
    return !this.#isOver;
  }

  /** Memory is taken as bytes come, up to the largest message. */
  keeps(): boolean {
    return true;
  }

  expects(bytes: number): void {
    this.#stream?.expect(bytes);
  }

  take(message: Uint8Array): void {
    if (!this.#isUnary) this.#events.message(message);
    else if (this.#answer === null) this.#answer = message;
    else this.#break("one message was asked for, but more came");
  }

  get #mayHaveArrived(): boolean {
    return this.#stream?.mayHaveArrived ?? false;
  }

  /** The stream is still under way, and the server did wrong. */
  #break(text: string): void {
    this.#fail({ why: "broken", status: GrpcStatus.internal, text, mayHaveArrived: true });
  }

  /** The stream is over. */
  #breaks(text: string): void {
    this.#events.failed({ why: "broken", status: GrpcStatus.internal, text, mayHaveArrived: true });
  }

  #fail(fault: CallFault): void {
    if (this.#isOver) return;
    this.#endUs();
    this.#events.failed(fault);
  }

  #endUs(): void {
    this.#over();
    this.#stream?.cancel();
  }

  #over(): void {
    this.#isOver = true;
    this.#partial = null;
    this.#answer = null;
    this.#host.over(this);
  }
}

/** What a reset says of a call (gRPC over HTTP/2, "Errors"), but that nobody is believed to have refused who did not say so. */
function statusOfReset(code: number): GrpcStatus {
  switch (code) {
    case ErrorCode.refusedStream:
      return GrpcStatus.unavailable;
    case ErrorCode.cancel:
      return GrpcStatus.cancelled;
    case ErrorCode.enhanceYourCalm:
      return GrpcStatus.resourceExhausted;
    default:
      return GrpcStatus.internal;
  }
}
