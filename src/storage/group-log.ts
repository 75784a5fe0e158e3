/**
 * Which positions one group's log holds: the index and epoch of each entry, without its data. Epochs come in runs, so
 * this stays small however long the log is.
 *
 *     before   first                     last
 *       |--------|---- epoch 3 ----|-- 5 --|      before = first - 1: position known, entry not held
 */
import type { Position } from "../consensus/engine.ts";
import { InvariantViolation } from "../errors.ts";

interface Run {
  /** Index of the first entry of this epoch. */
  readonly from: number;
  readonly epoch: number;
}

export class GroupLog {
  /** Position right before the first held entry; epoch null: unknown. */
  #beforeIndex: number;
  #beforeEpoch: number | null;
  #lastIndex: number;
  readonly #runs: Run[] = [];

  /** An empty log behind a position. */
  constructor(before: Position) {
    this.#beforeIndex = before.index;
    this.#beforeEpoch = before.epoch;
    this.#lastIndex = before.index;
  }

  /** Index of the first entry held, or of the one to come. */
  get firstIndex(): number {
    return this.#beforeIndex + 1;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** Position of the last entry; its epoch is 0 where it is not known any more. */
  get last(): Position {
    return { index: this.#lastIndex, epoch: this.epochAt(this.#lastIndex) ?? 0 };
  }

  /** Null where it is not known: outside the log, or before its first entry. */
  epochAt(index: number): number | null {
    if (index === this.#beforeIndex) return this.#beforeEpoch;
    if (index < this.#beforeIndex || index > this.#lastIndex) return null;
    for (let at = this.#runs.length - 1; at >= 0; at--) {
      const run = this.#runs[at];
      if (run !== undefined && run.from <= index) return run.epoch;
    }
    return null;
  }

  holds(position: Position): boolean {
    return this.epochAt(position.index) === position.epoch;
  }

  append(position: Position): void {
    const { index, epoch } = position;
    if (index !== this.#lastIndex + 1)
      throw new InvariantViolation(`entry ${index} does not follow entry ${this.#lastIndex}`);
    if (this.#runs.at(-1)?.epoch !== epoch) this.#runs.push({ from: index, epoch });
    this.#lastIndex = index;
  }

  /** Drops all entries from this index on. */
  truncate(from: number): void {
    if (from > this.#lastIndex) return;
    if (from <= this.#beforeIndex) {
      this.#beforeIndex = from - 1;
      this.#beforeEpoch = from === 1 ? 0 : null;
    }
    this.#lastIndex = from - 1;
    while ((this.#runs.at(-1)?.from ?? 0) >= from) this.#runs.pop();
  }

  /** Drops everything: the log goes on behind this position. */
  reset(before: Position): void {
    this.#runs.length = 0;
    this.#beforeIndex = before.index;
    this.#beforeEpoch = before.epoch;
    this.#lastIndex = before.index;
  }

  /** Forgets entries up to this index, which must be held. */
  forget(upTo: number): void {
    if (upTo <= this.#beforeIndex) return;
    const epoch = this.epochAt(upTo);
    if (epoch === null) throw new InvariantViolation(`cannot forget up to ${upTo}: the log ends at ${this.#lastIndex}`);
    this.#beforeIndex = upTo;
    this.#beforeEpoch = epoch;
    while ((this.#runs[1]?.from ?? Number.POSITIVE_INFINITY) <= upTo + 1) this.#runs.shift();
    if (this.#lastIndex === upTo) this.#runs.length = 0;
  }
}
