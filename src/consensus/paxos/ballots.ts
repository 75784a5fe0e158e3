/**
 * In which ballot an acceptor accepted what it holds: the round of each slot, as runs.
 *
 *     slot     21 ........ 30 | 31 | 32 ........ (end of the log)
 *     run      from 21, 7     | 31, 0 | 32, 7            round 0: a hole, nothing accepted here yet
 *
 * A round has one leader, so its number stands for the ballot. The last run has no end: it grows with the log, so that
 * while one leader's values arrive in order nothing of this changes, and nothing has to be saved beside the values.
 */

export interface Run {
  readonly from: number;
  readonly round: number;
}

export class Ballots {
  /** Ascending by `from`; neighbours differ in round. */
  #runs: Run[];

  constructor(runs: readonly Run[] = []) {
    this.#runs = [...runs];
  }

  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** Round of the run that goes on with the log; 0: there is none, or it is a hole. */
  get lastRound(): number {
    return this.#runs.at(-1)?.round ?? 0;
  }

  /** The round in which the value of a slot was accepted; 0: none was. Of slots in the log only. */
  at(slot: number): number {
    for (let at = this.#runs.length - 1; at >= 0; at--) {
      const run = this.#runs[at] as Run;
      if (run.from <= slot) return run.round;
    }
    return 0;
  }

  /** The last slot of the run that a slot is in; `last`: of the log. */
  endOf(slot: number, last: number): number {
    for (let at = this.#runs.length - 1; at >= 0; at--) {
      const run = this.#runs[at] as Run;
      if (run.from <= slot) break;
      last = run.from - 1;
    }
    return last;
  }

  /** The first slot behind this one that was accepted in a round; 0: there is none. */
  nextIn(round: number, behind: number): number {
    for (const run of this.#runs) if (run.from > behind && run.round === round) return run.from;
    return 0;
  }

  /** The log goes on at `slot` with values of a round. Returns whether that begins a run. */
  goOn(slot: number, round: number): boolean {
    if (this.#runs.length > 0 && this.lastRound === round) return false;
    this.#runs.push({ from: slot, round });
    return true;
  }

  /** Slots up to this one are decided: in which round they were accepted is of no interest any more. */
  trim(decided: number): void {
    while (this.#runs.length > 1 && (this.#runs[1] as Run).from <= decided + 1) this.#runs.shift();
  }

  /** Replaces everything from `from` on; `rounds` are those of the slots from there. Returns whether runs changed. */
  replace(from: number, rounds: readonly number[]): boolean {
    const kept = this.#runs.filter((run) => run.from < from);
    rounds.forEach((round, at) => {
      if (kept.length === 0 || (kept.at(-1) as Run).round !== round) kept.push({ from: from + at, round });
    });
    const same =
      kept.length === this.#runs.length &&
      kept.every((run, at) => run.from === this.#runs[at]?.from && run.round === this.#runs[at]?.round);
    this.#runs = kept;
    return !same;
  }

  /** Forgets all of it: the log starts anew. */
  reset(): void {
    this.#runs = [];
  }
}
