/** The beginning of a leadership, and what a leader does to its own slots and to its list of peers. */
import type { MemberId } from "../../environment.ts";
import { InvariantViolation } from "../../errors.ts";
import { type Entry, EntryKind } from "../engine.ts";
import { allMembers, ascending } from "../membership.ts";
import { entryOverheadBytes } from "../parts/entry-log.ts";
import { LeaderReads } from "../parts/leader-reads.ts";
import { append, replaceOpen } from "./acceptor.ts";
import type { PromiseReport } from "./candidacy.ts";
import { Progress } from "./progress.ts";
import { setLeader } from "./role.ts";
import { startBeat } from "./sending.ts";
import type { Leadership, PaxosState } from "./state.ts";

/** Bytes that a value counts against `maxUncommittedBytes`. */
export function costOf(data: Uint8Array): number {
  return data.length + entryOverheadBytes;
}

/**
 * Phase 1 is done: this member proposes `values` for the open slots, then a no-op of its own.
 * @param values of consecutive slots from behind the decided ones on.
 */
export function becomeLeader(
  s: PaxosState,
  values: readonly Entry[],
  reports: ReadonlyMap<MemberId, PromiseReport>,
): void {
  const { options, now, round } = s;
  replaceOpen(
    s,
    values.map((entry) => ({ entry, round })),
  );
  s.role = "leader";
  s.candidacy = null;
  s.earlyAt = null;
  const lead: Leadership = {
    since: now,
    progress: new Map(),
    noopIndex: s.log.lastIndex + 1,
    acceptWrite: 0,
    waiting: [],
    uncommittedBytes: values.reduce((sum, { data }) => sum + costOf(data), 0),
    beat: 0,
    nextHeartbeat: now + options.heartbeatIntervalMs,
    decidedAtHeartbeat: s.decided,
    transfer: null,
    leaseForfeited: false,
    nextPreference: now + 2 * options.electionTimeoutMs,
    preferenceBackoffMs: 10 * options.electionTimeoutMs,
    reads: new LeaderReads(),
    noticeAt: null,
  };
  s.lead = lead;
  setLeader(s, s.id);
  for (const id of new Set([...allMembers(s.membership), ...allMembers(s.memberships.active)].sort(ascending))) {
    if (id === s.id) continue;
    const p = newProgress(s, id);
    lead.progress.set(id, p);
    const report = reports.get(id);
    if (report === undefined) continue;
    // What it knows to be decided it holds; the rest it has to accept in this round.
    p.incarnation = report.incarnation;
    p.acknowledged(report.decided);
    p.becomeReplicate(report.decided);
  }
  proposeOwn(s, lead, EntryKind.noop, new Uint8Array(0));
  lead.acceptWrite = s.barrier;
  startBeat(s, lead, true);
}

/**
 * Proposes a value of this round in the next slot; it is sent and written at the end of the turn. Behind a change of
 * membership that is not decided it has its slot, but waits: nobody knows yet who is to accept it.
 */
export function proposeOwn(s: PaxosState, lead: Leadership, kind: EntryKind, data: Uint8Array): Entry {
  const entry: Entry = { epoch: s.round, index: s.log.lastIndex + lead.waiting.length + 1, kind, data };
  lead.uncommittedBytes += costOf(data);
  if (isChanging(s)) lead.waiting.push(entry);
  else acceptOwn(s, entry);
  return entry;
}

/** Whether a change of membership is proposed and not decided. */
export function isChanging(s: PaxosState): boolean {
  return s.memberships.activeIndex > s.decided;
}

/** The change is decided: what waited for it is proposed. */
export function proposeWaiting(s: PaxosState, lead: Leadership): void {
  const { waiting } = lead;
  lead.waiting = [];
  for (const entry of waiting) acceptOwn(s, entry);
}

function acceptOwn(s: PaxosState, entry: Entry): void {
  if (entry.index !== s.log.lastIndex + 1) {
    throw new InvariantViolation(`slot ${entry.index} is to be proposed behind slot ${s.log.lastIndex}`);
  }
  if (s.ballots.goOn(entry.index, s.round)) s.saveState();
  append(s, entry);
}

/** A peer of which nothing is known. */
export function newProgress(s: PaxosState, id: MemberId): Progress {
  return new Progress(id, {
    learner: s.memberships.active.learners.includes(id),
    next: 1,
    now: s.now,
    maxMessages: s.options.maxInflightMessages,
    maxBytes: s.options.maxInflightBytes,
  });
}
