/** What a leader sends its followers: invitations, proposals, pings, and the wish for a snapshot where entries are forgotten. */
import type { Entry } from "../engine.ts";
import { isVoter } from "../membership.ts";
import { entryOverheadBytes } from "../parts/entry-log.ts";
import { name } from "../parts/name.ts";
import type { Progress } from "./progress.ts";
import { confirmedRound } from "./reads.ts";
import type { Leadership, ZabState } from "./state.ts";

const noEntries: readonly Entry[] = Object.freeze([]);

/** LEADERINFO. A prospective leader asks voters only; nobody is asked before this member's own acceptance is durable. */
export function sendLeaderInfo(s: ZabState, lead: Leadership, p: Progress): void {
  if (lead.phase !== "broadcast" && !isVoter(s.memberships.active, p.id)) return;
  const after = lead.phase === "discovery" ? lead.ownWrite : 0;
  s.send(p.id, { type: "leaderInfo", session: p.session, transfer: lead.transferred }, after);
}

/** How far a peer gets the log: a learner what is committed (INFORM), others everything (PROPOSE). */
export function reach(s: ZabState, p: Progress): number {
  return p.learner && p.departing === null ? s.commit : s.log.lastIndex;
}

/** Sends a peer what its window has room for. A session's first message goes out in any case. */
export function sendProposals(s: ZabState, lead: Leadership, p: Progress): void {
  while (p.maySend && (p.counter === 0 || p.newLeaderAt !== null || p.next <= reach(s, p))) {
    if (!sendPropose(s, lead, p)) return;
  }
}

/** Sends the next message of the session. False: a snapshot must do. */
function sendPropose(s: ZabState, lead: Leadership, p: Progress): boolean {
  const prevIndex = p.next - 1;
  const prevEpoch = s.log.epochAt(prevIndex);
  if (prevEpoch === null) {
    wantSnapshot(s, lead, p);
    return false;
  }
  const probes = p.state === "probe";
  // NEWLEADER comes between the history and what is proposed behind it.
  const entries = probes ? noEntries : entriesUpTo(s, p.next, p.newLeaderAt ?? reach(s, p));
  const last = entries.at(-1)?.index ?? prevIndex;
  const newLeader = !probes && p.newLeaderAt !== null && last >= p.newLeaderAt;
  if (newLeader) p.newLeaderAt = null;
  const commit = p.synced && s.role === "leader" ? s.commit : 0;
  s.send(p.id, {
    type: "propose",
    session: p.session,
    toIncarnation: p.incarnation,
    counter: p.counter,
    prevIndex,
    prevEpoch,
    commit,
    newLeader,
    entries,
  });
  if (commit > 0) p.sentCommit = commit;
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length + entryOverheadBytes;
  p.sent(last, bytes);
  return true;
}

function entriesUpTo(s: ZabState, from: number, to: number): readonly Entry[] {
  if (from > to) return noEntries;
  const entries = s.log.sliceBytes(from, s.options.maxMessageBytes);
  const last = entries.at(-1);
  return last !== undefined && last.index > to ? entries.slice(0, to - from + 1) : entries;
}

/** The entries a peer needs are forgotten: asks for a snapshot to be sent, if the peer is there to take it. */
export function wantSnapshot(s: ZabState, lead: Leadership, p: Progress): void {
  if (p.lastHeard < s.now - s.options.electionTimeoutMs) {
    // Nobody listens: it is asked for its acknowledgement of the epoch until it is back.
    p.becomeIdle();
    sendLeaderInfo(s, lead, p);
    return;
  }
  const { index } = s.log.base;
  p.becomeSnapshot(index);
  s.out.sendSnapshot.push({ to: p.id, index });
  s.notice("info", `${name(p.id)} is behind entry ${s.log.firstIndex} and gets a snapshot`, {
    peer: name(p.id),
    match: p.match,
    index,
  });
}

/** Starts a round. All reads that arrived before it are confirmed by it. */
export function startRound(s: ZabState, lead: Leadership): void {
  lead.round++;
  lead.reads.batch(lead.round, s.commit);
  for (const p of lead.progress.values()) if (p.incarnation !== 0) sendPing(s, lead, p, { answer: true, expect: 0 });
}

/** The timed round: also asks for what is overdue, and invites whoever has not acknowledged the epoch. */
export function sendHeartbeats(s: ZabState, lead: Leadership): void {
  lead.nextHeartbeat = s.now + s.options.heartbeatIntervalMs;
  lead.round++;
  lead.reads.batch(lead.round, s.commit);
  for (const p of lead.progress.values()) {
    if (p.state === "idle" && p.hint === null) sendLeaderInfo(s, lead, p);
    if (p.incarnation !== 0) sendPing(s, lead, p, { answer: true, expect: p.overdue() });
  }
}

/** Tells the commit index, to who has adopted the epoch; asks for an answer if `answer`. */
export function sendPing(
  s: ZabState,
  lead: Leadership,
  p: Progress,
  { answer, expect }: { readonly answer: boolean; readonly expect: number },
): void {
  const commitIndex = p.synced && s.role === "leader" ? s.commit : 0;
  s.send(p.id, {
    type: "ping",
    session: p.session,
    toIncarnation: p.incarnation,
    round: lead.round,
    sentAt: s.now,
    commitIndex,
    commitEpoch: s.log.epochAt(commitIndex) ?? 0,
    expect,
    answer,
    trusted: p.untrusted && isRecovered(s, lead, p),
  });
  if (commitIndex > 0) p.sentCommit = commitIndex;
}

/**
 * Whether an untrusted peer may be believed again. It may have lost acknowledged entries and knows not which. By now a
 * quorum *without it* has confirmed this leadership and committed all the leader held when the peer returned; every
 * entry that its lost acknowledgements helped to commit is among those, and the peer holds them again.
 */
function isRecovered(s: ZabState, lead: Leadership, p: Progress): boolean {
  const { recovery } = p;
  if (recovery === null || !p.synced || s.role !== "leader") return false;
  return s.commit >= recovery.index && p.match >= recovery.index && confirmedRound(s, lead) >= recovery.round;
}
