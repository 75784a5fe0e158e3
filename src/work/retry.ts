/** When something that failed is tried again: exponential, with jitter, so that not all come at once. */
import type { Random } from "../environment.ts";
import { invalid } from "./errors.ts";

/** The pause after attempt n is between half and all of `baseMs · factor^(n - 1)`, at most `mostMs`. */
export interface RetryPolicy {
  /** Default 1 s. */
  readonly baseMs?: number;
  /** Default 2. */
  readonly factor?: number;
  /** Default 5 minutes. */
  readonly mostMs?: number;
}

/** Milliseconds until the next attempt after `attempt` of them. */
export function retryDelayMs(
  { baseMs = 1_000, factor = 2, mostMs = 300_000 }: RetryPolicy,
  attempt: number,
  random: Random,
): number {
  if (!(baseMs >= 0) || !(factor >= 1) || !(mostMs >= 0)) {
    throw invalid(`a retry policy has baseMs ${baseMs}, factor ${factor}, mostMs ${mostMs}: give 0, 1, 0 or more`);
  }
  const whole = Math.min(mostMs, baseMs * factor ** (attempt - 1));
  return whole / 2 + ((whole / 2) * random.uint32()) / 2 ** 32;
}
