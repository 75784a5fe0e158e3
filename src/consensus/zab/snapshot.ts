/** Bringing a peer forward with a whole state instead of entries, and being brought forward (SNAP). */
import type { MemberId } from "../../environment.ts";
import { assert, InvariantViolation } from "../../errors.ts";
import type { SnapshotMeta } from "../engine.ts";
import { sameMembership } from "../membership.ts";
import { name } from "../parts/name.ts";
import { advanceCommit } from "./commit.ts";
import { acceptEpoch, stepDown } from "./role.ts";
import { sendLeaderInfo } from "./sending.ts";
import type { ZabState } from "./state.ts";

/** The snapshot reached the peer, or did not. A new session finds out what the peer has now. */
export function onSnapshotSent(s: ZabState, to: MemberId, index: number, ok: boolean): void {
  const { lead } = s;
  const p = lead?.progress.get(to);
  if (lead === null || p === undefined || p.state !== "snapshot") return;
  p.becomeIdle();
  // After a failure the next heartbeat is soon enough: no busy retry.
  if (ok) sendLeaderInfo(s, lead, p);
  else s.notice("warn", `a snapshot did not reach ${name(to)}: tries again`, { peer: name(to), index });
}

/**
 * A snapshot from a leader is on disk. It is a state every leader's history leads through, whatever became of the leader
 * that sent it; but it must be ahead of what is committed here. It says nothing of which epoch was adopted: the current
 * epoch stays, and claims less than is there until NEWLEADER.
 */
export function onSnapshotReceived(s: ZabState, from: MemberId, snapshot: SnapshotMeta): void {
  assert(s.applied <= s.commit, "applied is beyond commit");
  if (snapshot.index <= s.commit) {
    const fits = s.log.epochAt(snapshot.index);
    if (fits === null || fits === snapshot.epoch) return;
    const there = `epoch ${fits} is committed there`;
    s.notice("warn", `refused a snapshot of epoch ${snapshot.epoch} at ${snapshot.index}: ${there}`);
    return;
  }
  if (s.lead !== null) return;
  if (s.log.holds(snapshot)) {
    // All entries are here; only their commitment was not known.
    advanceCommit(s, snapshot.index);
    return;
  }
  if (snapshot.epoch > s.epoch) {
    stepDown(s, `a snapshot of epoch ${snapshot.epoch} arrived`);
    acceptEpoch(s, snapshot.epoch, 0n);
    s.host = 0n;
  }
  s.log.reset(snapshot);
  s.memberships.reset(snapshot.membership, snapshot.index);
  s.writes.restarted(snapshot);
  s.commit = snapshot.index;
  s.emitted = snapshot.index;
  s.applied = snapshot.index;
  s.snapshotIndex = snapshot.index;
  s.out.installSnapshot = snapshot;
  // What was gathered before speaks of a log that is gone.
  s.ack = null;
  if (s.stream !== null) s.stream.broken = true;
  s.notice("info", `installs a snapshot at index ${snapshot.index}`, { index: snapshot.index, from: name(from) });
}

/** A durable snapshot covers the log up to its index: forgets entries up to `upTo`. */
export function onCompact(s: ZabState, snapshot: SnapshotMeta, upTo: number): void {
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
