/**
 * Changing who takes part, as in the Raft thesis (§4), not as in ZooKeeper.
 *
 * ZooKeeper proposes a membership to the old and the new quorum, and activates it when it is committed; a new leader must
 * find out which membership it saw last and finish it. Here a membership is in force on a member from the moment its entry
 * is in that member's log, and more than one changed voter goes through a joint membership: the same two quorums, but what
 * is in force follows from the log alone, so that elections, discovery and synchronisation need no rule of their own.
 * Any quorum of a membership meets any of the next one, and a prospective leader of the older one, if the newer is
 * committed, meets somebody in its quorum who knows more, and gives up.
 *
 * One change at a time, and none before the leader has committed an entry of its own epoch: otherwise two leaders could
 * each change a different member and end with majorities that share nobody (the single-server bug, raft-dev
 * t4xj6dJTP6E). A joint membership is left by whoever leads when it is committed.
 */

import type { MemberId } from "../../environment.ts";
import { assert } from "../../errors.ts";
import { type Entry, EntryKind } from "../engine.ts";
import {
  describeMembership,
  encodeMembershipEntry,
  isJoint,
  isMember,
  type Membership,
  type MembershipChange,
} from "../membership.ts";
import { changeMembership, leaveJoint } from "../membership-change.ts";
import { name } from "../parts/name.ts";
import { appendOwn, newProgress } from "./leadership.ts";
import { leaderHint } from "./role.ts";
import { sendLeaderInfo } from "./sending.ts";
import type { Leadership, ZabState } from "./state.ts";
import { abortTransfer } from "./transfer.ts";

export function onReconfigure(s: ZabState, id: number, change: MembershipChange, context: Uint8Array): void {
  const { leading: lead, out } = s;
  const current = s.memberships.active;
  if (lead === null) {
    out.refuse(id, "not leader", leaderHint(s));
  } else if (lead.transfer !== null) {
    out.refuse(id, "transferring leadership", `leadership is being handed to ${name(lead.transfer.to)}`);
  } else if (s.diskStalled) {
    out.refuse(id, "disk stalled", "the disk of this member does not answer");
  } else if (!s.settled) {
    out.refuse(id, "not settled", `the first entry of epoch ${s.epoch} is not committed yet: try again soon`);
  } else if (s.memberships.activeIndex > s.commit || isJoint(current)) {
    out.refuse(id, "change in progress", `the membership at entry ${s.memberships.activeIndex} is not settled yet`);
  } else {
    const step = changeMembership(current, change);
    if (step.kind === "unknown") {
      out.refuse(id, "unknown member", `${name(step.member)} is no member: ${describeMembership(current)}`);
    } else if (step.kind === "invalid") {
      out.refuse(id, "invalid change", step.fault);
    } else {
      const behind = learnerBehind(s, lead, change);
      if (behind === null) {
        const entry = appendMembership(s, lead, step.next, context);
        out.accepted.push({ id, epoch: entry.epoch, index: entry.index });
      } else {
        out.refuse(id, "learner not ready", behind);
      }
    }
  }
}

/** Why a learner that is to vote is not fit for it yet, or null. Its vote must not bring the group to a stand. */
function learnerBehind(s: ZabState, lead: Leadership, change: MembershipChange): string | null {
  for (const { id, role } of change.set) {
    if (role !== "voter" || !s.memberships.active.learners.includes(id)) continue;
    const p = lead.progress.get(id);
    const lag = p === undefined ? s.log.lastIndex : s.log.lastIndex - p.match;
    const heard = p !== undefined && p.lastHeard >= s.now - s.options.electionTimeoutMs && p.incarnation !== 0;
    const near = p !== undefined && p.match + 1 >= s.log.firstIndex;
    if (!heard || !near || p.state !== "replicate" || s.log.bytesFrom(p.match + 1) > s.options.maxMessageBytes) {
      return `${name(id)} is ${lag} entries behind${heard ? "" : " and was not heard lately"}: wait until it has caught up`;
    }
  }
  return null;
}

function appendMembership(s: ZabState, lead: Leadership, membership: Membership, context: Uint8Array): Entry {
  const entry = appendOwn(s, lead, EntryKind.membership, encodeMembershipEntry({ membership, context }));
  s.memberships.append(entry.index, membership);
  s.notice("info", `membership from entry ${entry.index} on: ${describeMembership(membership)}`, {
    index: entry.index,
  });
  updateProgress(s, lead, entry.index);
  return entry;
}

/** Replication follows the membership: new peers are searched, removed ones still get the entry that removes them. */
function updateProgress(s: ZabState, lead: Leadership, index: number): void {
  const { active } = s.memberships;
  for (const [id, p] of lead.progress) {
    if (isMember(active, id)) {
      p.learner = active.learners.includes(id);
      p.departing = null;
    } else {
      p.departing ??= { index, until: s.now + 4 * s.options.electionTimeoutMs };
    }
  }
  const members: MemberId[] = [...active.voters, ...active.outgoing, ...active.learners];
  for (const id of members) {
    if (id !== s.id && !lead.progress.has(id)) invite(s, lead, id);
  }
  const to = lead.transfer?.to;
  if (to !== undefined && !active.voters.includes(to)) abortTransfer(s, lead, "the target votes no more");
}

/** A new member: asked at once to acknowledge the epoch. */
function invite(s: ZabState, lead: Leadership, id: MemberId): void {
  const p = newProgress(s, lead, id);
  lead.progress.set(id, p);
  sendLeaderInfo(s, lead, p);
}

/** Lets go of removed peers that know it, or that were silent for long. */
export function dismissDeparted(s: ZabState, lead: Leadership): void {
  for (const [id, p] of lead.progress) {
    const { departing } = p;
    if (departing === null || s.commit < departing.index) continue;
    const told = p.match >= departing.index && p.sentCommit >= departing.index;
    if (told || s.now >= departing.until) lead.progress.delete(id);
  }
}

/** A joint membership is committed: goes on to the one after it. Never refused, whatever waits. */
export function continueChange(s: ZabState, lead: Leadership): void {
  const { active, activeIndex } = s.memberships;
  assert(isJoint(active) && activeIndex <= s.commit, "only a committed joint membership can be left");
  appendMembership(s, lead, leaveJoint(active), new Uint8Array(0));
}
