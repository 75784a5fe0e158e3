/**
 * What must hold across all members, whatever fails: checked while a simulated cluster runs.
 *
 * Names as in the Raft paper, figure 3, and in raft.tla; each failure throws with the facts.
 */
import type { MemberId } from "../../environment.ts";
import type { Engine, Entry } from "../engine.ts";
import { hasQuorum, type Membership } from "../membership.ts";

/** A property was violated. */
export class SafetyViolation extends Error {
  override readonly name = "SafetyViolation";
}

interface Known {
  readonly epoch: number;
  readonly entry: Entry;
  /** Hash over all commands up to here. */
  readonly hash: number;
  /** Epoch of the member that gave it out first: it was committed in this epoch or before. */
  readonly committedIn: number;
}

export function hashCommand(hash: number, entry: Entry): number {
  let h = hash ^ Math.imul(entry.index, 0x9e3779b1) ^ entry.kind;
  for (const byte of entry.data) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

export class Checkers {
  readonly #leaders = new Map<number, MemberId>();
  readonly #votes = new Map<string, MemberId>();
  readonly #entries = new Map<string, { readonly entry: Entry; readonly prevEpoch: number }>();
  /** What any member ever gave out as committed, by index - 1. */
  readonly committed: Known[] = [];

  get lastCommitted(): number {
    return this.committed.length;
  }

  /**
   * Election safety: at most one leader in an epoch. Leader completeness: it has everything that was committed in
   * earlier epochs. (Who wins an old epoch late may lack what a newer leader committed; it can commit nothing.)
   */
  leads(id: MemberId, epoch: number, engine: Engine): void {
    const known = this.#leaders.get(epoch);
    if (known === id) return;
    if (known !== undefined) throw new SafetyViolation(`two leaders in epoch ${epoch}: ${known} and ${id}`);
    this.#leaders.set(epoch, id);
    const { firstIndex, lastIndex } = engine.status;
    for (const { entry, committedIn } of this.committed) {
      if (entry.index < firstIndex || committedIn >= epoch) continue;
      const own = engine.entryAt(entry.index);
      if (own === null || own.epoch !== entry.epoch) {
        throw new SafetyViolation(
          `leader completeness: ${id} leads ${epoch}, its log (up to ${lastIndex}) lacks ${entry.epoch}/${entry.index}, which is committed`,
        );
      }
    }
  }

  /** One vote an epoch, also over restarts: told when a vote leaves the member. */
  voted(voter: MemberId, epoch: number, candidate: MemberId): void {
    const key = `${voter}:${epoch}`;
    const known = this.#votes.get(key);
    if (known !== undefined && known !== candidate) {
      throw new SafetyViolation(`${voter} voted for ${known} and for ${candidate} in epoch ${epoch}`);
    }
    this.#votes.set(key, candidate);
  }

  /** Log matching: an index and an epoch name one entry with one predecessor. Told of every entry written anywhere. */
  wrote(entry: Entry, prevEpoch: number): void {
    const key = `${entry.epoch}:${entry.index}`;
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { entry, prevEpoch });
    } else if (
      !sameBytes(known.entry.data, entry.data) ||
      known.prevEpoch !== prevEpoch ||
      known.entry.kind !== entry.kind
    ) {
      throw new SafetyViolation(`log matching: two different entries at ${key}`);
    }
  }

  /**
   * State machine safety: an index, once committed anywhere, is that entry everywhere and for ever. The first time, a
   * quorum must hold it on disk. Returns the state's hash after it.
   */
  gaveOut(
    id: MemberId,
    epoch: number,
    entry: Entry,
    durable: { membership: Membership; holds: (id: MemberId) => boolean } | null,
  ): number {
    const known = this.committed[entry.index - 1];
    if (known !== undefined) {
      if (known.epoch !== entry.epoch || !sameBytes(known.entry.data, entry.data)) {
        throw new SafetyViolation(
          `state machine safety: ${id} committed ${entry.epoch}/${entry.index}, before it was ${known.epoch}/${entry.index}`,
        );
      }
      return known.hash;
    }
    if (entry.index !== this.committed.length + 1) {
      throw new SafetyViolation(
        `${id} gave out ${entry.index} as committed, the last one was ${this.committed.length}`,
      );
    }
    if (durable !== null && !hasQuorum(durable.membership, durable.holds)) {
      throw new SafetyViolation(`${id} committed ${entry.epoch}/${entry.index}, which no quorum has on disk`);
    }
    const hash = hashCommand(this.committed.at(-1)?.hash ?? 0, entry);
    this.committed.push({ epoch: entry.epoch, entry, hash, committedIn: epoch });
    return hash;
  }

  /** A state from a snapshot is the state the log led to. */
  installed(id: MemberId, index: number, hash: number): void {
    const known = this.committed[index - 1];
    if (known === undefined || known.hash !== hash) {
      throw new SafetyViolation(`${id} installed a snapshot at ${index} that is not the state there`);
    }
  }

  /** Linearizable reads: nothing that was committed when the read began may be missing. */
  read(id: MemberId, index: number, committedBefore: number): void {
    if (index < committedBefore) {
      throw new SafetyViolation(
        `stale read: ${id} may answer at ${index}, but ${committedBefore} was committed when asked`,
      );
    }
  }
}
