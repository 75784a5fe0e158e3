/**
 * The main file of the room: a whole member in a thread of the program that uses it.
 *
 *     program ── EmbeddedStore ── PortChannel ═══ port ═══ PortDoor ── gate ── services ── replica     (its thread)
 *                    MemberThread ─────────── its life ─────────── worker.ts
 *
 * For: a member that keeps its leadership and its leases whatever the program's own event loop does, since it has its
 * own. Promises: a member that ends takes nothing of the program with it, and says why; an idle one keeps no process
 * from ending; one that is stopped hands over first. Must not know what calls mean.
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Logger } from "../../environment.ts";
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { stayAlive } from "../../node/stay-alive.ts";
import { storeErrors } from "../../store/errors.ts";
import type { MemberOptions } from "../member-options.ts";
import { errorOf } from "./error-note.ts";
import { withOptionNames } from "./options.ts";
import { type FromThread, STOP, type ThreadPlan } from "./protocol.ts";

/** Longer than a member needs to hand leadership over and to write what is left. */
const STOP_LIMIT_MS = 15_000;

export class MemberThread {
  readonly dataDir: string;
  /** The program's end of the way for calls. It holds no process unless it is told to. */
  readonly calls: MessagePort;
  readonly #worker: Worker;
  readonly #logger: Logger | null;
  readonly #exited = Promise.withResolvers<void>();
  readonly #started = Promise.withResolvers<void>();
  #failed: ((reason: QuorateError) => void) | null = null;
  /** Why it ended, or is about to, without having been told to. */
  #reason: QuorateError | null = null;
  #stopping: Promise<void> | null = null;

  /**
   * Resolves when the member runs, whether or not it has found the others.
   * @throws QuorateError what is wrong with the options, the data directory or the cluster; `ABORTED`; `MEMBER_FAILED`
   */
  static async start(options: MemberOptions, signal?: AbortSignal): Promise<MemberThread> {
    if (signal?.aborted === true) throw storeErrors.aborted("start", signal.reason);
    const thread = new MemberThread(options);
    const giveUp = (): void => thread.#giveUp(storeErrors.aborted("start", signal?.reason));
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      await stayAlive(thread.#started.promise);
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
    return thread;
  }

  private constructor({ logger, ...options }: MemberOptions) {
    const { port1, port2 } = new MessageChannel();
    const plan: ThreadPlan = { options, logs: logger !== undefined, calls: port2 };
    this.dataDir = options.dataDir;
    this.calls = port1;
    this.#logger = logger ?? null;
    this.#worker = launch(plan);
    this.#worker.on("message", (message: FromThread) => this.#take(message));
    // It could not be loaded, or its heap was full.
    this.#worker.on("error", (error) => this.#end(this.#ended(loadable(error))));
    this.#worker.on("exit", (code) => this.#exit(code));
    this.#worker.unref();
  }

  /** Calls `handle` once, when the member has ended without having been told to. */
  onFailed(handle: (reason: QuorateError) => void): void {
    this.#failed = handle;
    if (this.#reason !== null) handle(this.#reason);
  }

  /** Lets the member hand over, finish and end. One that takes too long is cut off: nothing acknowledged is lost. */
  stop(): Promise<void> {
    this.#stopping ??= stayAlive(this.#stop());
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#failed = null;
    this.#worker.postMessage(STOP);
    const limit = setTimeout(() => void this.#worker.terminate(), STOP_LIMIT_MS);
    await this.#exited.promise;
    clearTimeout(limit);
  }

  #take(message: FromThread): void {
    switch (message.is) {
      case "started":
        return this.#started.resolve();
      case "refused": {
        const { error } = message;
        const refused = errorOf({ ...error, message: withOptionNames(error.message) });
        return this.#end(refused instanceof QuorateError ? refused : this.#ended(refused, "cannot start"));
      }
      case "failed":
        return this.#end(this.#ended(errorOf(message.error)));
      case "log":
        return this.#logger?.[message.level](message.fields, message.message);
    }
  }

  #giveUp(reason: QuorateError): void {
    this.#end(reason);
    void this.#worker.terminate();
  }

  /** The first reason is the one that counts: others follow from it. */
  #end(reason: QuorateError): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    if (this.#stopping !== null) this.#logger?.error({}, `could not stop cleanly: ${reason.message}`);
    this.#failed?.(reason);
    this.#failed = null;
  }

  #exit(code: number): void {
    if (this.#stopping === null) this.#end(this.#ended(new Error(`its thread ended with exit code ${code}`)));
    // Only now is its data directory free again.
    if (this.#reason !== null) this.#started.reject(this.#reason);
    this.calls.close();
    this.#exited.resolve();
  }

  #ended(cause: Error, what = "has ended"): QuorateError {
    const message = `the member in ${this.dataDir} ${what}: ${cause.message}`;
    return new QuorateError("MEMBER_FAILED", GrpcStatus.internal, message, { cause });
  }
}

function launch(plan: ThreadPlan): Worker {
  const options = {
    name: "quorate-member",
    workerData: plan,
    transferList: [plan.calls],
    // Those of the program concern what it runs itself (`--eval`, `--input-type`, `--import`).
    execArgv: [],
  };
  // Bundlers look for the very words of the last line. The sources, which are never bundled, end differently.
  const source = /^(.*\/)member-thread\.ts$/.exec(import.meta.url)?.[1];
  if (source !== undefined) return new Worker(new URL(`${source}worker.ts`), options);
  return new Worker(new URL("./worker.js", import.meta.url), options);
}

function loadable(error: unknown): Error {
  const known = error instanceof Error ? error : new Error(String(error));
  if (!("code" in known) || known.code !== "ERR_MODULE_NOT_FOUND") return known;
  const advice = "a bundler must leave the package quorate as it is (external), or bundle its threads, too";
  return new Error(`its thread could not be loaded (${known.message}): ${advice}`, { cause: known });
}
