/** Waiting for something to become true: a condition that is asked again and again, with a limit and a reason. */
import { setTimeout as delay } from "node:timers/promises";

export interface EventuallyOptions {
  /** How long it may take, in milliseconds. */
  readonly withinMs: number;
  /** Milliseconds between two questions. Default 50. */
  readonly everyMs?: number;
}

/**
 * Asks `check` until it answers without an error, and returns that answer. After the limit it throws an error that
 * names `what` and carries the last failure.
 */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  { withinMs, everyMs = 50 }: EventuallyOptions,
): Promise<T> {
  const started = performance.now();
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() - started > withinMs) {
        const last = error instanceof Error ? error.message : String(error);
        throw new Error(`not within ${withinMs} ms: ${what} (last answer: ${last})`, { cause: error });
      }
    }
    await delay(everyMs);
  }
}

/** Waits for `promise`, at most `ms` milliseconds; then throws an error that names `what`. */
export async function within<T>(what: string, ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
