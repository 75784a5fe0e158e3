/** Bringing a peer forward with a whole state instead of entries, and being brought forward. */
import type { MemberId } from "../../environment.ts";
import { assert, InvariantViolation } from "../../errors.ts";
import type { SnapshotMeta } from "../engine.ts";
import { sameMembership } from "../membership.ts";
import { name } from "../parts/name.ts";
import { advanceCommit } from "./commit.ts";
import { becomeFollower } from "./role.ts";
import { type RaftState } from "./state.ts";

/** The snapshot reached the peer, or did not. Goes on with a probe at the next heartbeat's answer: no busy retry. */
export function onSnapshotSent(s: RaftState, to: MemberId, index: number, ok: boolean): void {
  const p = s.lead?.progress.get(to);
  if (p === undefined || p.state !== "snapshot") return;
  const reached = Math.min(Math.max(index, p.snapshotIndex), s.log.lastIndex);
  p.becomeProbe(ok ? reached + 1 : p.match + 1);
  p.paused = true;
  if (!ok) s.notice("warn", `a snapshot did not reach ${name(to)}: tries again`, { peer: name(to), index });
}

/**
 * A snapshot from a leader is on disk. It is a state every leader's log leads through, whatever became of the leader
 * that sent it; but it must be ahead of what is committed here.
 */
export function onSnapshotReceived(s: RaftState, from: MemberId, snapshot: SnapshotMeta): void {
  assert(s.applied <= s.commit, "applied is beyond commit");
  if (snapshot.index <= s.commit) {
    const fits = s.log.epochAt(snapshot.index);
    if (fits !== null && fits !== snapshot.epoch) {
      s.notice(
        "warn",
        `refused a snapshot of epoch ${snapshot.epoch} at ${snapshot.index}: epoch ${fits} is committed there`,
      );
      return;
    }
    acknowledgeSnapshot(s, from);
    return;
  }
  if (s.lead !== null) return;
  if (s.log.holds(snapshot)) {
    // All entries are here; only their commitment was not known.
    advanceCommit(s, snapshot.index);
    acknowledgeSnapshot(s, from);
    return;
  }
  if (snapshot.epoch > s.epoch) becomeFollower(s, snapshot.epoch, 0n, `a snapshot of epoch ${snapshot.epoch} arrived`);
  s.log.reset(snapshot);
  s.memberships.reset(snapshot.membership, snapshot.index);
  s.writes.restarted(snapshot);
  s.commit = snapshot.index;
  s.emitted = snapshot.index;
  s.applied = snapshot.index;
  s.snapshotIndex = snapshot.index;
  s.out.installSnapshot = snapshot;
  // An acknowledgement gathered before speaks of a log that is gone.
  s.ack = null;
  s.notice("info", `installs a snapshot at index ${snapshot.index}`, { index: snapshot.index, from: name(from) });
  acknowledgeSnapshot(s, from);
}

/**
 * Tells the leader how far this member is. The session is not known here: 0 counts only if the leader knows this
 * incarnation already, which it does, having sent the snapshot to it.
 */
function acknowledgeSnapshot(s: RaftState, from: MemberId): void {
  const to = s.leader === 0n ? from : s.leader;
  if (to === s.id || to === 0n) return;
  const response = {
    type: "appendResponse",
    ok: true,
    session: 0,
    index: s.commit,
    hintIndex: 0,
    hintEpoch: 0,
  } as const;
  s.send(to, { ...response, lastIndex: s.log.lastIndex }, s.barrier);
}

/** A durable snapshot covers the log up to its index: forgets entries up to `upTo`. */
export function onCompact(s: RaftState, snapshot: SnapshotMeta, upTo: number): void {
  const { index } = snapshot;
  if (index > s.emitted)
    throw new InvariantViolation(
      `a snapshot at ${index} covers entries that were never given out (up to ${s.emitted})`,
    );
  if (upTo > index) throw new InvariantViolation(`cannot forget entries up to ${upTo}: the snapshot covers ${index}`);
  if (index <= s.snapshotIndex) return;
  const epoch = s.log.epochAt(index);
  if (epoch !== snapshot.epoch)
    throw new InvariantViolation(`the snapshot at ${index} is of epoch ${snapshot.epoch}, the entry of ${epoch}`);
  if (!sameMembership(s.memberships.at(index), snapshot.membership))
    throw new InvariantViolation(`the snapshot at ${index} has a wrong membership`);
  s.snapshotIndex = index;
  s.log.compact(upTo);
  s.memberships.compact(s.log.base.index);
}
