/**
 * What this store knows about how new an answer is, from nothing but the revisions in the headers of answers.
 *
 * - Every answer that was given to a caller was read: the highest of their revisions is what `session` asks for.
 * - An answer that only a member with a leader can give, sent at a time t with revision r: everything that was
 *   acknowledged to anybody before t has a revision of at most r (a linearizable read, or a write, comes after all of
 *   these). So a state at revision r or later is no staler than t. These pairs are what a bound on staleness is held
 *   against.
 */

/** Pairs kept; when there are more, every second one goes: a bound is then met a little less often. */
const MOST_PAIRS = 128;

interface Pair {
  readonly sentAt: number;
  readonly revision: number;
}

export class Freshness {
  #seen = 0;
  /** Ascending by `sentAt`. */
  #pairs: Pair[] = [];

  /** The highest revision that was read or written through this store; 0: nothing was. */
  get seen(): number {
    return this.#seen;
  }

  /** A caller is given something as of this revision. */
  note(revision: number): void {
    if (revision > this.#seen) this.#seen = revision;
  }

  /** `note` for an answer that holds everything acknowledged before `sentAt`, ms on the store's clock. */
  noteCurrent(sentAt: number, revision: number): void {
    if (revision === 0) return;
    this.note(revision);
    const pairs = this.#pairs;
    let at = pairs.length;
    while (at > 0 && (pairs[at - 1] as Pair).sentAt > sentAt) at--;
    const before = pairs[at - 1];
    // The same revision, asked for later, says more.
    if (before?.revision === revision && at === pairs.length) pairs[at - 1] = { sentAt, revision };
    else pairs.splice(at, 0, { sentAt, revision });
    if (pairs.length > MOST_PAIRS) this.#pairs = pairs.filter((_, index) => index % 2 === (pairs.length - 1) % 2);
  }

  /** The revision from which on a state holds everything acknowledged before `time`; null: not known. */
  revisionAt(time: number): number | null {
    let least: number | null = null;
    for (let at = this.#pairs.length - 1; at >= 0; at--) {
      const { sentAt, revision } = this.#pairs[at] as Pair;
      if (sentAt < time) break;
      if (least === null || revision < least) least = revision;
    }
    return least;
  }
}
