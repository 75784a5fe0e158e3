/**
 * Renewals of leases: all of them share one stream, which a member answers in the order of its questions.
 *
 * A stream that fails, or leaves a question without an answer for too long, fails everything that waits on it: renewals
 * may be asked again, at another member.
 */
import type { Clock } from "../../environment.ts";
import { GrpcStatus } from "../../errors.ts";
import type { LeaseId } from "../../wire/kv.ts";
import { leaseKeepAlive } from "../../wire/methods.ts";
import { CallFailure, type OutboundStream } from "../channel.ts";
import type { LeaseRenewal } from "../store.ts";
import { type Attempt, LEAST_ATTEMPT_MS, metadataOf } from "./calls.ts";
import type { Connected } from "./member.ts";

interface Waiting {
  readonly sentAt: number;
  resolve(renewal: LeaseRenewal): void;
  reject(error: CallFailure): void;
}

export class KeepAlives {
  readonly #clock: Clock;
  #stream: KeepAliveStream | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One renewal, as an attempt of `Calls.attempt`. */
  renew(id: LeaseId): Attempt<LeaseRenewal> {
    return (connected, token, timeoutMs, limit) => {
      let stream = this.#stream;
      if (stream === null || stream.isOver || stream.connected !== connected || stream.token !== token) {
        stream?.close(new CallFailure("UNAVAILABLE", GrpcStatus.unavailable, MOVED, { mayHaveArrived: true }));
        stream = new KeepAliveStream(connected, token, this.#clock);
        this.#stream = stream;
      }
      return stream.renew(id, timeoutMs, limit.signal);
    };
  }

  close(): void {
    this.#stream?.close(
      new CallFailure("CLOSED", GrpcStatus.cancelled, "the store is closed", { mayHaveArrived: true }),
    );
    this.#stream = null;
  }
}

const MOVED = "renewals have moved to another connection";

class KeepAliveStream {
  readonly connected: Connected;
  readonly token: string;
  readonly #clock: Clock;
  readonly #outbound: OutboundStream<{ readonly ID: bigint }>;
  /** Those of one lease in the order in which they were sent, which is that of their answers. */
  readonly #waiting = new Map<LeaseId, Waiting[]>();
  #over: CallFailure | null = null;

  constructor(connected: Connected, token: string, clock: Clock) {
    this.connected = connected;
    this.token = token;
    this.#clock = clock;
    this.#outbound = connected.channel.open(
      leaseKeepAlive,
      {
        reply: ({ ID, TTL }) => this.#answered(ID, Number(TTL)),
        ended: (error) =>
          this.#end(error ?? CallFailure.answered(GrpcStatus.unavailable, "the member ended the stream")),
      },
      metadataOf(token, true),
    );
  }

  get isOver(): boolean {
    return this.#over !== null;
  }

  renew(id: LeaseId, timeoutMs: number, signal: AbortSignal): Promise<LeaseRenewal> {
    if (this.#over !== null) return Promise.reject(this.#over);
    const { promise, resolve, reject } = Promise.withResolvers<LeaseRenewal>();
    const waiting: Waiting = { sentAt: this.#clock.now(), resolve, reject };
    const queue = this.#waiting.get(id);
    if (queue === undefined) this.#waiting.set(id, [waiting]);
    else queue.push(waiting);
    const give = (error: CallFailure): void => {
      // Its answer may still come, and is then taken for nobody: the order of the others holds.
      reject(error);
      if (this.#clock.now() - waiting.sentAt >= LEAST_ATTEMPT_MS) this.close(error);
    };
    const overdue = this.#clock.after(timeoutMs, () =>
      give(
        new CallFailure("DEADLINE_EXCEEDED", GrpcStatus.deadlineExceeded, `no answer within ${timeoutMs} ms`, {
          mayHaveArrived: true,
        }),
      ),
    );
    const abort = (): void =>
      give(new CallFailure("CANCELLED", GrpcStatus.cancelled, "given up", { mayHaveArrived: true }));
    signal.addEventListener("abort", abort, { once: true });
    this.#outbound.send({ ID: id });
    return promise.finally(() => {
      overdue.cancel();
      signal.removeEventListener("abort", abort);
    });
  }

  close(error: CallFailure): void {
    if (this.#over !== null) return;
    this.#outbound.cancel();
    this.#end(error);
  }

  #answered(id: LeaseId, ttlSeconds: number): void {
    const queue = this.#waiting.get(id);
    const first = queue?.shift();
    if (queue?.length === 0) this.#waiting.delete(id);
    first?.resolve({ ttlSeconds, sentAt: first.sentAt });
  }

  #end(error: CallFailure): void {
    if (this.#over !== null) return;
    this.#over = error;
    const all = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    for (const waiting of all) waiting.reject(error);
  }
}
