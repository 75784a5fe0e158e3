import type { Clock } from "../../environment.ts";
import { GrpcStatus } from "../../errors.ts";
import type { CallEvents, ClientCall } from "../../grpc/client/client-call.ts";
import type { GrpcClient } from "../../grpc/client/grpc-client.ts";
import type { Method } from "../../wire/methods.ts";
import { CallFailure, type Channel, type ChannelCall, type OutboundStream, type StreamEvents } from "../channel.ts";
import { failureOf, failureOfFault, givenUp, unavailable, unreadable } from "./failures.ts";
import { GrpcStream } from "./grpc-stream.ts";

type Metadata = Readonly<Record<string, string>>;

export interface GrpcChannelOptions {
  /** For people. */
  readonly endpoint: string;
  /** It has been greeted. */
  readonly client: GrpcClient;
  readonly maxRequestBytes: number;
  readonly clock: Clock;
}

/**
 * A connection that stands. Once lost it stays so: calls fail without being sent. It is lost, too, when the member asks its
 * clients to go: calls that it took are answered still, also after `close`, but streams, which might never end, are not.
 */
export class GrpcChannel implements Channel {
  readonly endpoint: string;
  readonly #client: GrpcClient;
  readonly #maxRequestBytes: number;
  readonly #clock: Clock;
  /** Those that are under way. */
  readonly #streams = new Set<{ lose(reason: Error): void }>();
  #onLost: ((reason: Error) => void) | null = null;

  constructor({ endpoint, client, maxRequestBytes, clock }: GrpcChannelOptions) {
    this.endpoint = endpoint;
    this.#client = client;
    this.#maxRequestBytes = maxRequestBytes;
    this.#clock = clock;
  }

  call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { timeoutMs, signal, metadata = NONE }: ChannelCall,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const { endpoint } = this;
      const { reason } = this.#client;
      if (reason !== null) return reject(unavailable(endpoint, reason.message, false, reason));
      if (signal?.aborted === true) return reject(givenUp(endpoint, false));
      const bytes = this.#encode(method, request);
      if (bytes instanceof CallFailure) return reject(bytes);
      let call: ClientCall;
      const over = (): void => signal?.removeEventListener("abort", abort);
      const abort = (): void => {
        over();
        reject(givenUp(endpoint, call.cancel()));
      };
      let answer: Uint8Array | null = null;
      const events: CallEvents = {
        message: (message) => {
          answer = message;
        },
        ended: (status, text) => {
          over();
          if (status !== GrpcStatus.ok) return reject(failureOf(status, text, endpoint));
          try {
            resolve(method.decode(answer ?? new Uint8Array(0)));
          } catch (problem) {
            reject(unreadable(endpoint, method.path, problem));
          }
        },
        failed: (fault) => {
          over();
          reject(failureOfFault(fault, endpoint));
        },
      };
      try {
        call = this.#client.call(method.path, bytes, timeoutMs, metadata, events);
      } catch (problem) {
        return reject(unsendable(problem));
      }
      signal?.addEventListener("abort", abort);
    });
  }

  open<Request, Response>(
    method: Method<Request, Response>,
    events: StreamEvents<Response>,
    metadata: Metadata = NONE,
  ): OutboundStream<Request> {
    const stream = new GrpcStream(this.endpoint, method, events, () => this.#streams.delete(stream));
    const { reason } = this.#client;
    if (reason !== null) {
      this.#clock.afterEvent(() => stream.lose(reason));
      return stream;
    }
    try {
      stream.begin(this.#client.stream(method.path, metadata, stream));
      this.#streams.add(stream);
    } catch (problem) {
      this.#clock.afterEvent(() => stream.abandon(unsendable(problem)));
    }
    return stream;
  }

  onLost(handle: (reason: Error) => void): void {
    this.#onLost = handle;
    const { reason } = this.#client;
    if (reason !== null) this.#clock.afterEvent(() => this.lose(reason));
  }

  /** What the client's end calls: it takes no more calls. */
  lose(reason: Error): void {
    const handle = this.#onLost;
    this.#onLost = null;
    handle?.(reason);
  }

  close(): void {
    this.#onLost = null;
    const { reason } = this.#client;
    if (reason === null) return this.#client.close(new Error("closed"));
    for (const stream of this.#streams) stream.lose(reason);
  }

  /** The bytes to send, or why they cannot be sent. */
  #encode<Request>(method: Method<Request, unknown>, request: Request): Uint8Array | CallFailure {
    let bytes: Uint8Array;
    try {
      bytes = method.encode(request);
    } catch (problem) {
      return unsendable(problem);
    }
    if (bytes.length <= this.#maxRequestBytes) return bytes;
    const message = `a request of ${bytes.length} bytes is larger than maxRequestBytes, ${this.#maxRequestBytes}`;
    return new CallFailure("REQUEST_TOO_LARGE", GrpcStatus.invalidArgument, message, { mayHaveArrived: false });
  }
}

const NONE: Metadata = {};

function unsendable(cause: unknown): CallFailure {
  const message = `a request that cannot be sent: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new CallFailure("INVALID_ARGUMENT", GrpcStatus.invalidArgument, message, { cause, mayHaveArrived: false });
}
