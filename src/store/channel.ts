/**
 * How a store reaches one member: calls and streams, in whatever way bytes travel there.
 *
 * `remote/` is written on this alone, so gRPC over a socket, messages to a worker thread and the simulator's lines are
 * exchanged for each other. A channel does not retry, does not reconnect, and knows no other member.
 */
import { type GrpcStatus, QuorateError, type QuorateErrorOptions } from "../errors.ts";
import type { Method } from "../wire/methods.ts";
import { remoteError } from "./errors.ts";

/** One call on a channel, as it is given up or ended. */
export interface ChannelCall {
  /** From now on, ms; above 0. */
  readonly timeoutMs: number;
  /** Aborted: the call is rejected at once with a `CallFailure`, whatever its code. */
  readonly signal?: AbortSignal;
  /** Sent beside the request: `authorization`, `hasleader`. Lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A call or a stream that failed, with what that leaves open. */
export class CallFailure extends QuorateError {
  /** False: the request cannot have reached the member. */
  readonly mayHaveArrived: boolean;

  constructor(
    code: string,
    status: GrpcStatus,
    message: string,
    options: QuorateErrorOptions & { readonly mayHaveArrived: boolean },
  ) {
    super(code, status, message, options);
    this.mayHaveArrived = options.mayHaveArrived;
  }

  /** What a member answered: `text` is its message as it came. */
  static answered(status: number, text: string, cause?: unknown): CallFailure {
    const { code, status: known, retryable } = remoteError(status, text);
    return new CallFailure(code, known, text, { cause, retryable, mayHaveArrived: true });
  }
}

/** What a stream tells of its replies and its end. */
export interface StreamEvents<Response> {
  reply(response: Response): void;
  /** Exactly once, the last, and not before `open` has returned; null: the member ended it without an error. */
  ended(error: CallFailure | null): void;
}

/** The side of a stream on which requests go out. */
export interface OutboundStream<Request> {
  send(request: Request): void;
  /** Replies wait at the sender until `resume`, as far as the way there can hold them back. */
  pause(): void;
  resume(): void;
  /** Ends it at once; `ended` comes no more. */
  cancel(): void;
}

/** A connection to one member. */
export interface Channel {
  /** For people: `127.0.0.1:2379`. */
  readonly endpoint: string;
  /** Rejects with a `CallFailure`, after `timeoutMs` with the status `deadlineExceeded`. */
  call<Request, Response>(method: Method<Request, Response>, request: Request, call: ChannelCall): Promise<Response>;
  open<Request, Response>(
    method: Method<Request, Response>,
    events: StreamEvents<Response>,
    metadata?: Readonly<Record<string, string>>,
  ): OutboundStream<Request>;
  /** Called once, when the connection is lost or refused; never after `close`. */
  onLost(handle: (reason: Error) => void): void;
  close(): void;
}

/** Makes channels to one endpoint: the seam that production, tests and the simulator fill differently. */
export interface Dialler {
  readonly endpoint: string;
  /** Resolves when the member can be talked to. Rejects with why it cannot, after at most `timeoutMs`. */
  dial(timeoutMs: number, signal?: AbortSignal): Promise<Channel>;
}
