/**
 * Phase 2: everybody takes over the leader's history, and the leader is established when a quorum has.
 *
 * A session begins where both histories agree and sends what follows in the leader's (DIFF); where the follower has
 * something else, that goes (TRUNC); where the leader has forgotten what is needed, a snapshot comes first (SNAP). The
 * message that completes the history carries NEWLEADER. The follower then adopts the epoch: history durable, current epoch
 * durable, acknowledgement, in this order; the last two by the write that the acknowledgement waits for.
 *
 * Where they agree. The peer names an entry that it holds. If the leader holds it, that is the place. Else its last
 * entry of at most that epoch: with the same epoch, the peer must hold it (an epoch's entries are one leader's run). With
 * an earlier one the peer may have another history there; then the first message is empty and asks (probe), and each
 * refusal leads back by an epoch at least.
 *
 * TRUNC across epochs. ZooKeeper must not cut a follower back over the beginning of an epoch, because the zxid (e, 0) that
 * the cut would name is no transaction, and what is compared is numbers. Here a base is a dense index with the epoch of
 * the entry there, and the follower cuts by itself, only where an entry of the leader's contradicts its own, or what lies
 * beyond NEWLEADER. So what stays is at each moment a prefix of some leader's history, never shorter than the common one, and
 * what goes was never committed: the quorum that accepted the epoch does not know it, or the leader's history would hold
 * it. A crash in the middle leaves such a prefix under the old current epoch, which claims no more than is there.
 */
import type { MemberId } from "../../environment.ts";
import { EntryKind, type Position } from "../engine.ts";
import { hasQuorum } from "../membership.ts";
import { type EntryLog, entryOverheadBytes } from "../parts/entry-log.ts";
import { name } from "../parts/name.ts";
import { countCommit } from "./commit.ts";
import { appendOwn } from "./leadership.ts";
import type { Progress } from "./progress.ts";
import { setLeader } from "./role.ts";
import { reach, sendHeartbeats, sendPing, wantSnapshot } from "./sending.ts";
import type { Leadership, ZabState } from "./state.ts";

/** Where a peer goes on. */
export interface CommonPoint {
  readonly index: number;
  /** The peer holds it for certain; otherwise it is to be asked. */
  readonly sure: boolean;
}

/**
 * The last entry that a leader's log shares, or may share, with a log that holds `hint`. Null: what the peer needs is
 * forgotten here.
 */
export function commonPoint(log: EntryLog, hint: Position): CommonPoint | null {
  if (hint.index < log.base.index) return null;
  if (log.holds(hint)) return { index: hint.index, sure: true };
  const index = log.lastAtMostEpoch(hint.index, hint.epoch);
  const epoch = log.epochAt(index) as number;
  // Nothing that is still here is old enough; before the first entry of all, all logs agree.
  if (epoch > hint.epoch) return index === 0 ? { index, sure: true } : null;
  return { index, sure: epoch === hint.epoch || index === 0 };
}

/** A quorum has accepted the epoch: adopts it, and brings everybody who accepted it to this history. */
export function startSynchronisation(s: ZabState, lead: Leadership): void {
  lead.phase = "synchronisation";
  lead.historyIndex = s.log.lastIndex;
  s.currentEpoch = s.epoch;
  s.saveState();
  lead.ownWrite = s.barrier;
  s.notice("info", `epoch ${s.epoch} was accepted: brings the others to entry ${lead.historyIndex}`, {
    index: lead.historyIndex,
  });
  for (const p of lead.progress.values()) if (p.hint !== null) startSession(s, lead, p, p.hint);
}

/** A peer that holds `hint` gets a stream; its messages go out at the end of the turn. */
export function startSession(s: ZabState, lead: Leadership, p: Progress, hint: Position): void {
  const common = commonPoint(s.log, hint);
  if (common === null) return wantSnapshot(s, lead, p);
  p.begin(common.index, common.sure);
  p.newLeaderAt = p.synced ? null : Math.max(reach(s, p), p.next - 1);
}

/** The peer misses something, or does not hold what the session began with. */
export function restartSession(s: ZabState, lead: Leadership, p: Progress, hint: Position): void {
  if (!p.streams) return;
  p.renew();
  startSession(s, lead, p, hint);
}

/** A peer has adopted the epoch. A leader that is established tells it the newest commit (UPTODATE). */
export function onAdopted(s: ZabState, lead: Leadership, p: Progress): void {
  p.synced = true;
  if (lead.phase === "broadcast") sendPing(s, lead, p, { answer: false, expect: 0 });
}

/** Leads, if a quorum has adopted the history durably. This member's own adoption counts from when it is durable. */
export function establish(s: ZabState, lead: Leadership): void {
  if (lead.phase !== "synchronisation") return;
  const adopted = (id: MemberId): boolean => {
    if (id === s.id) return s.writes.durable >= lead.ownWrite;
    const p = lead.progress.get(id);
    return p !== undefined && p.synced && !p.untrusted && p.match >= lead.historyIndex;
  };
  if (!hasQuorum(s.memberships.active, adopted)) return;
  lead.phase = "broadcast";
  s.role = "leader";
  setLeader(s, s.id);
  const pending = s.log.lastIndex - s.commit;
  lead.uncommittedBytes = s.log.bytesFrom(s.commit + 1) + pending * entryOverheadBytes;
  s.notice("info", `won the election: a quorum has adopted epoch ${s.epoch}`, {
    voters: s.memberships.active.voters.map(name),
  });
  // The history is committed by its adoption alone.
  countCommit(s, lead);
  appendOwn(s, lead, EntryKind.noop, new Uint8Array(0));
  sendHeartbeats(s, lead);
}
