/**
 * What may go wrong between one `MemoryStore` and its server, to order. Every fault is one that a real store may show
 * within its contract (`store.ts`).
 */
import type { Clock } from "../../environment.ts";
import { GrpcStatus, QuorateError } from "../../errors.ts";

/**
 * Writes that are answered with `OUTCOME_UNKNOWN`:
 * - `lost`: it never takes effect;
 * - `applied`: it has taken effect;
 * - `{ lateMs }`: it takes effect that long after the caller was told.
 */
export type UnknownOutcome = "lost" | "applied" | { readonly lateMs: number };

export class MemoryFaults {
  /** Milliseconds that a message takes, one way; asked for each. */
  latencyMs: () => number = () => 0.5;
  readonly #clock: Clock;
  readonly #unknown: UnknownOutcome[] = [];
  #refusedUntil = 0;
  #cut: ((error: QuorateError) => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The outcomes of the next writes, one each. */
  nextWrites(...outcomes: readonly UnknownOutcome[]): void {
    this.#unknown.push(...outcomes);
  }

  /** No member can be reached for so long: writes are refused, all else waits. */
  refuse(forMs: number): void {
    this.#refusedUntil = Math.max(this.#refusedUntil, this.#clock.now() + forMs);
  }

  /** Ends all watches with an error. */
  cutWatches(error: QuorateError = unavailable()): void {
    const cut = this.#cut;
    this.#cut = [];
    for (const end of cut) end(error);
  }

  // For the store

  /** Milliseconds until members can be reached. */
  get refusedForMs(): number {
    return Math.max(0, this.#refusedUntil - this.#clock.now());
  }

  takeUnknown(): UnknownOutcome | null {
    return this.#unknown.shift() ?? null;
  }

  onCut(end: (error: QuorateError) => void): () => void {
    this.#cut.push(end);
    return () => {
      this.#cut = this.#cut.filter((other) => other !== end);
    };
  }
}

export function unavailable(): QuorateError {
  return new QuorateError("UNAVAILABLE", GrpcStatus.unavailable, "no member can be reached: ordered by the test");
}

export function outcomeUnknown(why: string): QuorateError {
  return new QuorateError(
    "OUTCOME_UNKNOWN",
    GrpcStatus.unavailable,
    `the write may or may not have taken effect (${why}): read to find out before it is repeated`,
    { retryable: false },
  );
}
