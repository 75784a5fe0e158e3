/**
 * The acceptor: what it holds in its slots, and taking values into them.
 *
 *     decided ............ | open ........................... last
 *     values for ever      | accepted in rounds (ballots.ts), holes between them
 *
 * A slot is accepted whenever its value arrives in the round promised or a later one; a hole before it stays until its
 * own value comes. An acceptor *holds* in a round what it has without a gap behind its decided index: that alone it
 * acknowledges, and that alone counts for a decision. So a decided slot is decided together with all before it, and what
 * a member must never lose is always the beginning of its log (why: docs/internals/paxos.md, "Holes").
 */
import { type Entry, EntryKind } from "../engine.ts";
import { decodeMembershipEntry } from "../membership.ts";
import { name } from "../parts/name.ts";
import { sameValue } from "./choice.ts";
import { decide } from "./decided.ts";
import { type Accepted, withoutFalling } from "./rising.ts";
import type { PaxosState } from "./state.ts";

/** The most slots that may be missing before a value that is taken: far above what a leader sends ahead. */
const longestGap = 4096;

const nothing = new Uint8Array(0);

/** The last slot that is decided, or accepted in this round without a gap behind what is decided. */
export function heldIn(s: PaxosState, round: number): number {
  const { decided, ballots, log } = s;
  if (decided === log.lastIndex || ballots.at(decided + 1) !== round) return decided;
  return ballots.endOf(decided + 1, log.lastIndex);
}

/** The first slot behind a gap that is accepted in this round; 0: nothing is. */
export function resumesIn(s: PaxosState, round: number): number {
  const held = heldIn(s, round);
  return held === s.log.lastIndex ? 0 : s.ballots.nextIn(round, held);
}

/** What is in the slots from `first` to the last one, all of them open. */
export function openSlots(s: PaxosState, first: number): (Accepted | null)[] {
  const slots: (Accepted | null)[] = [];
  for (let index = first; index <= s.log.lastIndex; index++) slots.push(slotAt(s, index));
  return slots;
}

function slotAt(s: PaxosState, index: number): Accepted | null {
  const entry = s.log.at(index);
  const round = s.ballots.at(index);
  return entry === null || round === 0 ? null : { entry, round };
}

/**
 * Accepts values of consecutive slots in a round that is promised. What is decided, or was accepted in this round, stays
 * as it is. False: they contradict it, or are too far ahead.
 */
export function accept(s: PaxosState, from: bigint, round: number, entries: readonly Entry[]): boolean {
  const { log, ballots } = s;
  let at = 0;
  for (; at < entries.length; at++) {
    const { index, epoch } = entries[at] as Entry;
    if (index > log.lastIndex || (index > s.decided && ballots.at(index) !== round)) break;
    const known = log.epochAt(index);
    if (known === null || known === epoch) continue;
    s.notice("warn", `refused values from ${name(from)} that contradict slot ${index}`, { known, theirs: epoch });
    return false;
  }
  const first = entries[at];
  if (first === undefined) return true;
  if (first.index > log.lastIndex + longestGap) return false;
  if (first.index === log.lastIndex + 1 && first.epoch >= log.lastEpoch) {
    if (ballots.goOn(first.index, round)) s.saveState();
    for (; at < entries.length; at++) append(s, entries[at] as Entry);
    return true;
  }
  if (takeAmong(s, round, at === 0 ? entries : entries.slice(at))) return true;
  s.notice("warn", `refused values from ${name(from)} whose epochs fall`, { from: first.index, epoch: first.epoch });
  return false;
}

/** Puts values among, before or behind what the open slots hold. False: their leader cannot have proposed all of them. */
function takeAmong(s: PaxosState, round: number, entries: readonly Entry[]): boolean {
  const first = s.decided + 1;
  const slots = openSlots(s, first);
  for (const entry of entries) {
    const place = entry.index - first;
    while (slots.length < place) slots.push(null);
    const known = s.log.at(entry.index);
    // The same value keeps its place on disk: only the round is new.
    slots[place] = { entry: known !== null && sameValue(known, entry) ? known : entry, round };
  }
  const standing = withoutFalling(slots, s.log.epochAt(s.decided) ?? 0);
  if (standing !== null) replaceOpen(s, standing);
  return standing !== null;
}

/** These values instead of whatever the open slots hold. */
export function replaceOpen(s: PaxosState, slots: readonly (Accepted | null)[]): void {
  const first = s.decided + 1;
  let length = slots.length;
  while (length > 0 && slots[length - 1] === null) length--;
  let epoch = s.log.epochAt(s.decided) ?? 0;
  const rounds: number[] = [];
  let kept = 0;
  const fresh: Entry[] = [];
  for (let place = 0; place < length; place++) {
    const slot = slots[place] ?? null;
    const index = first + place;
    rounds.push(slot?.round ?? 0);
    epoch = slot?.entry.epoch ?? epoch;
    const known = s.log.at(index);
    const stays = slot === null ? known?.kind === EntryKind.hole && known.epoch === epoch : known === slot.entry;
    if (stays && kept === place) kept++;
    else fresh.push(slot?.entry ?? { epoch, index, kind: EntryKind.hole, data: nothing });
  }
  if (first + kept <= s.log.lastIndex) {
    tellDropped(s, slots, first, first + kept);
    dropFrom(s, first + kept);
  }
  for (const entry of fresh) append(s, entry);
  if (s.ballots.replace(first, rounds)) s.saveState();
}

function tellDropped(s: PaxosState, slots: readonly (Accepted | null)[], first: number, from: number): void {
  let dropped = 0;
  for (let index = from; index <= s.log.lastIndex; index++) {
    const known = s.log.at(index);
    if (known?.kind !== EntryKind.hole && slots[index - first]?.entry !== known) dropped++;
  }
  if (dropped > 0) s.notice("info", `drops ${dropped} uncommitted entries from ${from} on`, { index: from });
}

/** The log goes on with this; in which round it is accepted is said elsewhere. */
export function append(s: PaxosState, entry: Entry): void {
  s.log.append(entry);
  if (entry.kind === EntryKind.membership) {
    s.memberships.append(entry.index, decodeMembershipEntry(entry.data).membership);
  }
}

function dropFrom(s: PaxosState, index: number): void {
  s.log.truncateFrom(index);
  s.memberships.truncateFrom(index);
  s.writes.truncated(index);
}

/**
 * What the leader of this round said is decided is so here as far as its values are: an index alone proves nothing
 * across ballots, this member may hold another value there.
 */
export function learnDecided(s: PaxosState, told: number): void {
  if (told > s.toldDecided) s.toldDecided = told;
  if (s.toldDecided <= s.decided) return;
  const index = Math.min(s.toldDecided, heldIn(s, s.round));
  if (index > s.decided) decide(s, index);
}
