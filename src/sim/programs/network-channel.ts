/**
 * How the store of a simulated program reaches a member: channels over the simulated network, with everything that may
 * happen to a connection there. It knows the ports alone.
 */
import type { Address, Clock, Connection, Network, Scheduled } from "../../environment.ts";
import { GrpcStatus } from "../../errors.ts";
import {
  CallFailure,
  type Channel,
  type ChannelCall,
  type Dialler,
  type OutboundStream,
  type StreamEvents,
} from "../../store/channel.ts";
import type { Method } from "../../wire/methods.ts";
import {
  decodeReason,
  encodeFrame,
  encodeHead,
  type Frame,
  FrameKind,
  FrameReader,
  NO_PAYLOAD,
} from "../world/call-frames.ts";

export interface NetworkDiallerOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly keepalive: Keepalive;
}

/** How a connection that passes nothing on any more is found out: as gRPC does it, ms. */
export interface Keepalive {
  /** When nothing came for so long, the member is asked whether it is there. */
  readonly timeMs: number;
  /** And given up when nothing comes for so long after that. */
  readonly timeoutMs: number;
}

export function networkDialler(address: Address, { network, clock, keepalive }: NetworkDiallerOptions): Dialler {
  const endpoint = `${address.host}:${address.port}`;
  return {
    endpoint,
    dial: async (timeoutMs, signal) => {
      const connection = await network.connect(address, timeoutMs);
      if (signal?.aborted === true) connection.destroy();
      return new NetworkChannel(endpoint, connection, clock, keepalive);
    },
  };
}

/** A call or a stream that has not ended. */
interface Open {
  take(frame: Frame): void;
  fail(failure: CallFailure): void;
}

class NetworkChannel implements Channel {
  readonly endpoint: string;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #reader = new FrameReader();
  readonly #open = new Map<number, Open>();
  #lost: ((reason: Error) => void) | null = null;
  readonly #keepalive: Keepalive;
  #calls = 0;
  #over = false;
  #heardAt: number;
  #look: Scheduled | null = null;

  constructor(endpoint: string, connection: Connection, clock: Clock, keepalive: Keepalive) {
    this.endpoint = endpoint;
    this.#connection = connection;
    this.#clock = clock;
    this.#keepalive = keepalive;
    this.#heardAt = clock.now();
    this.#lookIn(keepalive.timeMs);
    connection.onData((chunk) => {
      this.#heardAt = clock.now();
      for (const frame of this.#reader.take(chunk)) this.#open.get(frame.call)?.take(frame);
    });
    connection.onClose((reason) => this.#close(reason ?? new Error("the member closed the connection")));
  }

  call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { timeoutMs, signal, metadata = {} }: ChannelCall,
  ): Promise<Response> {
    if (this.#over) return Promise.reject(this.#unavailable("the connection was lost", false));
    if (signal?.aborted === true) return Promise.reject(this.#unavailable("the call was given up", false));
    const bytes = method.encode(request);
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const id = ++this.#calls;
    const over = (): void => {
      this.#open.delete(id);
      timer.cancel();
      signal?.removeEventListener("abort", abort);
    };
    const fail = (failure: CallFailure): void => {
      over();
      reject(failure);
    };
    const giveUp = (code: string, status: GrpcStatus, why: string): void => {
      this.#send(id, FrameKind.cancel, NO_PAYLOAD);
      fail(new CallFailure(code, status, `${this.endpoint}: ${why}`, { mayHaveArrived: true }));
    };
    const abort = (): void => giveUp("CANCELLED", GrpcStatus.cancelled, "the call was given up");
    const timer = this.#clock.after(timeoutMs, () =>
      giveUp("DEADLINE_EXCEEDED", GrpcStatus.deadlineExceeded, `no answer within ${timeoutMs} ms`),
    );
    signal?.addEventListener("abort", abort, { once: true });
    this.#open.set(id, {
      fail,
      take: ({ kind, payload }) => {
        if (kind !== FrameKind.answer) return fail(this.#failureOf(kind, payload));
        over();
        resolve(method.decode(payload));
      },
    });
    this.#send(id, FrameKind.call, encodeHead({ path: method.path, metadata }, bytes));
    return promise;
  }

  open<Request, Response>(
    method: Method<Request, Response>,
    events: StreamEvents<Response>,
    metadata: Readonly<Record<string, string>> = {},
  ): OutboundStream<Request> {
    const id = ++this.#calls;
    /** Replies that wait for `resume`; null: there is no need to wait. */
    let waiting: Uint8Array[] | null = null;
    const reply = (payload: Uint8Array): void => {
      if (waiting !== null) {
        waiting.push(payload);
        return;
      }
      this.#send(id, FrameKind.read, NO_PAYLOAD);
      events.reply(method.decode(payload));
    };
    const end = (error: CallFailure | null): void => {
      if (this.#open.delete(id)) events.ended(error);
    };
    this.#open.set(id, {
      fail: end,
      take: ({ kind, payload }) => {
        if (kind === FrameKind.message) reply(payload);
        else end(kind === FrameKind.end && payload.length === 0 ? null : this.#failureOf(kind, payload));
      },
    });
    if (this.#over) this.#clock.soon(() => end(this.#unavailable("the connection was lost", false)));
    else this.#send(id, FrameKind.stream, encodeHead({ path: method.path, metadata }));
    return {
      send: (request) => {
        if (this.#open.has(id)) this.#send(id, FrameKind.message, method.encode(request));
      },
      pause: () => {
        waiting ??= [];
      },
      resume: () => {
        const late = waiting ?? [];
        waiting = null;
        for (const payload of late) if (this.#open.has(id)) reply(payload);
      },
      cancel: () => {
        if (this.#open.delete(id)) this.#send(id, FrameKind.cancel, NO_PAYLOAD);
      },
    };
  }

  onLost(handle: (reason: Error) => void): void {
    this.#lost = handle;
  }

  close(): void {
    this.#lost = null;
    this.#connection.destroy();
    this.#close(new Error("closed"));
  }

  #send(call: number, kind: FrameKind, payload: Uint8Array): void {
    if (!this.#over) this.#connection.write([encodeFrame({ call, kind, payload })]);
  }

  #close(reason: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#look?.cancel();
    for (const open of this.#open.values()) open.fail(this.#unavailable(reason.message, true));
    this.#lost?.(reason);
  }

  #lookIn(delayMs: number): void {
    this.#look = this.#clock.after(delayMs, () => {
      const { timeMs, timeoutMs } = this.#keepalive;
      const silentMs = this.#clock.now() - this.#heardAt;
      if (silentMs >= timeMs + timeoutMs) {
        this.#connection.destroy();
        return this.#close(new Error(`nothing came for ${silentMs} ms`));
      }
      if (silentMs >= timeMs) this.#send(0, FrameKind.ping, NO_PAYLOAD);
      this.#lookIn(silentMs >= timeMs ? timeoutMs : timeMs - silentMs);
    });
  }

  #failureOf(kind: FrameKind, payload: Uint8Array): CallFailure {
    if (kind === FrameKind.refused) return this.#unavailable("nobody is there to take it", false);
    const reason = decodeReason(payload);
    if (reason === null) return this.#unavailable("the member ended it without an answer", true);
    return CallFailure.answered(reason.status, reason.message);
  }

  #unavailable(why: string, mayHaveArrived: boolean): CallFailure {
    return new CallFailure("UNAVAILABLE", GrpcStatus.unavailable, `${this.endpoint}: ${why}`, { mayHaveArrived });
  }
}
