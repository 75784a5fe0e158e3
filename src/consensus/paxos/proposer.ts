/**
 * Phase 1, on both sides: one prepare for all open slots, promises with what was accepted there, and the choice.
 *
 * A proposer never uses a round that is not on its disk as its own promise, so that no restart uses it again. It counts
 * each acceptor's promise when all parts of one reply are there, its own when it is durable. Before it chooses, it learns
 * what any of them knows to be decided; if that changes who takes part, it begins again, because the promises it has may
 * be older than the change. It needs a quorum of the members in force, and, where it finds a change of membership that
 * may have been chosen, of the members that this brings as well: only then is it the one leader of its round.
 */
import type { MemberId } from "../../environment.ts";
import { assert, InvariantViolation } from "../../errors.ts";
import { type Entry, EntryKind } from "../engine.ts";
import { decodeMembershipEntry, type Membership } from "../membership.ts";
import { entryOverheadBytes } from "../parts/entry-log.ts";
import { name } from "../parts/name.ts";
import { accept, openSlots } from "./acceptor.ts";
import { Candidacy, type PromiseReport } from "./candidacy.ts";
import { choose, type Report, ReportsContradict } from "./choice.ts";
import { decide } from "./decided.ts";
import { becomeLeader } from "./leadership.ts";
import type { Envelope, Prepare, PromiseMessage, ReportedSlot } from "./messages.ts";
import { hasPhase1, phase1Possible } from "./quorums.ts";
import { becomeFollower, drawElectionTimeout, enterRound, setLeader } from "./role.ts";
import { electorate, hurryElection, isBound, mayCampaign } from "./standing.ts";
import type { PaxosState } from "./state.ts";

// The proposer's side.

/** Prepares the next round. `transfer`: at the wish of the leader itself. */
export function startElection(s: PaxosState, transfer: boolean): void {
  enterRound(s, s.round + 1, s.id);
  s.role = "candidate";
  setLeader(s, 0n);
  s.surveyed.clear();
  s.ack = null;
  drawElectionTimeout(s);
  const resendAt = s.now + s.options.heartbeatIntervalMs;
  s.candidacy = new Candidacy({ first: s.decided + 1, transfer, write: s.barrier, resendAt });
  s.notice("info", `prepares round ${s.round} from slot ${s.decided + 1} on${transfer ? ", asked by the leader" : ""}`);
  prepare(s, s.candidacy, electorate(s));
}

function prepare(s: PaxosState, candidacy: Candidacy, ids: Iterable<MemberId>): void {
  const { first, transfer, write } = candidacy;
  for (const id of ids) {
    if (id === s.id) continue;
    candidacy.asked.add(id);
    s.send(id, { type: "prepare", first, transfer }, s.writes.durable >= write ? 0 : write);
  }
}

/** Once a heartbeat interval: a prepare, or a part of a promise, may have got lost. */
export function repeatPrepare(s: PaxosState, candidacy: Candidacy): void {
  if (s.now < candidacy.resendAt) return;
  candidacy.resendAt = s.now + s.options.heartbeatIntervalMs;
  prepare(
    s,
    candidacy,
    [...candidacy.asked].filter((id) => !candidacy.reports.has(id) && !candidacy.refused.has(id)),
  );
}

/** A candidate's own promise counts from when it is durable. */
export function onPromiseDurable(s: PaxosState): void {
  const { candidacy } = s;
  if (candidacy !== null && s.writes.durable >= candidacy.write) conclude(s, candidacy);
}

export function onPromise(s: PaxosState, from: MemberId, envelope: Envelope, m: PromiseMessage): boolean {
  const { candidacy } = s;
  if (candidacy === null || m.first !== candidacy.first || !candidacy.asked.has(from)) return false;
  const report = candidacy.add(from, envelope.incarnation, m);
  if (report === null) return true;
  const { membership } = s;
  if (!learn(s, from, report)) {
    candidacy.reports.delete(from);
    return false;
  }
  if (s.membership !== membership || !mayCampaign(s)) {
    becomeFollower(s, s.round, 0n, `${name(from)} knows of newer members`);
    hurryElection(s, 0);
    return true;
  }
  conclude(s, candidacy);
  return true;
}

/** What the acceptor knows to be decided is so here. False: it contradicts what is. */
function learn(s: PaxosState, from: MemberId, { first, decided, slots }: PromiseReport): boolean {
  if (decided <= s.decided) return true;
  const entries: Entry[] = [];
  for (let index = s.decided + 1; index <= decided; index++) entries.push((slots[index - first] as ReportedSlot).entry);
  if (!accept(s, from, s.round, entries)) return false;
  decide(s, decided);
  return true;
}

export function onNack(s: PaxosState, from: MemberId, asked: number): boolean {
  const { candidacy } = s;
  if (candidacy === null || asked !== s.round || candidacy.reports.has(from)) return false;
  candidacy.refused.add(from);
  conclude(s, candidacy);
  return true;
}

/** Looks whether phase 1 is done, or cannot be done any more. */
function conclude(s: PaxosState, candidacy: Candidacy): void {
  const { membership } = s;
  if (!mayGoOn(s, candidacy, membership) || !isPromised(s, candidacy, membership)) return;
  const values = chosenOf(s, candidacy);
  if (values === null) return;
  const last = values.at(-1);
  let next: Membership | null = null;
  if (last?.kind === EntryKind.membership) {
    next = decodeMembershipEntry(last.data).membership;
    prepare(
      s,
      candidacy,
      next.voters.filter((id) => !candidacy.asked.has(id)),
    );
    if (!mayGoOn(s, candidacy, next) || !isPromised(s, candidacy, next)) return;
  }
  if (s.role !== "candidate" || s.proposer !== s.id) {
    throw new InvariantViolation(`a ${s.role} that promised to ${name(s.proposer)} cannot lead round ${s.round}`);
  }
  const voters = electorate(s);
  s.notice(
    "info",
    `won the election in round ${s.round} with ${voters.filter((id) => promised(s, candidacy, id)).length} of ${voters.length} promises`,
    {
      decided: s.decided,
      open: values.length,
    },
  );
  becomeLeader(s, values, candidacy.reports);
}

/** Null: what was reported cannot be, and this member steps back. */
function chosenOf(s: PaxosState, candidacy: Candidacy): Entry[] | null {
  try {
    return choose(s.decided + 1, s.log.epochAt(s.decided) ?? 0, reportsOf(s, candidacy));
  } catch (error) {
    if (!(error instanceof ReportsContradict)) throw error;
    s.notice("warn", `does not lead round ${s.round}: ${error.message}`, {});
    becomeFollower(s, s.round, 0n, "promises contradict each other");
    return null;
  }
}

function promised(s: PaxosState, candidacy: Candidacy, id: MemberId): boolean {
  return id === s.id ? s.writes.durable >= candidacy.write : candidacy.reports.has(id);
}

function isPromised(s: PaxosState, candidacy: Candidacy, membership: Membership): boolean {
  return hasPhase1(membership, s.phase2, (id) => promised(s, candidacy, id));
}

function mayGoOn(s: PaxosState, { refused }: Candidacy, membership: Membership): boolean {
  if (phase1Possible(membership, s.phase2, (id) => refused.has(id))) return true;
  becomeFollower(s, s.round, 0n, `refused by ${[...refused].map(name).join(", ")}`);
  return false;
}

/** What everybody holds in the slots that are open here, this member included. */
function reportsOf(s: PaxosState, candidacy: Candidacy): Report[] {
  const first = s.decided + 1;
  const reports: Report[] = [openSlots(s, first)];
  for (const report of candidacy.reports.values()) {
    assert(report.decided <= s.decided, "a report knows more to be decided than was learned from it");
    const open = report.slots.slice(Math.max(0, first - report.first));
    reports.push(open.map((slot) => (slot.round === 0 ? null : slot)));
  }
  return reports;
}

// The acceptor's side.

export function onPrepare(s: PaxosState, from: MemberId, envelope: Envelope, m: Prepare): void {
  const { round } = envelope;
  if (round < s.round || (!m.transfer && isBound(s, from))) return nack(s, from, round);
  if (round > s.round) becomeFollower(s, round, 0n, `${name(from)} prepares round ${round}`);
  // A question from before it led: whose values were accepted in this round has its promises.
  if (s.proposer === from && s.ballots.runs.some((run) => run.round === round)) return;
  const isFree = s.proposer === from || s.proposer === 0n;
  // Slots that it asks about are forgotten here: a snapshot must bring it forward first.
  const isAnswerable = m.first > s.log.base.index;
  if (!isFree || s.leader !== 0n || s.untrusted || !isAnswerable) return nack(s, from, round);
  if (s.proposer === 0n) {
    s.proposer = from;
    s.saveState();
    s.notice("info", `promises round ${s.round} to ${name(from)}`, { candidate: name(from) });
  }
  s.electionDeadline = s.now + s.electionTimeoutMs;
  if (s.earlyAt !== null) s.earlyAt = Math.max(s.earlyAt, s.now + 2 * s.options.heartbeatIntervalMs);
  promise(s, from, m.first);
}

/** A nack carries the round that was promised instead: the proposer has to go above it, or step back. */
function nack(s: PaxosState, to: MemberId, asked: number): void {
  s.send(to, { type: "nack", asked }, s.barrier);
}

/** In parts that fit into messages. Each leaves when everything it speaks of is durable. */
function promise(s: PaxosState, to: MemberId, first: number): void {
  const parts: ReportedSlot[][] = [[]];
  let bytes = 0;
  for (let index = first; index <= s.log.lastIndex; index++) {
    const entry = s.log.at(index) as Entry;
    const size = entry.data.length + entryOverheadBytes;
    let part = parts.at(-1) as ReportedSlot[];
    if (part.length > 0 && bytes + size > s.options.maxMessageBytes) {
      part = [];
      parts.push(part);
      bytes = 0;
    }
    part.push({ entry, round: index <= s.decided ? 0 : s.ballots.at(index) });
    bytes += size;
  }
  const reply = ++s.replies;
  let from = first;
  parts.forEach((slots, part) => {
    s.send(
      to,
      { type: "promise", first, decided: s.decided, reply, part, parts: parts.length, from, slots },
      s.barrier,
    );
    from += slots.length;
  });
}
