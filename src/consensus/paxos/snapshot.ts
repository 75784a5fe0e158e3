/** Bringing a peer forward with a whole state instead of values, and being brought forward. */
import type { MemberId } from "../../environment.ts";
import { assert } from "../../errors.ts";
import type { SnapshotMeta } from "../engine.ts";
import { sameMembership } from "../membership.ts";
import { name } from "../parts/name.ts";
import { heldIn, openSlots, replaceOpen } from "./acceptor.ts";
import { withoutFalling } from "./rising.ts";
import { becomeFollower } from "./role.ts";
import type { PaxosState } from "./state.ts";

/** The snapshot reached the peer, or did not. Goes on with the next heartbeat's answer: no busy retry. */
export function onSnapshotSent(s: PaxosState, to: MemberId, index: number, ok: boolean): void {
  const p = s.lead?.progress.get(to);
  if (p === undefined || p.state !== "snapshot") return;
  p.becomeProbe();
  if (!ok) s.notice("warn", `a snapshot did not reach ${name(to)}: tries again`, { peer: name(to), index });
}

/**
 * A snapshot from a leader is on disk. It is decided state, whatever became of the leader that sent it; but it must be
 * ahead of what is decided here. What was accepted behind it stays accepted.
 */
export function onSnapshotReceived(s: PaxosState, from: MemberId, snapshot: SnapshotMeta): void {
  assert(s.applied <= s.decided, "applied is beyond decided");
  const { index, epoch } = snapshot;
  if (index <= s.decided) {
    const fits = s.log.epochAt(index);
    if (fits !== null && fits !== epoch) {
      s.notice("warn", `refused a snapshot of epoch ${epoch} at ${index}: epoch ${fits} is decided there`);
      return;
    }
    return acknowledgeSnapshot(s, from);
  }
  if (s.lead !== null) return;
  // Whoever knows a change of membership is in no round below the one that proposed it. And a phase 1 that began
  // without this knowledge must begin again.
  if (epoch > s.round) becomeFollower(s, epoch, 0n, `a snapshot of epoch ${epoch} arrived`);
  else if (s.role !== "follower") becomeFollower(s, s.round, 0n, "a snapshot arrived");
  const behind = withoutFalling(openSlots(s, index + 1), epoch);
  assert(behind !== null, "what is accepted rises in epochs");
  s.log.reset(snapshot);
  s.memberships.reset(snapshot.membership, index);
  s.ballots.reset();
  s.writes.restarted(snapshot, true);
  s.decided = index;
  s.emitted = index;
  s.applied = index;
  s.snapshotIndex = index;
  s.saveState();
  replaceOpen(s, behind);
  s.out.installSnapshot = snapshot;
  s.notice("info", `installs a snapshot at index ${index}`, { index, from: name(from) });
  acknowledgeSnapshot(s, from);
}

/**
 * Tells the leader how far this member is. The session is not known here: 0 counts only if the leader knows this
 * incarnation already, which it does, having sent the snapshot to it.
 */
function acknowledgeSnapshot(s: PaxosState, from: MemberId): void {
  const to = s.leader === 0n ? from : s.leader;
  if (to === s.id || to === 0n) return;
  s.send(to, { type: "accepted", session: 0, held: heldIn(s, s.round) }, s.barrier);
}

/** A durable snapshot covers the log up to its index: forgets entries up to `upTo`. */
export function onCompact(s: PaxosState, snapshot: SnapshotMeta, upTo: number): void {
  const { index } = snapshot;
  assert(index <= s.emitted, `a snapshot at ${index} covers entries that were never given out (up to ${s.emitted})`);
  assert(upTo <= index, `cannot forget entries up to ${upTo}: the snapshot covers ${index}`);
  if (index <= s.snapshotIndex) return;
  const epoch = s.log.epochAt(index);
  assert(epoch === snapshot.epoch, `the snapshot at ${index} is of epoch ${snapshot.epoch}, the entry of ${epoch}`);
  assert(
    sameMembership(s.memberships.at(index), snapshot.membership),
    `the snapshot at ${index} has a wrong membership`,
  );
  s.snapshotIndex = index;
  s.log.compact(upTo);
  s.memberships.compact(s.log.base.index);
}
