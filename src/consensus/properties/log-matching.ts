/**
 * An epoch and an index name one entry with one predecessor: two logs that hold it are equal up to there.
 *
 * Looked at when an entry is written: if no pair of entries of that name ever differed in content or in the entry before,
 * the logs agree all the way back, by induction.
 */
import type { Effects } from "../engine.ts";
import { fingerprint } from "./fingerprint.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";

interface Seen {
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly fingerprint: number;
  /** Of another epoch at the same index. */
  readonly other: Seen | null;
}

export class LogMatching implements Property {
  readonly name = "log matching";
  readonly source = "Raft figure 3; raft.tla LogMatching";
  /** By index. */
  readonly #seen: (Seen | undefined)[] = [];

  drained(member: ObservedMember, { write }: Effects): void {
    if (write === null) return;
    const { entries, truncateFrom, snapshot } = write;
    const [first] = entries;
    if (first === undefined) return;
    const kept = truncateFrom === null ? member.written.last : Math.min(member.written.last, truncateFrom - 1);
    let previous = member.written.epochAt(first.index - 1);
    if (snapshot !== null && snapshot.index === first.index - 1) previous = snapshot.epoch;
    else if (snapshot === null && first.index !== kept + 1) {
      violated(this, member, `writes entry ${first.index} behind ${kept}`, { write: write.number });
    }
    for (const entry of entries) {
      if (previous !== null) this.#look(member, entry.index, { ...seen(entry, previous), other: null });
      previous = entry.epoch;
    }

    function seen(entry: (typeof entries)[number], previousEpoch: number): Omit<Seen, "other"> {
      return { epoch: entry.epoch, previousEpoch, fingerprint: fingerprint(entry) };
    }
  }

  #look(member: ObservedMember, index: number, entry: Seen): void {
    let known = this.#seen[index] ?? null;
    while (known !== null && known.epoch !== entry.epoch) known = known.other;
    if (known === null) {
      this.#seen[index] = { ...entry, other: this.#seen[index] ?? null };
    } else if (known.fingerprint !== entry.fingerprint || known.previousEpoch !== entry.previousEpoch) {
      violated(this, member, `writes another entry ${index} of epoch ${entry.epoch} than there was`, {
        index,
        entryEpoch: entry.epoch,
        behindEpoch: entry.previousEpoch,
        knownBehindEpoch: known.previousEpoch,
      });
    }
  }
}
