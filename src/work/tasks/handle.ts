/** A task as who waits for it sees it, from any process that knows its id. */
import { follow } from "../../kv/follow.ts";
import { comparison, deleteOp, getOp, isAbsent, putOp, rangeAt } from "../../kv/requests.ts";
import { Wait } from "../../kv/wait.ts";
import type { CallOptions, Store } from "../../store/store.ts";
import type { KeyValue } from "../../wire/kv.ts";
import { taskCancelled, taskFailed, taskUnknown } from "../errors.ts";
import type { Layout } from "../queue/layout.ts";
import { residueOps } from "../queue/sender.ts";
import type { Shelf } from "../shelf.ts";
import { decodeJson, decodeRecord, encodeJson, type TaskKeys, type TaskRecord } from "./record.ts";

/** Where a task stands. `waiting`: for a worker, its delay, or its next attempt. */
export type TaskStatus<Out> =
  | { readonly state: "waiting"; readonly attempts: number; readonly progress: unknown }
  | { readonly state: "running"; readonly attempts: number; readonly progress: unknown }
  | { readonly state: "done"; readonly attempts: number; readonly result: Out }
  | { readonly state: "failed"; readonly attempts: number; readonly reason: string }
  | { readonly state: "cancelled" };

/** Where a type's tasks are, and for how long what came of them is kept. */
export interface TaskPlace {
  readonly store: Store;
  readonly layout: Layout;
  readonly keys: TaskKeys;
  readonly kept: Shelf;
}

/** A task that was submitted, by this process or another. */
export class TaskHandle<Out> {
  readonly id: string;
  /** There was one with this id already. */
  readonly duplicate: boolean;
  readonly #store: Store;
  readonly #keys: TaskKeys;
  readonly #layout: Layout;
  readonly #kept: Shelf;

  /** @internal Definitions of tasks make them. */
  constructor({ store, layout, keys, kept }: TaskPlace, id: string, duplicate: boolean) {
    this.#kept = kept;
    this.#store = store;
    this.#layout = layout;
    this.#keys = keys;
    this.id = id;
    this.duplicate = duplicate;
  }

  /**
   * What the handler returned, as JSON has it.
   * @throws QuorateError `TASK_FAILED`, `TASK_CANCELLED`, `TASK_UNKNOWN`
   */
  async result(options?: CallOptions): Promise<Out> {
    using wait = new Wait(this.#store.clock, options);
    const key = this.#keys.record(this.id);
    for await (const { kvs } of follow(this.#store, { key, rangeEnd: "" }, { signal: wait.signal })) {
      const kv = kvs.get(key);
      if (kv === undefined) throw taskUnknown(this.id);
      const record = decodeRecord(key, kv.value);
      if (record.state === "done") return record.result as Out;
      if (record.state === "failed") throw taskFailed(this.id, record.reason);
      if (record.state === "cancelled") throw taskCancelled(this.id);
    }
    wait.check();
    throw taskUnknown(this.id);
  }

  /** @throws QuorateError `TASK_UNKNOWN` */
  async status(options?: CallOptions): Promise<TaskStatus<Out>> {
    const { record } = await this.#read(options);
    if (record.state !== "open") return record as TaskStatus<Out>;
    const success = [
      getOp(this.#layout.claim(record.lane, record.token), { keysOnly: true }),
      getOp(this.#layout.begun(record.token)),
      getOp(this.#keys.progress(this.id)),
    ];
    const { responses } = await this.#store.txn({ compare: [], success, failure: [] }, options);
    const [claim, begun, progress] = [0, 1, 2].map((at) => rangeAt(responses, at).kvs[0]);
    return {
      state: claim === undefined ? "waiting" : "running",
      attempts: Number(begun?.value ?? 0),
      progress: progress === undefined ? null : decodeJson(progress.key, progress.value),
    };
  }

  /** What the handler says of its progress, the latest first, until the task ends. Values in between may be left out. */
  async *progress({ signal }: Pick<CallOptions, "signal"> = {}): AsyncGenerator<unknown, void, undefined> {
    const end = new AbortController();
    using wait = new Wait(this.#store.clock, signal === undefined ? {} : { signal });
    wait.signal.addEventListener("abort", () => end.abort(), { once: true });
    const [progress, record] = [this.#keys.progress(this.id), this.#keys.record(this.id)];
    // The record decides on the end; it is written in the revision that deletes the progress.
    const ended = this.result({ signal: end.signal }).then(
      () => end.abort(),
      () => end.abort(),
    );
    try {
      for await (const { events } of follow(this.#store, { key: progress, rangeEnd: "" }, { signal: end.signal })) {
        for (const { type, kv } of events) {
          if (type === "delete") return;
          yield decodeJson(record, kv.value);
        }
      }
    } finally {
      end.abort();
      await ended;
    }
  }

  /**
   * Ends it: at once if nobody works on it, else by the handler's signal.
   * @returns false if it had ended before
   */
  async cancel(options?: CallOptions): Promise<boolean> {
    using wait = new Wait(this.#store.clock, options);
    for (;;) {
      const { record, kv } = await this.#read(options);
      const lease = await this.#kept.lease(wait);
      if (record.state !== "open") return false;
      const { lane, priority, token } = record;
      const message = this.#layout.message(lane, priority, token);
      const isAsRead = comparison(kv.key, { modRevision: kv.modRevision });
      const { succeeded } = await this.#store.txn(
        {
          compare: [isAsRead],
          success: [
            {
              type: "txn",
              request: {
                compare: [isAbsent(this.#layout.claim(lane, token)), comparison(message, { createRevision: 0 }, "!=")],
                success: [
                  deleteOp(message),
                  ...residueOps(this.#layout, { l: lane, p: priority, at: 0, c: 1 }, token),
                  deleteOp(this.#keys.checkpoint(this.id)),
                  deleteOp(this.#keys.progress(this.id)),
                  putOp(kv.key, encodeJson({ state: "cancelled" } satisfies TaskRecord), lease),
                ],
                failure: [putOp(this.#keys.cancellation(this.id), "")],
              },
            },
          ],
          failure: [],
        },
        options,
      );
      if (succeeded) return true;
    }
  }

  async #read(options: CallOptions | undefined): Promise<{ readonly record: TaskRecord; readonly kv: KeyValue }> {
    const key = this.#keys.record(this.id);
    const { responses } = await this.#store.txn({ compare: [], success: [getOp(key)], failure: [] }, options);
    const kv = rangeAt(responses, 0).kvs[0];
    if (kv === undefined) throw taskUnknown(this.id);
    return { record: decodeRecord(key, kv.value), kv };
  }
}
