/**
 * A member that does what a test says, on the far side of a `Channel`: answers by script, connections that break, streams
 * that a test speaks on. Messages take a millisecond each way and are not encoded.
 */
import type { Clock } from "../../../environment.ts";
import { GrpcStatus, type QuorateError } from "../../../errors.ts";
import type { Method } from "../../../wire/methods.ts";
import {
  CallFailure,
  type Channel,
  type ChannelCall,
  type Dialler,
  type OutboundStream,
  type StreamEvents,
} from "../../channel.ts";

const WAY_MS = 1;

export interface SeenCall {
  readonly path: string;
  readonly request: unknown;
  readonly metadata: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Answers a call: a response, or throws; a promise may never settle. */
export type Script = (request: never, call: SeenCall) => unknown;

export function failure(code: string, status: GrpcStatus, mayHaveArrived: boolean): CallFailure {
  return new CallFailure(code, status, `scripted ${code}`, { mayHaveArrived });
}

/** What a member answers with etcd's text. */
export function answered(error: QuorateError): CallFailure {
  return CallFailure.answered(error.status, error.message);
}

export class ScriptedMember implements Dialler {
  readonly endpoint: string;
  readonly #clock: Clock;
  readonly #scripts = new Map<string, Script>();
  readonly #channels = new Set<ScriptedChannel>();
  /** Every call that arrived. */
  readonly calls: SeenCall[] = [];
  /** Every stream that was opened, in order. */
  readonly streams: ScriptedStream[] = [];
  /** Attempts to connect. */
  dials = 0;
  /** Why connections are refused; null: they are not; "hangs": there is no answer at all. */
  refusal: string | null = null;
  /** It takes requests and answers nothing; a stream that is used meanwhile stays deaf and dumb for good. */
  frozen = false;
  /** Called with every stream, before the first message on it. */
  opened: (stream: ScriptedStream) => void = () => undefined;

  constructor(endpoint: string, clock: Clock) {
    this.endpoint = endpoint;
    this.#clock = clock;
  }

  /** How calls of a method are answered from now on. */
  on(method: { readonly path: string }, script: Script): this {
    this.#scripts.set(method.path, script);
    return this;
  }

  /** All connections break; requests under way may have arrived. */
  breakAll(why = "broken"): void {
    for (const channel of this.#channels) channel.lose(new Error(why));
  }

  /** Calls of one method that arrived. */
  callsOf(method: { readonly path: string }): SeenCall[] {
    return this.calls.filter(({ path }) => path === method.path);
  }

  async dial(timeoutMs: number, signal?: AbortSignal): Promise<Channel> {
    this.dials++;
    const hangs = this.refusal === "hangs";
    await new Promise<void>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(failure("UNAVAILABLE", GrpcStatus.unavailable, false)));
      this.#clock.after(hangs ? timeoutMs : WAY_MS, resolve);
    });
    if (hangs)
      throw new CallFailure("UNAVAILABLE", GrpcStatus.unavailable, "no connection in time", { mayHaveArrived: false });
    if (this.refusal !== null) {
      throw new CallFailure("UNAVAILABLE", GrpcStatus.unavailable, this.refusal, { mayHaveArrived: false });
    }
    const channel = new ScriptedChannel(this, this.#clock, () => this.#channels.delete(channel));
    this.#channels.add(channel);
    return channel;
  }

  /** Connections that stand. */
  get connections(): number {
    return this.#channels.size;
  }

  async answer(call: SeenCall): Promise<unknown> {
    this.calls.push(call);
    const script = this.#scripts.get(call.path);
    if (script === undefined) throw failure("UNIMPLEMENTED", GrpcStatus.unimplemented, true);
    return script(call.request as never, call);
  }
}

class ScriptedChannel implements Channel {
  readonly endpoint: string;
  readonly #member: ScriptedMember;
  readonly #clock: Clock;
  readonly #gone: () => void;
  readonly #broken = new Set<(error: CallFailure) => void>();
  #lost: ((reason: Error) => void) | null = null;
  #over = false;

  constructor(member: ScriptedMember, clock: Clock, gone: () => void) {
    this.endpoint = member.endpoint;
    this.#member = member;
    this.#clock = clock;
    this.#gone = gone;
  }

  call<Request, Response>(
    { path }: Method<Request, Response>,
    request: Request,
    { timeoutMs, signal, metadata = {} }: ChannelCall,
  ): Promise<Response> {
    if (this.#over) return Promise.reject(failure("UNAVAILABLE", GrpcStatus.unavailable, false));
    return new Promise((resolve, reject) => {
      const end = (error: CallFailure): void => {
        this.#broken.delete(end);
        timer.cancel();
        reject(error);
      };
      const timer = this.#clock.after(timeoutMs, () =>
        end(failure("DEADLINE_EXCEEDED", GrpcStatus.deadlineExceeded, true)),
      );
      signal?.addEventListener("abort", () => end(failure("CANCELLED", GrpcStatus.cancelled, true)));
      this.#broken.add(end);
      const answer = (response: unknown): void => {
        if (!this.#broken.delete(end)) return;
        timer.cancel();
        resolve(response as Response);
      };
      this.#clock.after(WAY_MS, () => {
        if (this.#member.frozen) return;
        this.#member.answer({ path, request, metadata, timeoutMs }).then(
          (response) => this.#clock.after(WAY_MS, () => answer(response)),
          (error: unknown) =>
            this.#clock.after(WAY_MS, () => end(error instanceof CallFailure ? error : unexpected(error))),
        );
      });
    });
  }

  open<Request, Response>(
    { path }: Method<Request, Response>,
    events: StreamEvents<Response>,
    metadata: Readonly<Record<string, string>> = {},
  ): OutboundStream<Request> {
    const stream = new ScriptedStream(path, metadata, events, this.#clock, this.#member);
    if (this.#over) {
      this.#clock.after(WAY_MS, () => stream.end(failure("UNAVAILABLE", GrpcStatus.unavailable, false)));
    } else {
      this.#broken.add((error) => stream.end(error));
      this.#member.streams.push(stream);
      this.#member.opened(stream);
    }
    return stream.outbound;
  }

  onLost(handle: (reason: Error) => void): void {
    this.#lost = handle;
  }

  lose(reason: Error): void {
    if (this.#over) return;
    const lost = this.#lost;
    const broken = [...this.#broken];
    this.close();
    for (const end of broken)
      end(new CallFailure("UNAVAILABLE", GrpcStatus.unavailable, reason.message, { mayHaveArrived: true }));
    lost?.(reason);
  }

  close(): void {
    this.#over = true;
    this.#lost = null;
    this.#broken.clear();
    this.#gone();
  }
}

function unexpected(error: unknown): CallFailure {
  return new CallFailure("UNKNOWN", GrpcStatus.unknown, String(error), { mayHaveArrived: true });
}

/** The member's end of a stream. */
export class ScriptedStream {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** What arrived. */
  readonly requests: unknown[] = [];
  /** Called with each request, after it is among `requests`. */
  heard: (request: never) => void = () => undefined;
  /** The store has cancelled it. */
  canceled = false;
  readonly outbound: OutboundStream<unknown>;
  readonly #events: StreamEvents<unknown>;
  readonly #clock: Clock;
  readonly #member: ScriptedMember;
  #over = false;
  #isDead = false;

  constructor(
    path: string,
    metadata: Readonly<Record<string, string>>,
    events: StreamEvents<unknown>,
    clock: Clock,
    member: ScriptedMember,
  ) {
    this.path = path;
    this.metadata = metadata;
    this.#events = events;
    this.#clock = clock;
    this.#member = member;
    this.outbound = {
      send: (request) => {
        clock.after(WAY_MS, () => {
          if (!this.#passes()) return;
          this.requests.push(request);
          this.heard(request as never);
        });
      },
      pause: () => undefined,
      resume: () => undefined,
      cancel: () => {
        this.canceled = true;
        this.#over = true;
      },
    };
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Sends a message, which takes its time. */
  say(response: unknown): void {
    this.#clock.after(WAY_MS, () => {
      if (this.#passes()) this.#events.reply(response);
    });
  }

  /** Nothing is lost from the middle: once one message is, all later ones are. */
  #passes(): boolean {
    if (this.#member.frozen) this.#isDead = true;
    return !this.#over && !this.#isDead;
  }

  /** Ends it at once. */
  end(error: CallFailure | null): void {
    if (this.isOver) return;
    this.#over = true;
    this.#events.ended(error);
  }
}
