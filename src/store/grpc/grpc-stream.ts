import type { CallEvents, CallFault, ClientCall } from "../../grpc/client/client-call.ts";
import type { Method } from "../../wire/methods.ts";
import type { CallFailure, OutboundStream, StreamEvents } from "../channel.ts";
import { failureOf, failureOfFault, unavailable, unreadable } from "./failures.ts";

/** A stream of a channel over gRPC: messages in and out, replies that wait while it is paused, and its end. */
export class GrpcStream<Request, Response> implements OutboundStream<Request>, CallEvents {
  readonly #endpoint: string;
  readonly #method: Method<Request, Response>;
  readonly #events: StreamEvents<Response>;
  readonly #over: () => void;
  #call: ClientCall | null = null;
  #isOver = false;
  #isPaused = false;
  /** Replies that came while it was paused: as many as the member was allowed to send already. */
  #waiting: Uint8Array[] = [];
  /** The member's, behind those. */
  #ending: { readonly failure: CallFailure | null } | null = null;

  /** @param over called once, when nothing can come any more */
  constructor(endpoint: string, method: Method<Request, Response>, events: StreamEvents<Response>, over: () => void) {
    this.#endpoint = endpoint;
    this.#method = method;
    this.#events = events;
    this.#over = over;
  }

  /** Once, at once. */
  begin(call: ClientCall): void {
    this.#call = call;
  }

  send(request: Request): void {
    if (!this.#isOver) this.#call?.send(this.#method.encode(request));
  }

  pause(): void {
    this.#isPaused = true;
    this.#call?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    while (!this.#isPaused && !this.#isOver) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) break;
      this.#give(bytes);
    }
    if (this.#isPaused) return;
    this.#call?.resume();
    if (this.#ending !== null) this.#end(this.#ending.failure);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#close();
    this.#call?.cancel();
  }

  /** It cannot go on here: ends it on both sides. */
  abandon(failure: CallFailure): void {
    this.#call?.cancel();
    this.#end(failure);
  }

  /** The channel is closed, for this reason. */
  lose(reason: Error): void {
    const mayHaveArrived = this.#call?.cancel() ?? false;
    this.#end(unavailable(this.#endpoint, reason.message, mayHaveArrived, reason));
  }

  /** What the call tells, from here on. */
  message(bytes: Uint8Array): void {
    if (this.#isPaused) this.#waiting.push(bytes);
    else this.#give(bytes);
  }

  ended(status: number, text: string): void {
    const failure = status === 0 ? null : failureOf(status, text, this.#endpoint);
    if (this.#isPaused) this.#ending = { failure };
    else this.#end(failure);
  }

  failed(fault: CallFault): void {
    this.#end(failureOfFault(fault, this.#endpoint));
  }

  #give(bytes: Uint8Array): void {
    let response: Response;
    try {
      response = this.#method.decode(bytes);
    } catch (problem) {
      return this.abandon(unreadable(this.#endpoint, this.#method.path, problem));
    }
    this.#events.reply(response);
  }

  #end(failure: CallFailure | null): void {
    if (this.#isOver) return;
    this.#close();
    this.#events.ended(failure);
  }

  #close(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#over();
  }
}
