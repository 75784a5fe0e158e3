/**
 * One gRPC call: messages out of and into an HTTP/2 stream, its deadline, and what becomes of it when either side does
 * wrong. One class for all kinds of calls, so that a call costs one object.
 */
import type { Clock, Scheduled } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { BidiCall } from "./call.ts";
import { type CallHead, valueOf } from "./call-head.ts";
import { failure, OK } from "./ending.ts";
import { ErrorCode } from "./http2/frames.ts";
import type { Ending, Stream, StreamConsumer } from "./http2/stream.ts";
import { type MessageTaker, readMessages } from "./message-reader.ts";
import type { PartialMessage } from "./partial-message.ts";

/** What the calls of one door share. */
export interface CallContext {
  readonly clock: Clock;
  /** Bytes of the largest message taken. */
  readonly maxReceiveBytes: number;
}

export class ServerCall implements BidiCall, StreamConsumer, MessageTaker {
  readonly peer: string;
  readonly #context: CallContext;
  readonly #stream: Stream;
  readonly #head: CallHead;
  #partial: PartialMessage | null = null;
  /** The only message of a call that has one. */
  #request: Uint8Array | null = null;
  #deadline: Scheduled | null = null;
  /** Somebody has answered to the end: nothing is taken any more. */
  #isAnswered = false;
  #isOver = false;
  /** Handlers of its end; most calls have none. */
  #onCancel: (() => void)[] | null = null;
  #onMessage: ((message: Uint8Array) => void) | null = null;
  #onEnd: (() => void) | null = null;
  #onDrain: (() => void) | null = null;

  constructor(stream: Stream, head: CallHead, peer: string, context: CallContext) {
    this.peer = peer;
    this.#stream = stream;
    this.#head = head;
    this.#context = context;
  }

  get path(): string {
    return this.#head.path;
  }

  get cancelled(): boolean {
    return this.#isOver;
  }

  get writable(): boolean {
    return !this.#isAnswered && !this.#isOver && !this.#stream.isFull;
  }

  metadata(name: string): string | null {
    return valueOf(this.#head.fields, name);
  }

  onCancel(handle: () => void): void {
    if (this.#isOver) handle();
    else if (this.#onCancel === null) this.#onCancel = [handle];
    else this.#onCancel.push(handle);
  }

  write(message: Uint8Array): boolean {
    if (this.#isAnswered || this.#isOver) return false;
    this.#stream.send(message);
    return this.writable;
  }

  onDrain(handle: () => void): void {
    this.#onDrain = handle;
  }

  end(error?: QuorateError): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#stream.end(error === undefined ? OK : failure(error.status, error.message));
  }

  onMessage(handle: (message: Uint8Array) => void): void {
    this.#onMessage = handle;
  }

  onEnd(handle: () => void): void {
    this.#onEnd = handle;
  }

  pause(): void {
    this.#stream.hold();
  }

  resume(): void {
    this.#stream.release();
  }

  /** What the stream calls, from here on. */
  opened(): void {
    const { target, refusal, timeoutMs } = this.#head;
    if (target === null) {
      if (refusal !== null) this.#refuse(refusal);
      return;
    }
    if (timeoutMs <= 0) return this.#expire();
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#deadline = this.#context.clock.after(timeoutMs, () => this.#expire());
    }
    if (target.kind === "bidi") this.#guarded(() => target.handle(this));
  }

  received(bytes: Uint8Array, from: number, to: number): void {
    if (this.#isAnswered) return;
    this.#partial = readMessages(this, this.#partial, bytes, from, to);
  }

  ended(): void {
    if (this.#isAnswered) return;
    const { target } = this.#head;
    if (target === null) return;
    if (this.#partial !== null) {
      return this.#refuse(failure(GrpcStatus.internal, "the request ended within a message"));
    }
    if (target.kind === "bidi") return this.#guarded(() => this.#onEnd?.());
    const request = this.#request;
    if (request === null) {
      return this.#refuse(failure(GrpcStatus.unimplemented, `${this.path} takes one message, but none came`));
    }
    this.#request = null;
    try {
      if (target.kind === "unary") target.handle(request, this, (error, response) => this.#answer(error, response));
      else target.handle(request, this);
    } catch (error) {
      this.#fail(error);
    }
  }

  drained(): void {
    if (!this.#isAnswered) this.#guarded(() => this.#onDrain?.());
  }

  closed(): void {
    this.#isAnswered = true;
    this.#request = null;
    this.#partial = null;
    this.#tellOver();
  }

  /** Answers a unary call. */
  #answer(error: QuorateError | null, response: Uint8Array): void {
    if (error !== null) return this.end(error);
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#stream.send(response);
    this.#stream.end(OK);
  }

  /** What the reader of messages asks, from here on. */
  get takesMessages(): boolean {
    return !this.#isAnswered;
  }

  keeps(bytes: number): boolean {
    if (this.#stream.keep(bytes)) return true;
    const text = "this connection has begun too many large requests at once; try again when some are finished";
    this.#refuse(failure(GrpcStatus.resourceExhausted, text));
    return false;
  }

  expects(bytes: number): void {
    this.#stream.expect(bytes);
  }

  /** Whether a message that begins like this may come; if not, the call is over. */
  accepts(flag: number, length: number): boolean {
    const { maxReceiveBytes } = this.#context;
    if (flag !== 0) this.#refuse(this.#refusalOfFlag(flag));
    else if (length > maxReceiveBytes) {
      // In the words of etcd's server.
      const text = `grpc: received message larger than max (${length} vs. ${maxReceiveBytes})`;
      this.#refuse(failure(GrpcStatus.resourceExhausted, text));
    }
    return !this.#isAnswered;
  }

  #refusalOfFlag(flag: number): Ending {
    const { encoding } = this.#head;
    if (flag !== 1) return failure(GrpcStatus.internal, `a message has the flag ${flag}, which is neither 0 nor 1`);
    if (encoding === "identity") {
      return failure(GrpcStatus.internal, "a message is flagged as compressed, but grpc-encoding names no compression");
    }
    const text = `messages compressed with "${encoding}" are not taken: send them as they are`;
    return failure(GrpcStatus.unimplemented, text, [["grpc-accept-encoding", "identity"]]);
  }

  take(message: Uint8Array): void {
    const { target } = this.#head;
    if (target?.kind === "bidi") {
      this.#guarded(() => this.#onMessage?.(message));
    } else if (this.#request === null) {
      this.#request = message;
    } else {
      this.#refuse(failure(GrpcStatus.unimplemented, `${this.path} takes one message, but more came`));
    }
  }

  /** Answers in place of the service, and tells it. */
  #refuse(ending: Ending): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#partial = null;
    this.#stream.end(ending);
    this.#tellOver();
  }

  /** The client does not wait any longer. */
  #expire(): void {
    this.#isAnswered = true;
    this.#stream.abort(failure(GrpcStatus.deadlineExceeded, "context deadline exceeded"), ErrorCode.cancel);
    this.#tellOver();
  }

  /** Runs a service's code. What it throws is its call's misfortune, and nobody else's. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.end(new QuorateError("INTERNAL", GrpcStatus.internal, `internal error: ${text}`, { cause: error }));
  }

  #tellOver(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline?.cancel();
    const handlers = this.#onCancel;
    if (handlers === null) return;
    this.#onCancel = null;
    for (const handle of handlers) this.#guarded(handle);
  }
}
