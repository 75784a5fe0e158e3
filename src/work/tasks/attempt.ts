/**
 * One attempt at a task: what the handler is given, and what ends it.
 *
 *     begun ──returns──▶ done      its result is written with the acknowledgement
 *       ├─────throws, a timeout──▶ again later, or failed
 *       ├─────cancelled──────────▶ cancelled
 *       └─────(session lost)─────▶ another worker goes on from the last checkpoint
 */
import type { Clock, Scheduled } from "../../environment.ts";
import type { QuorateError } from "../../errors.ts";
import { byteStringOf, type Encoded } from "../../kv/codec.ts";
import { deleteOp, putOp } from "../../kv/requests.ts";
import type { RequestOp } from "../../wire/kv.ts";
import { taskCancelled, taskTimeout } from "../errors.ts";
import type { Delivery } from "../queue/delivery.ts";
import { encodeJson, type Job, type TaskKeys } from "./record.ts";

/** Writes of text or bytes that are made only by who holds the task. */
export interface TaskGuard {
  /** @throws QuorateError `FENCED` if another has the task; then nothing was written */
  put(key: string, value: Encoded): Promise<void>;
  /** @throws QuorateError `FENCED` */
  delete(key: string): Promise<void>;
}

/** What a handler works with. */
export interface TaskContext<State = unknown> {
  readonly id: string;
  /** 1 at first. */
  readonly attempt: number;
  /** Greater than that of all who worked on it before. */
  readonly fence: bigint;
  /** Aborted when it is cancelled, takes too long, or is another's; pass it on. */
  readonly signal: AbortSignal;
  /** What the last checkpoint said, of this attempt or one before; null: there is none. */
  readonly state: State | null;
  /** Keeps how far it got: the next attempt goes on from there. @throws QuorateError `FENCED` */
  checkpoint(state: State): Promise<void>;
  /** Tells those who wait. @throws QuorateError `FENCED` */
  progress(value: unknown): Promise<void>;
  /** A sign of life; checkpoints and progress are such, too. */
  heartbeat(): void;
  readonly guard: TaskGuard;
  /** Writes with the result: exactly once, whatever happens. Undone if the attempt fails. */
  effect(key: string, value: Encoded): void;
}

export interface AttemptLimits {
  readonly runMs: number;
  readonly heartbeatMs: number;
}

export class Attempt<State> implements TaskContext<State>, Disposable {
  readonly id: string;
  readonly attempt: number;
  readonly fence: bigint;
  readonly guard: TaskGuard;
  readonly #delivery: Delivery<Job>;
  readonly #keys: TaskKeys;
  readonly #clock: Clock;
  readonly #limits: AttemptLimits;
  readonly #controller = new AbortController();
  readonly #effects: RequestOp[] = [];
  #state: State | null;
  #last: Promise<void> = Promise.resolve();
  #run: Scheduled | null = null;
  #beat: Scheduled | null = null;

  constructor(delivery: Delivery<Job>, keys: TaskKeys, clock: Clock, limits: AttemptLimits, state: State | null) {
    this.#delivery = delivery;
    this.#keys = keys;
    this.#clock = clock;
    this.#limits = limits;
    this.#state = state;
    this.id = delivery.value.id;
    this.attempt = delivery.attempt;
    this.fence = delivery.fence;
    this.guard = {
      put: (key, value) => delivery.write([putOp(byteStringOf(key, "a key"), byteStringOf(value, "a value"))]),
      delete: (key) => delivery.write([deleteOp(byteStringOf(key, "a key"))]),
    };
    const { signal } = delivery;
    const follow = (): void => this.abort(signal.reason as QuorateError);
    if (signal.aborted) follow();
    else signal.addEventListener("abort", follow, { once: true });
    const { runMs } = limits;
    if (runMs !== Number.POSITIVE_INFINITY) {
      this.#run = clock.after(runMs, () => this.abort(taskTimeout("run", runMs)));
    }
    this.heartbeat();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get state(): State | null {
    return this.#state;
  }

  /** Written with the result. */
  get effects(): readonly RequestOp[] {
    return this.#effects;
  }

  async checkpoint(state: State): Promise<void> {
    this.heartbeat();
    await this.#inOrder(putOp(this.#keys.checkpoint(this.id), encodeJson(state)));
    this.#state = state;
  }

  async progress(value: unknown): Promise<void> {
    this.heartbeat();
    await this.#inOrder(putOp(this.#keys.progress(this.id), encodeJson(value)));
  }

  /** One after the other, also when the handler does not wait: a checkpoint never goes back. */
  #inOrder(operation: RequestOp): Promise<void> {
    const before = this.#last;
    const write = (async () => {
      await before.catch(() => undefined);
      if (this.signal.aborted) throw this.signal.reason;
      await this.#delivery.write([operation]);
    })();
    this.#last = write;
    return write;
  }

  heartbeat(): void {
    const { heartbeatMs } = this.#limits;
    this.#beat?.cancel();
    if (heartbeatMs === Number.POSITIVE_INFINITY || this.signal.aborted) return;
    this.#beat = this.#clock.after(heartbeatMs, () => this.abort(taskTimeout("heartbeat", heartbeatMs)));
  }

  effect(key: string, value: Encoded): void {
    this.#effects.push(putOp(byteStringOf(key, "a key"), byteStringOf(value, "a value")));
  }

  cancel(): void {
    this.abort(taskCancelled(this.id));
  }

  abort(reason: QuorateError): void {
    if (!this.signal.aborted) this.#controller.abort(reason);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#run?.cancel();
    this.#beat?.cancel();
  }
}
