import type { Clock, Scheduled } from "../../environment.ts";
import type { QuorateError } from "../../errors.ts";
import { storeErrors } from "../errors.ts";
import type { CallOptions } from "../store.ts";

/** The longest that a timer can be set to, ms. */
export const LONGEST_TIMEOUT_MS: number = 2 ** 31 - 1;

/** Calls that are under way, so that closing the store ends them. */
export class Limits {
  readonly #clock: Clock;
  readonly #busy: (isBusy: boolean) => void;
  readonly #open = new Set<Limit>();
  #holders = 0;
  /** Why it was, null: as it was told. */
  #closed: { readonly reason: Error | null } | null = null;

  /** @param busy told when something is under way after nothing was, and the other way round */
  constructor(clock: Clock, busy: (isBusy: boolean) => void = () => undefined) {
    this.#clock = clock;
    this.#busy = busy;
  }

  get closed(): boolean {
    return this.#closed !== null;
  }

  /** @throws QuorateError CLOSED */
  assertOpen(what: string): void {
    if (this.#closed !== null) throw storeErrors.closed(what, this.#closed.reason);
  }

  /**
   * @param what the call, for people: `put "a"`
   * @throws QuorateError CLOSED, ABORTED, or INVALID_ARGUMENT if the time out is no time
   */
  begin(what: string, timeoutMs: number, options: Pick<CallOptions, "signal"> = {}): Limit {
    this.assertOpen(what);
    const limit = new Limit(this.#clock, what, timeoutMs, options.signal, () => {
      if (this.#open.delete(limit)) letGo();
    });
    this.#open.add(limit);
    const letGo = this.hold();
    return limit;
  }

  /** Something is under way until the answer is called, once. */
  hold(): () => void {
    if (++this.#holders === 1) this.#busy(true);
    return () => {
      if (--this.#holders === 0) this.#busy(false);
    };
  }

  close(reason: Error | null): void {
    this.#closed ??= { reason };
    for (const limit of this.#open) limit.end(storeErrors.closed(limit.what, this.#closed.reason));
  }
}

/**
 * How long one call may go on: until its time is over, its signal is aborted, or the store is closed, whichever comes
 * first. `release` it when the call has ended.
 */
export class Limit {
  readonly what: string;
  /** On the clock, ms; infinite for a watch. */
  readonly deadline: number;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #controller = new AbortController();
  readonly #timer: Scheduled | null;
  readonly #unlisten: () => void;
  readonly #released: () => void;
  #over: QuorateError | null = null;
  /** What an attempt was answered last: the reason of a time out. */
  lastFailure: QuorateError | null = null;

  constructor(clock: Clock, what: string, timeoutMs: number, signal: AbortSignal | undefined, released: () => void) {
    if (!(timeoutMs > 0 && (timeoutMs <= LONGEST_TIMEOUT_MS || timeoutMs === Number.POSITIVE_INFINITY))) {
      throw storeErrors.invalidArgument(
        `${what}: timeoutMs is ${timeoutMs}: give milliseconds above 0, at most ${LONGEST_TIMEOUT_MS}`,
      );
    }
    if (signal?.aborted === true) throw storeErrors.aborted(what, signal.reason);
    this.what = what;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.deadline = clock.now() + timeoutMs;
    this.#released = released;
    this.#timer = timeoutMs === Number.POSITIVE_INFINITY ? null : clock.after(timeoutMs, () => this.end(this.#late()));
    const abort = (): void => this.end(storeErrors.aborted(what, signal?.reason));
    signal?.addEventListener("abort", abort, { once: true });
    this.#unlisten = () => signal?.removeEventListener("abort", abort);
  }

  /** Why it is over: TIMEOUT, ABORTED, CLOSED; null: it goes on. */
  get over(): QuorateError | null {
    return this.#over;
  }

  /** Aborted, with the error as its reason, when the call is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds. */
  get leftMs(): number {
    return Math.max(0, this.deadline - this.#clock.now());
  }

  end(error: QuorateError): void {
    if (this.#over !== null) return;
    this.#over = error;
    this.release();
    this.#controller.abort(error);
  }

  /** What `promise` comes to. @throws QuorateError why the call is over, as soon as it is */
  race<T>(promise: Promise<T>): Promise<T> {
    if (this.#over !== null) {
      promise.catch(ignore);
      return Promise.reject(this.#over);
    }
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(this.#over);
      this.signal.addEventListener("abort", stop, { once: true });
      const unlisten = (): void => this.signal.removeEventListener("abort", stop);
      promise.then(
        (value) => {
          unlisten();
          resolve(value);
        },
        (error: unknown) => {
          unlisten();
          reject(error);
        },
      );
    });
  }

  /** @throws QuorateError why the call is over, as soon as it is */
  async pause(delayMs: number): Promise<void> {
    let timer: Scheduled | null = null;
    try {
      await this.race(
        new Promise<void>((resolve) => {
          timer = this.#clock.after(delayMs, resolve);
        }),
      );
    } finally {
      (timer as Scheduled | null)?.cancel();
    }
  }

  /** Leaves nothing behind. To be called once the call has ended. */
  release(): void {
    this.#timer?.cancel();
    this.#unlisten();
    this.#released();
  }

  #late(): QuorateError {
    return storeErrors.timeout(this.what, this.#timeoutMs, this.lastFailure);
  }
}

function ignore(): void {}
