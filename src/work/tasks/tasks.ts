/**
 * Work that one program asks for and another does: submitted once, worked on until it is done, with a result.
 *
 *     submit ──▶ waiting ──claim──▶ running ──▶ done | failed | cancelled      kept for `keepMs`
 *                   ▲                  │ checkpoints, progress
 *                   └──(retry, worker dies)
 *
 * A task is a message of a queue (`../queue/queue.ts`) and a record beside it; both are written in one transaction, at the
 * beginning and at the end. Promises: a task whose submit was acknowledged ends once; there is one of an id; its
 * result, its guarded writes and its effects are those of who held it; a checkpoint never goes back.
 *
 * Does not promise: that a handler runs once. What it does outside the store must bear being done twice, or check the fence.
 */
import { json } from "../../kv/codec.ts";
import { isAbsent, putOp } from "../../kv/requests.ts";
import type { CallOptions } from "../../store/store.ts";
import { invalid } from "../errors.ts";
import { workPrefix } from "../names.ts";
import { Queue } from "../queue/queue.ts";
import type { Beside } from "../queue/sender.ts";
import type { RetryPolicy } from "../retry.ts";
import type { WorkSessions } from "../session.ts";
import { Shelf } from "../shelf.ts";
import { Stamps } from "../stamps.ts";
import type { TaskContext } from "./attempt.ts";
import { TaskHandle, type TaskPlace } from "./handle.ts";
import { encodeJson, type Job, TaskKeys, type TaskRecord } from "./record.ts";
import { TaskWorker, type TaskWorkerOptions } from "./task-worker.ts";

/** How tasks of a type are worked on. */
export interface TaskOptions {
  /** Attempts, those in which the worker died included; default 5. */
  readonly attempts?: number;
  readonly retry?: RetryPolicy;
  /** An attempt that takes longer is ended; default: none is. */
  readonly runMs?: number;
  /** An attempt without a sign of life for so long is ended; default: none is. */
  readonly heartbeatMs?: number;
  /** How long what came of a task is kept; default one day. */
  readonly keepMs?: number;
  /** Submits wait, or are refused, when there are so many; default: no limit. */
  readonly maxLength?: number;
}

/** How one task is submitted. */
export interface SubmitOptions extends CallOptions {
  /** There is one task of an id, however often it is submitted; default: a new one. */
  readonly id?: string;
  /** 0 (first) to 9; default 5. */
  readonly priority?: number;
  readonly delayMs?: number;
  /** It fails if it is not begun within so many ms. */
  readonly queueMs?: number;
  /** Tasks of one affinity come to the same worker, as long as that one has room. */
  readonly affinity?: string;
}

/**
 * Does a task. What it returns must be JSON.
 *
 * @typeParam In what is submitted, as JSON has it.
 * @typeParam Out what comes of it.
 * @typeParam State of its checkpoints.
 */
export type TaskHandler<In, Out, State = unknown> = (input: In, context: TaskContext<State>) => Promise<Out> | Out;

/** A message may lie for a while when a write's outcome is found out: results outlive that. */
const KEPT_MARGIN_MS = 60_000;
const DAY_MS = 86_400_000;

/** Tasks of one type. */
export class TaskType<In, Out> {
  readonly name: string;
  readonly #queue: Queue<Job>;
  readonly #place: TaskPlace;
  readonly #stamps: Stamps;
  readonly #options: TaskOptions;

  /** @internal `q.tasks` makes them. @throws QuorateError `INVALID_ARGUMENT` */
  constructor(sessions: WorkSessions, writers: WorkSessions, name: string, options: TaskOptions) {
    const { keepMs = DAY_MS, attempts = 5, maxLength } = options;
    for (const [option, value] of Object.entries({ keepMs, attempts, ...options })) {
      if (typeof value === "number" && !(value > 0)) throw invalid(`${option} is ${value}: give a number above 0`);
    }
    const { store } = sessions;
    this.name = name;
    this.#options = options;
    this.#queue = new Queue<Job>(sessions, writers, name, json<Job>(), {
      kind: "task",
      // The worker counts: a task that fails too often leaves a record, not a dead letter.
      attempts: Number.POSITIVE_INFINITY,
      ...(maxLength === undefined ? {} : { maxLength }),
    });
    this.#stamps = new Stamps(store);
    const keys = new TaskKeys(workPrefix("task", name));
    this.#place = { store, layout: this.#queue.layout, keys, kept: new Shelf(store, keepMs, KEPT_MARGIN_MS) };
  }

  /** @throws QuorateError `OUTCOME_UNKNOWN`: submit it again with the same id; `QUEUE_FULL` */
  submit(input: In, options: SubmitOptions = {}): Promise<TaskHandle<Out>> {
    return this.submitWith(input, options, { success: [] });
  }

  /**
   * @internal `submit`, with writes in the same transaction, and conditions: where they do not hold it counts as a
   * duplicate.
   */
  async submitWith(input: In, options: SubmitOptions, beside: Beside): Promise<TaskHandle<Out>> {
    const { id = this.#stamps.next(), queueMs, ...send } = options;
    const record = this.#place.keys.record(id);
    const job: Job = { id, input, ...(queueMs === undefined ? {} : { queueMs }) };
    const { duplicate } = await this.#queue.sendWith(job, sendOptions(send), (place) => ({
      compare: [isAbsent(record), ...(beside.compare ?? [])],
      success: [putOp(record, encodeJson({ state: "open", ...place } satisfies TaskRecord)), ...beside.success],
    }));
    return new TaskHandle(this.#place, id, duplicate);
  }

  /** Of a task that any process submitted. */
  handle(id: string): TaskHandle<Out> {
    return new TaskHandle(this.#place, id, true);
  }

  /** Works on tasks of this type. */
  work<State = unknown>(handler: TaskHandler<In, Out, State>, options: TaskWorkerOptions = {}): TaskWorker {
    const { capacity = 1 } = options;
    const { attempts = 5, retry = {}, runMs = Number.POSITIVE_INFINITY } = this.#options;
    const { heartbeatMs = Number.POSITIVE_INFINITY } = this.#options;
    // No more than it has room for: what it held beside would wait while others idle.
    const consumer = this.#queue.consumer({ prefetch: capacity });
    return new TaskWorker(
      { ...this.#place, consumer, limits: { runMs, heartbeatMs }, attempts, retry },
      handler,
      options,
    );
  }

  /** How many there are. */
  async length(options?: CallOptions): Promise<{ readonly waiting: number; readonly running: number }> {
    const { ready, delayed, held } = await this.#queue.length(options);
    return { waiting: ready + delayed - held, running: held };
  }
}

function sendOptions(options: Omit<SubmitOptions, "id" | "queueMs">): Omit<SubmitOptions, "id" | "queueMs"> {
  const { priority, delayMs, affinity, signal, timeoutMs } = options;
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(affinity === undefined ? {} : { affinity }),
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

/** A type, and who does it. */
export class TaskDefinition<In, Out, State = unknown> extends TaskType<In, Out> {
  readonly #handler: TaskHandler<In, Out, State>;

  /** @internal `q.tasks.define()` makes them. */
  constructor(
    sessions: WorkSessions,
    writers: WorkSessions,
    name: string,
    handler: TaskHandler<In, Out, State>,
    options: TaskOptions,
  ) {
    super(sessions, writers, name, options);
    this.#handler = handler;
  }

  /** Works on tasks with the handler that it was defined with. */
  start(options?: TaskWorkerOptions): TaskWorker {
    return this.work(this.#handler, options);
  }
}

/**
 * Tasks of all types.
 *
 * @example
 * ```ts
 * const resize = q.tasks.define("resize", async (file: string, { progress }) => `${file}.small`);
 * await using worker = resize.start({ capacity: 4 });
 * const task = await resize.submit("a.png");
 * console.log(await task.result());
 * ```
 */
export class Tasks {
  readonly #sessions: WorkSessions;
  readonly #writers: WorkSessions;

  /** @internal `q.tasks` is one. */
  constructor(sessions: WorkSessions, writers: WorkSessions) {
    this.#sessions = sessions;
    this.#writers = writers;
  }

  /** A type with its handler. Every program that uses the type gives the same options. */
  define<In, Out, State = unknown>(
    name: string,
    handler: TaskHandler<In, Out, State>,
    options: TaskOptions = {},
  ): TaskDefinition<In, Out, State> {
    return new TaskDefinition(this.#sessions, this.#writers, name, handler, options);
  }

  /** A type whose handler is elsewhere: to submit, and to wait for results. */
  type<In, Out>(name: string, options: TaskOptions = {}): TaskType<In, Out> {
    return new TaskType(this.#sessions, this.#writers, name, options);
  }
}
