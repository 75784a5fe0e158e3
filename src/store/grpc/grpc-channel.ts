import { Buffer } from "node:buffer";
import type * as grpc from "@grpc/grpc-js";
import { GrpcStatus } from "../../errors.ts";
import type { Method } from "../../wire/methods.ts";
import { CallFailure, type Channel, type ChannelCall, type OutboundStream, type StreamEvents } from "../channel.ts";
import { failureOf, unavailable } from "./failures.ts";

type Library = typeof grpc;

/** A connection that stands, as the only one of its client. Once lost it stays so: calls fail without being sent. */
export class GrpcChannel implements Channel {
  readonly endpoint: string;
  readonly #library: Library;
  readonly #client: grpc.Client;
  readonly #close: () => void;
  readonly #maxRequestBytes: number;
  #over: Error | null = null;
  #lost: ((reason: Error) => void) | null = null;

  /** @param client connected; `close` closes it and its connection */
  constructor(endpoint: string, library: Library, client: grpc.Client, close: () => void, maxRequestBytes: number) {
    this.endpoint = endpoint;
    this.#library = library;
    this.#client = client;
    this.#close = close;
    this.#maxRequestBytes = maxRequestBytes;
    // Its client would connect anew by itself with the next call: to whom, and when, is decided elsewhere.
    const { READY } = library.connectivityState;
    client.getChannel().watchConnectivityState(READY, Number.POSITIVE_INFINITY, () => this.#lose());
  }

  call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { timeoutMs, signal, metadata }: ChannelCall,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const bytes = this.#encode(method, request);
      if (bytes instanceof CallFailure) return reject(bytes);
      if (signal?.aborted === true) return reject(givenUp(this.endpoint, false));
      let abort = (): void => undefined;
      const call = this.#client.makeUnaryRequest(
        method.path,
        asBuffer,
        asItIs,
        bytes,
        this.#metadata(metadata),
        { deadline: Date.now() + timeoutMs },
        (error: grpc.ServiceError | null, reply?: Buffer) => {
          signal?.removeEventListener("abort", abort);
          if (error !== null) return reject(failureOf(error, this.endpoint));
          try {
            resolve(method.decode(reply ?? new Uint8Array()));
          } catch (problem) {
            reject(unreadable(this.endpoint, method.path, problem));
          }
        },
      );
      abort = () => {
        signal?.removeEventListener("abort", abort);
        reject(givenUp(this.endpoint, true));
        call.cancel();
      };
      signal?.addEventListener("abort", abort);
    });
  }

  open<Request, Response>(
    method: Method<Request, Response>,
    events: StreamEvents<Response>,
    metadata: Readonly<Record<string, string>> = {},
  ): OutboundStream<Request> {
    const call = this.#client.makeBidiStreamRequest<Uint8Array, Buffer>(
      method.path,
      asBuffer,
      asItIs,
      this.#metadata(metadata),
      {},
    );
    let over = false;
    const end = (failure: CallFailure | null): void => {
      if (over) return;
      over = true;
      events.ended(failure);
    };
    call.on("data", (bytes: Buffer) => {
      if (over) return;
      let response: Response;
      try {
        response = method.decode(bytes);
      } catch (problem) {
        call.cancel();
        return end(unreadable(this.endpoint, method.path, problem));
      }
      events.reply(response);
    });
    call.on("error", (error: grpc.ServiceError) => end(failureOf(error, this.endpoint)));
    call.on("end", () => end(null));
    return {
      send: (request) => {
        if (!over) call.write(method.encode(request));
      },
      pause: () => void call.pause(),
      resume: () => void call.resume(),
      cancel: () => {
        over = true;
        call.cancel();
      },
    };
  }

  onLost(handle: (reason: Error) => void): void {
    this.#lost = handle;
  }

  close(): void {
    this.#over ??= new Error("closed");
    this.#lost = null;
    this.#close();
  }

  #lose(): void {
    if (this.#over !== null) return;
    const reason = new Error("the connection was lost");
    this.#over = reason;
    this.#close();
    this.#lost?.(reason);
  }

  /** The bytes to send, or why they cannot be sent. */
  #encode<Request>(method: Method<Request, unknown>, request: Request): Uint8Array | CallFailure {
    if (this.#over !== null) return unavailable(this.endpoint, this.#over.message, false);
    const refuse = (code: string, message: string, cause?: unknown): CallFailure =>
      new CallFailure(code, GrpcStatus.invalidArgument, message, { cause, mayHaveArrived: false });
    let bytes: Uint8Array;
    try {
      bytes = method.encode(request);
    } catch (problem) {
      return refuse("INVALID_ARGUMENT", `a request that cannot be sent: ${String(problem)}`, problem);
    }
    if (bytes.length <= this.#maxRequestBytes) return bytes;
    return refuse(
      "REQUEST_TOO_LARGE",
      `a request of ${bytes.length} bytes is larger than maxRequestBytes, ${this.#maxRequestBytes}`,
    );
  }

  #metadata(entries: Readonly<Record<string, string>> = {}): grpc.Metadata {
    const metadata = new this.#library.Metadata();
    for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
    return metadata;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

function givenUp(endpoint: string, mayHaveArrived: boolean): CallFailure {
  return new CallFailure("CANCELLED", GrpcStatus.cancelled, `${endpoint}: the call was given up`, { mayHaveArrived });
}

function unreadable(endpoint: string, path: string, cause: unknown): CallFailure {
  const message = `${endpoint} answered ${path} with what cannot be read: ${String(cause)}`;
  return new CallFailure("MALFORMED_RESPONSE", GrpcStatus.dataLoss, message, { cause, mayHaveArrived: true });
}
