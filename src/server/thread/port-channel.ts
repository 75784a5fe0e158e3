/** The program's end of the port to its member: a channel like that over a socket, to a member that is always near. */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Clock } from "../../environment.ts";
import { GrpcStatus } from "../../errors.ts";
import {
  CallFailure,
  type Channel,
  type ChannelCall,
  type OutboundStream,
  type StreamEvents,
} from "../../store/channel.ts";
import type { Method } from "../../wire/methods.ts";
import { type Parcel, Parcels, unpack } from "./parcel.ts";
import { PortStream, type Receiver } from "./port-stream.ts";
import type { FromMember, FromProgram, Metadata } from "./protocol.ts";

export class PortChannel implements Channel {
  readonly endpoint: string;
  readonly #port: MessagePort;
  readonly #clock: Clock;
  readonly #parcels: Parcels<FromProgram>;
  readonly #calls = new Map<number, Receiver>();
  #lastId = 0;
  #over: Error | null = null;
  #lost: ((reason: Error) => void) | null = null;
  #isTaking = false;

  /** @param endpoint for people; the port is closed by its owner */
  constructor(endpoint: string, port: MessagePort, clock: Clock) {
    this.endpoint = endpoint;
    this.#port = port;
    this.#clock = clock;
    this.#parcels = new Parcels(port, clock);
    port.on("message", (parcel: Parcel<FromMember>) => this.#takeAll(parcel));
  }

  call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { timeoutMs, signal, metadata = {} }: ChannelCall,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (this.#over !== null) return reject(this.#unavailable(this.#over, false));
      if (signal?.aborted === true) return reject(this.#givenUp(false));
      let bytes: Uint8Array;
      try {
        bytes = method.encode(request);
      } catch (problem) {
        return reject(unsendable(problem));
      }
      const end = (failure: CallFailure | null, answer?: Uint8Array): void => {
        this.#calls.delete(id);
        overdue.cancel();
        signal?.removeEventListener("abort", abort);
        if (answer === undefined) return reject(failure ?? this.#unreadable(method.path, "no message"));
        try {
          resolve(method.decode(answer));
        } catch (problem) {
          reject(this.#unreadable(method.path, problem));
        }
      };
      const giveUp = (failure: CallFailure): void => {
        this.#parcels.add({ is: "cancel", id });
        end(failure);
      };
      const overdue = this.#clock.after(timeoutMs, () => giveUp(this.#late(timeoutMs)));
      const abort = (): void => giveUp(this.#givenUp(true));
      signal?.addEventListener("abort", abort);
      const id = this.#open(method.path, metadata, {
        reply: (reply) => end(null, reply),
        answer: (answer) => end(null, answer),
        ended: end,
        lost: end,
      });
      this.#parcels.add({ is: "request", id }, bytes);
    });
  }

  open<Request, Response>(
    method: Method<Request, Response>,
    events: StreamEvents<Response>,
    metadata: Metadata = {},
  ): OutboundStream<Request> {
    const stream = new PortStream(method, events, {
      tell: (message, bytes) => this.#parcels.add({ ...message, id }, bytes),
      over: () => this.#calls.delete(id),
      unreadable: (problem) => this.#unreadable(method.path, problem),
    });
    const id = this.#open(method.path, metadata, stream);
    const over = this.#over;
    if (over !== null) this.#clock.afterEvent(() => stream.lost(this.#unavailable(over, false)));
    return stream;
  }

  onLost(handle: (reason: Error) => void): void {
    this.#lost = handle;
  }

  /** Takes what has come already, before its turn. Whether there was anything. */
  hear(): boolean {
    // Within a message, what came later has to wait for the rest of it.
    if (this.#isTaking || this.#over !== null) return false;
    let heard = false;
    for (;;) {
      const next: { readonly message: Parcel<FromMember> } | undefined = receiveMessageOnPort(this.#port);
      if (next === undefined) return heard;
      heard = true;
      this.#takeAll(next.message);
    }
  }

  /** The member is gone. */
  lose(reason: Error): void {
    if (this.#over !== null) return;
    this.#end(reason);
    this.#lost?.(reason);
  }

  close(): void {
    this.#lost = null;
    if (this.#over === null) this.#end(new Error("closed"));
  }

  #end(reason: Error): void {
    this.#over = reason;
    const calls = [...this.#calls];
    this.#calls.clear();
    for (const [id, call] of calls) {
      this.#parcels.add({ is: "cancel", id });
      call.lost(this.#unavailable(reason, true));
    }
  }

  #open(path: string, metadata: Metadata, receiver: Receiver): number {
    const id = ++this.#lastId;
    this.#calls.set(id, receiver);
    this.#parcels.add({ is: "open", id, path, metadata });
    return id;
  }

  #takeAll(parcel: Parcel<FromMember>): void {
    this.#isTaking = true;
    try {
      unpack(parcel, (message, bytes) => this.#take(message, bytes));
    } finally {
      this.#isTaking = false;
    }
  }

  #take(message: FromMember, bytes: Uint8Array): void {
    const call = this.#calls.get(message.id);
    // It was given up.
    if (call === undefined) return;
    switch (message.is) {
      case "reply":
        return call.reply(bytes);
      case "answer":
        return call.answer(bytes);
      case "end": {
        const { error } = message;
        return call.ended(error === null ? null : CallFailure.answered(error.status, error.text));
      }
    }
  }

  #unavailable(reason: Error, mayHaveArrived: boolean): CallFailure {
    return new CallFailure("UNAVAILABLE", GrpcStatus.unavailable, `${this.endpoint}: ${reason.message}`, {
      cause: reason,
      mayHaveArrived,
    });
  }

  #late(timeoutMs: number): CallFailure {
    const message = `${this.endpoint} gave no answer within ${timeoutMs} ms`;
    return new CallFailure("DEADLINE_EXCEEDED", GrpcStatus.deadlineExceeded, message, { mayHaveArrived: true });
  }

  #givenUp(mayHaveArrived: boolean): CallFailure {
    const message = `${this.endpoint}: the call was given up`;
    return new CallFailure("CANCELLED", GrpcStatus.cancelled, message, { mayHaveArrived });
  }

  #unreadable(path: string, problem: unknown): CallFailure {
    const message = `${this.endpoint} answered ${path} with what cannot be read: ${String(problem)}`;
    return new CallFailure("MALFORMED_RESPONSE", GrpcStatus.dataLoss, message, {
      cause: problem,
      mayHaveArrived: true,
    });
  }
}

function unsendable(problem: unknown): CallFailure {
  const message = `a request that cannot be sent: ${String(problem)}`;
  return new CallFailure("INVALID_ARGUMENT", GrpcStatus.invalidArgument, message, {
    cause: problem,
    mayHaveArrived: false,
  });
}
