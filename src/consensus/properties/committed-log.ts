/** What any member of the group ever committed, by index: the one history that all must share. */
import { type Entry, EntryKind, type SnapshotMeta } from "../engine.ts";
import { decodeMembershipEntry, type Membership } from "../membership.ts";
import { fingerprint } from "./fingerprint.ts";

export class CommittedLog {
  /** The snapshot that the group was founded from; index 0: it was founded with nothing. */
  #base = 0;
  #baseEpoch = 0;
  readonly #epochs: number[] = [];
  readonly #fingerprints: number[] = [];
  readonly #memberships: { readonly index: number; readonly membership: Membership }[] = [];
  /** The last index that was first committed by a member in this epoch. */
  readonly #lastByEpoch = new Map<number, number>();

  get last(): number {
    return this.#base + this.#epochs.length;
  }

  /** Null: not committed, or before the founding snapshot. */
  epochAt(index: number): number | null {
    if (index === this.#base) return this.#baseEpoch;
    return this.#epochs[index - this.#base - 1] ?? null;
  }

  fingerprintAt(index: number): number | null {
    return this.#fingerprints[index - this.#base - 1] ?? null;
  }

  /** The membership in force once everything up to `index` is committed, or null where none is known. */
  membershipAt(index: number): Membership | null {
    for (let i = this.#memberships.length - 1; i >= 0; i--) {
      const step = this.#memberships[i];
      if (step !== undefined && step.index <= index) return step.membership;
    }
    return null;
  }

  /** The last index that was certainly committed in an epoch before this one; 0: none. */
  lastBefore(epoch: number): number {
    let last = this.#base;
    for (const [earlier, index] of this.#lastByEpoch) if (earlier < epoch) last = Math.max(last, index);
    return last;
  }

  /** The group begins with a saved state. */
  found(snapshot: SnapshotMeta): void {
    this.#base = snapshot.index;
    this.#baseEpoch = snapshot.epoch;
    this.#memberships.push({ index: snapshot.index, membership: snapshot.membership });
  }

  /** The next entry is committed; whoever committed it was in this epoch. */
  add(entry: Entry, inEpoch: number): void {
    this.#epochs.push(entry.epoch);
    this.#fingerprints.push(fingerprint(entry));
    if (entry.kind === EntryKind.membership) {
      this.#memberships.push({ index: entry.index, membership: decodeMembershipEntry(entry.data).membership });
    }
    this.#lastByEpoch.set(inEpoch, entry.index);
  }
}
