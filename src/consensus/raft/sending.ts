/** What a leader sends its followers: entries, heartbeats, and the wish for a snapshot where entries are forgotten. */
import { entryOverheadBytes } from "../parts/entry-log.ts";
import { name } from "../parts/name.ts";
import type { Progress } from "./progress.ts";
import { confirmedRound } from "./reads.ts";
import { type Leadership, type RaftState } from "./state.ts";

/** Sends a peer what its window has room for. */
export function sendAppends(s: RaftState, p: Progress): void {
  while (p.maySend && p.next <= s.log.lastIndex) {
    if (!sendAppend(s, p)) return;
  }
}

/** Sends one message, empty if nothing is new: its answer tells where the peer is. False: a snapshot must do. */
export function sendAppend(s: RaftState, p: Progress): boolean {
  const prevIndex = p.next - 1;
  const prevEpoch = s.log.epochAt(prevIndex);
  if (prevEpoch === null) {
    wantSnapshot(s, p);
    return false;
  }
  const room = p.state === "replicate" && p.windowFull ? 0 : s.options.maxMessageBytes;
  const entries = room === 0 ? [] : s.log.sliceBytes(p.next, room);
  s.send(p.id, { type: "append", session: p.session, prevIndex, prevEpoch, commit: s.commit, entries });
  p.sentCommit = s.commit;
  const last = entries.at(-1);
  if (last !== undefined) {
    let bytes = 0;
    for (const entry of entries) bytes += entry.data.length + entryOverheadBytes;
    p.sent(last.index, bytes);
  } else if (p.state === "probe") {
    p.paused = true;
  }
  return true;
}

/** The entries a peer needs are forgotten: asks for a snapshot to be sent, if the peer is there to take it. */
export function wantSnapshot(s: RaftState, p: Progress): void {
  if (p.incarnation === 0 || p.lastHeard < s.now - s.options.electionTimeoutMs) {
    // Nobody listens: the next heartbeat that is answered comes back here.
    p.paused = true;
    if (p.state === "replicate") {
      p.becomeProbe(p.match + 1);
      p.paused = true;
    }
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
export function startRound(s: RaftState, lead: Leadership): void {
  lead.round++;
  lead.reads.batch(lead.round, s.commit);
  for (const p of lead.progress.values()) sendHeartbeat(s, lead, p, true);
}

/** Tells the commit index; asks for an answer if `answer`. */
export function sendHeartbeat(s: RaftState, lead: Leadership, p: Progress, answer: boolean): void {
  const commitEpoch = s.log.epochAt(s.commit) ?? 0;
  s.send(p.id, {
    type: "heartbeat",
    session: p.session,
    toIncarnation: p.incarnation,
    round: lead.round,
    sentAt: s.now,
    commitIndex: s.commit,
    commitEpoch,
    answer,
    trusted: p.untrusted && isRecovered(s, lead, p),
  });
  p.sentCommit = s.commit;
}

/**
 * Whether an untrusted peer may be believed again. It may have lost acknowledged entries and knows not which. By now a
 * quorum *without it* has confirmed this leadership and committed all the leader held when the peer returned; every
 * entry that its lost acknowledgements helped to commit is among those, and the peer holds them again.
 */
function isRecovered(s: RaftState, lead: Leadership, p: Progress): boolean {
  const { recovery } = p;
  if (recovery === null || p.incarnation === 0) return false;
  return s.commit >= recovery.index && p.match >= recovery.index && confirmedRound(s, lead) >= recovery.round;
}
