/** What the leaders of all epochs proposed, by zxid: the specification's `proposalMsgsLog`. */
import type { Entry, Position } from "../../engine.ts";
import { fingerprint } from "../../properties/fingerprint.ts";

/** One leader's run of proposals. */
interface Run {
  /** The first index of the epoch. */
  readonly first: number;
  /** What each held, in order. */
  readonly fingerprints: number[];
}

export class Proposals {
  readonly #runs = new Map<number, Run>();

  /**
   * The next proposal of its epoch, or one that was told before. False: another transaction was proposed by that zxid, or
   * one before it is missing.
   */
  add(entry: Entry): boolean {
    const { epoch, index } = entry;
    const run = this.#runs.get(epoch);
    if (run === undefined) {
      this.#runs.set(epoch, { first: index, fingerprints: [fingerprint(entry)] });
      return true;
    }
    const counter = index - run.first;
    if (counter < run.fingerprints.length) return run.fingerprints[counter] === fingerprint(entry);
    if (counter > run.fingerprints.length) return false;
    run.fingerprints.push(fingerprint(entry));
    return true;
  }

  /** Whether this very transaction was proposed. */
  has(entry: Entry): boolean {
    const run = this.#runs.get(entry.epoch);
    return run !== undefined && run.fingerprints[entry.index - run.first] === fingerprint(entry);
  }

  /** How many proposals of its epoch came before this zxid; null: it was not proposed. */
  counter({ epoch, index }: Position): number | null {
    const run = this.#runs.get(epoch);
    const counter = index - (run?.first ?? 0);
    return run === undefined || counter < 0 || counter >= run.fingerprints.length ? null : counter;
  }
}
