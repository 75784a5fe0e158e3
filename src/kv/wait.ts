/**
 * How long a caller waits: until its signal, its time, or the end of something that it depends on. One `Wait` covers a
 * whole operation of many calls; whatever ends it first is what the operation is rejected with.
 *
 *     using wait = new Wait(store.clock, options);
 *     await wait.for(store.range(request, wait.call()));
 */
import type { Clock } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { CallOptions } from "../store/store.ts";

/** Something that ends once, like a session. */
export interface Ending {
  /** Calls `handle` with the reason when it ends, at once if it has ended; the result takes that back. */
  onEnd(handle: (reason: QuorateError) => void): () => void;
}

export class Wait implements Disposable {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #deadline: number;
  readonly #controller = new AbortController();
  readonly #undo: (() => void)[] = [];

  /**
   * @param options the caller's
   * @param endings what it depends on beside
   * @throws QuorateError `INVALID_ARGUMENT` if the time is not a number of milliseconds
   */
  constructor(clock: Clock, { signal, timeoutMs }: CallOptions = {}, ...endings: readonly Ending[]) {
    this.#clock = clock;
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
      throw new QuorateError(
        "INVALID_ARGUMENT",
        GrpcStatus.invalidArgument,
        `timeoutMs is ${String(timeoutMs)}: give milliseconds, 0 or more, or leave it out`,
      );
    }
    this.#timeoutMs = timeoutMs ?? Number.POSITIVE_INFINITY;
    this.#deadline = clock.now() + this.#timeoutMs;
    if (signal !== undefined) this.#follow(signal);
    for (const ending of endings) this.#undo.push(ending.onEnd((reason) => this.#controller.abort(reason)));
    if (timeoutMs !== undefined) this.#expireIn(timeoutMs);
  }

  /** Aborted with a `QuorateError` when it is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get over(): boolean {
    return this.signal.aborted || this.#clock.now() >= this.#deadline;
  }

  /**
   * Options for one of the operation's calls, with what is left of its time.
   * @throws QuorateError what ended it: no store can be given a time that is over, whose timer has not run yet
   */
  call(): CallOptions {
    if (this.#deadline === Number.POSITIVE_INFINITY) return { signal: this.signal };
    const leftMs = this.#deadline - this.#clock.now();
    if (leftMs <= 0) this.check();
    return { signal: this.signal, timeoutMs: Math.min(leftMs, LONGEST_TIMER_MS) };
  }

  /** @throws QuorateError what ended it */
  check(): void {
    if (this.signal.aborted) throw this.signal.reason;
    if (this.over) throw timeout(this.#timeoutMs);
  }

  /** What `promise` gives, unless the wait is over before. A promise that is left alone may reject unheard. */
  async for<T>(promise: Promise<T>): Promise<T> {
    promise.catch(() => undefined);
    this.check();
    const { signal } = this;
    const { promise: given, reject } = Promise.withResolvers<never>();
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      return await Promise.race([promise, given]);
    } catch (error) {
      // A call that was given up says so in its own words.
      if (signal.aborted) throw signal.reason;
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** A pause within the operation: a process that has nothing else to do must not end in it. */
  sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after(ms, resolve, true);
    return this.for(promise).finally(() => timer.cancel());
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #follow(signal: AbortSignal): void {
    const abort = (): void => this.#controller.abort(reasonOf(signal));
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    this.#undo.push(() => signal.removeEventListener("abort", abort));
  }

  #expireIn(ms: number): void {
    // Longer than a timer takes: in pieces.
    const timer = this.#clock.after(Math.min(ms, LONGEST_TIMER_MS), () => {
      const left = this.#deadline - this.#clock.now();
      if (left > 0) this.#expireIn(left);
      else this.#controller.abort(timeout(this.#timeoutMs));
    });
    this.#undo.push(() => timer.cancel());
  }
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

function reasonOf(signal: AbortSignal): QuorateError {
  if (signal.reason instanceof QuorateError) return signal.reason;
  return new QuorateError("ABORTED", GrpcStatus.cancelled, "given up by the caller's signal", { cause: signal.reason });
}

function timeout(timeoutMs: number): QuorateError {
  return new QuorateError(
    "TIMEOUT",
    GrpcStatus.deadlineExceeded,
    `it did not come to an end within ${timeoutMs} ms: give it more time, or try again later`,
    { retryable: true },
  );
}

/** Whether an error says that the same call may succeed later, and had no effect now. */
export function isRetryable(error: unknown): boolean {
  return error instanceof QuorateError && error.retryable && error.code !== "OUTCOME_UNKNOWN";
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof QuorateError && codes.includes(error.code);
}
