/**
 * What a new leader proposes for the open slots: phase 2 of Paxos for a whole suffix at once.
 *
 * Per slot the value accepted in the highest round that its phase 1 quorum knows; a value that cannot have been chosen
 * (`rising.ts`) counts as none; a slot without a value, before one that has, gets a no-op. The list ends at the first
 * change of membership: nobody proposes behind one that is not decided, so what lies there was proposed by somebody who
 * knew it decided, and if a quorum had accepted it, one of them would have told (proof in docs/internals/paxos.md).
 */
import { type Entry, EntryKind } from "../engine.ts";
import { type Accepted, withoutFalling } from "./rising.ts";

/** What acceptors report cannot all be true: a broken disk, or no Paxos. Nobody must lead on the strength of it. */
export class ReportsContradict extends Error {
  override readonly name = "ReportsContradict";
}

/** What one acceptor holds in the open slots, from the first on; null: a hole. It may be shorter than others'. */
export type Report = readonly (Accepted | null)[];

const nothing = new Uint8Array(0);

/**
 * @param first the first open slot: all before it are decided.
 * @param floor epoch of the last decided entry.
 * @param reports of a phase 1 quorum, all from `first` on.
 * @throws ReportsContradict if a round has two values in a slot, or a list that falls.
 */
export function choose(first: number, floor: number, reports: readonly Report[]): Entry[] {
  const length = Math.max(0, ...reports.map((report) => report.length));
  const highest: (Accepted | null)[] = [];
  for (let at = 0; at < length; at++) {
    let best: Accepted | null = null;
    for (const report of reports) {
      const slot = report[at] ?? null;
      if (slot === null) continue;
      if (best !== null && best.round === slot.round) mustBeSame(best, slot);
      if (best === null || slot.round > best.round) best = slot;
    }
    highest.push(best);
  }
  const standing = withoutFalling(highest, floor);
  if (standing === null) throw new ReportsContradict(`the list of one leader falls: ${words(highest)}`);
  const change = standing.findIndex((slot) => slot?.entry.kind === EntryKind.membership);
  if (change >= 0) standing.length = change + 1;
  while (standing.length > 0 && standing.at(-1) === null) standing.pop();
  let epoch = floor;
  return standing.map((slot, at) => {
    if (slot === null) return { epoch, index: first + at, kind: EntryKind.noop, data: nothing };
    epoch = slot.entry.epoch;
    return slot.entry;
  });
}

function words(slots: readonly (Accepted | null)[]): string {
  return slots
    .map((slot) => (slot === null ? "-" : `${slot.entry.epoch}/${slot.entry.index} of ${slot.round}`))
    .join(", ");
}

function mustBeSame(a: Accepted, b: Accepted): void {
  if (a.entry.epoch === b.entry.epoch && a.entry.kind === b.entry.kind && a.entry.data.length === b.entry.data.length) {
    return;
  }
  const { index } = a.entry;
  throw new ReportsContradict(
    `slot ${index} has two values of round ${a.round}: epoch ${a.entry.epoch}, kind ${a.entry.kind} and epoch ${b.entry.epoch}, kind ${b.entry.kind}`,
  );
}

/** Whether two entries of one slot are the same value. */
export function sameValue(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  if (a.epoch !== b.epoch || a.kind !== b.kind || a.data.length !== b.data.length) return false;
  for (let at = 0; at < a.data.length; at++) if (a.data[at] !== b.data[at]) return false;
  return true;
}
