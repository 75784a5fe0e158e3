/**
 * Works on tasks of one type, so many at once. It takes a task only when it has room for it, so that the least loaded
 * worker gets the next one; tasks of one affinity come to the same worker as long as that one has room.
 */
import { QuorateError } from "../../errors.ts";
import { follow } from "../../kv/follow.ts";
import { deleteOp, prefixRange, putOp, rangeRequest } from "../../kv/requests.ts";
import { hasCode, Wait } from "../../kv/wait.ts";
import type { CallOptions } from "../../store/store.ts";
import type { RequestOp } from "../../wire/kv.ts";
import { invalid, taskCancelled, taskTimeout } from "../errors.ts";
import { keyPart } from "../names.ts";
import type { Consumer } from "../queue/consumer.ts";
import type { Delivery } from "../queue/delivery.ts";
import { type RetryPolicy, retryDelayMs } from "../retry.ts";
import { Attempt, type AttemptLimits, type TaskContext } from "./attempt.ts";
import type { TaskPlace } from "./handle.ts";
import { decodeJson, encodeJson, type Job, type TaskRecord } from "./record.ts";

/** How much, and how long. */
export interface TaskWorkerOptions {
  /** Tasks at once; default 1. */
  readonly capacity?: number;
}

export interface TaskWorkerParts extends TaskPlace {
  readonly consumer: Consumer<Job>;
  readonly limits: AttemptLimits;
  readonly attempts: number;
  readonly retry: RetryPolicy;
}

type Handler = (input: never, context: TaskContext<never>) => unknown;

/** What becomes of an attempt. */
type Outcome = { readonly is: "done"; readonly result: unknown } | { readonly is: "failed"; readonly error: unknown };

/** Runs until it is drained. */
export class TaskWorker implements AsyncDisposable {
  /** Resolves when it has ended. @throws QuorateError why it could not go on */
  readonly ended: Promise<void>;
  readonly #parts: TaskWorkerParts;
  readonly #handler: Handler;
  readonly #running = new Map<string, Attempt<unknown>>();
  readonly #cancelled = new Set<string>();
  readonly #stop = new AbortController();

  /** @internal Definitions of tasks make them. */
  constructor(parts: TaskWorkerParts, handler: Handler, { capacity = 1 }: TaskWorkerOptions) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      throw invalid(`capacity is ${String(capacity)}: give a whole number from 1 on`);
    }
    this.#parts = parts;
    this.#handler = handler;
    const watching = this.#watchCancellations();
    const runs = Array.from({ length: capacity }, () => this.#run());
    this.ended = (async () => {
      await Promise.all(runs);
      this.#stop.abort();
      await watching;
    })();
    this.ended.catch(() => undefined);
  }

  /** Ids of tasks that it works on. */
  get running(): readonly string[] {
    return [...this.#running.keys()];
  }

  /**
   * Takes no more tasks, and resolves when those at work have ended.
   * @throws QuorateError `TIMEOUT`, `ABORTED`; then handlers are aborted, and their tasks go to other workers
   */
  async drain(options?: CallOptions): Promise<void> {
    const { consumer, store } = this.#parts;
    using wait = new Wait(store.clock, options);
    try {
      await wait.for(Promise.all([consumer.close(), this.ended]));
    } catch (error) {
      if (error instanceof QuorateError) for (const attempt of this.#running.values()) attempt.abort(error);
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  async #run(): Promise<void> {
    for await (const delivery of this.#parts.consumer) {
      try {
        await this.#work(delivery);
      } catch (error) {
        // Another has it, or will get it: its session is over, or it was unanswered for too long.
        if (!(error instanceof QuorateError) || hasCode(error, "CLOSED")) throw error;
      }
    }
  }

  async #work(delivery: Delivery<Job>): Promise<void> {
    const { id, queueMs } = delivery.value;
    const { store, attempts, limits, keys } = this.#parts;
    if (this.#cancelled.has(keyPart(id, "a task's id"))) return await this.#end(delivery, { state: "cancelled" });
    const waitedMs = store.clock.wallClock() - delivery.sentAt;
    if (delivery.attempt === 1 && queueMs !== undefined && waitedMs > queueMs) {
      const reason = taskTimeout("queue", queueMs).message;
      return await this.#end(delivery, { state: "failed", reason, attempts: 0 });
    }
    if (delivery.attempt > attempts) {
      const reason = `its workers died in each of ${delivery.attempt - 1} attempts`;
      return await this.#end(delivery, { state: "failed", reason, attempts: delivery.attempt - 1 });
    }
    const state = delivery.attempt === 1 ? null : await this.#checkpoint(id);
    using attempt = new Attempt<unknown>(delivery, keys, store.clock, limits, state);
    this.#running.set(id, attempt);
    try {
      await this.#settle(delivery, attempt, await this.#outcome(delivery, attempt));
    } finally {
      this.#running.delete(id);
    }
  }

  /** What the handler does, or what ends it first: one that does not listen to its signal is not waited for. */
  async #outcome({ value }: Delivery<Job>, attempt: Attempt<unknown>): Promise<Outcome> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    aborted.catch(() => undefined);
    const { signal } = attempt;
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    try {
      const handler = this.#handler as (input: unknown, context: TaskContext) => unknown;
      return { is: "done", result: await Promise.race([(async () => handler(value.input, attempt))(), aborted]) };
    } catch (error) {
      // A handler that was told to stop says so in its own words.
      return { is: "failed", error: signal.aborted ? signal.reason : error };
    }
  }

  async #settle(delivery: Delivery<Job>, attempt: Attempt<unknown>, outcome: Outcome): Promise<void> {
    const { attempts, retry, store } = this.#parts;
    if (!delivery.held) return;
    if (outcome.is === "done") {
      const { result } = outcome;
      return await this.#end(delivery, { state: "done", result, attempts: delivery.attempt }, attempt.effects);
    }
    const { error } = outcome;
    if (hasCode(error, taskCancelled("").code)) return await this.#end(delivery, { state: "cancelled" });
    if (this.#parts.consumer.closing && hasCode(error, "TIMEOUT", "ABORTED")) return await delivery.unused();
    const isFinal = error instanceof QuorateError && error.code === "INVALID_ARGUMENT";
    if (isFinal || delivery.attempt >= attempts) {
      return await this.#end(delivery, { state: "failed", reason: String(error), attempts: delivery.attempt });
    }
    await delivery.retry({ delayMs: retryDelayMs(retry, delivery.attempt, store.random) });
  }

  /** The record says how it ended in the revision that takes the message away. */
  async #end(delivery: Delivery<Job>, record: TaskRecord, effects: readonly RequestOp[] = []): Promise<void> {
    const { keys, kept, store } = this.#parts;
    const { id } = delivery.value;
    using wait = new Wait(store.clock, { signal: delivery.signal });
    const lease = await kept.lease(wait);
    await delivery.ack([
      putOp(keys.record(id), encodeJson(record), lease),
      deleteOp(keys.checkpoint(id)),
      deleteOp(keys.progress(id)),
      deleteOp(keys.cancellation(id)),
      ...effects,
    ]);
  }

  async #checkpoint(id: string): Promise<unknown> {
    const { store, keys } = this.#parts;
    const kv = (await store.range(rangeRequest(keys.checkpoint(id)))).kvs[0];
    return kv === undefined ? null : decodeJson(kv.key, kv.value);
  }

  async #watchCancellations(): Promise<void> {
    const { store, keys } = this.#parts;
    const { signal } = this.#stop;
    for await (const { events } of follow(store, prefixRange(keys.cancellations), { signal })) {
      for (const { type, kv } of events) {
        const part = kv.key.slice(keys.cancellations.length);
        if (type === "delete") {
          this.#cancelled.delete(part);
          continue;
        }
        this.#cancelled.add(part);
        this.#running.get(decodeURIComponent(part))?.cancel();
      }
    }
  }
}
