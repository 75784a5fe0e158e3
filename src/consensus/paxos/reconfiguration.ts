/**
 * Changing who takes part.
 *
 * A change in slot i governs the slots behind i, from when it is decided: slot i itself is decided by the old members, and
 * the leader proposes nothing behind it before. So there is never a doubt who decides a slot, and one step may replace
 * everybody; no joint membership is needed. The first value behind a change is a no-op: once the new members have decided
 * it, a quorum of them knows for ever (decided.ts) that the change is decided, and the old ones may go.
 *
 * A change in one round needs no phase 1 with the new members, because nobody else can have proposed behind it in a lower
 * round; a new leader that finds one that may have been chosen does (proposer.ts, proof in docs/internals/paxos.md).
 */
import { type Entry, EntryKind } from "../engine.ts";
import {
  describeMembership,
  encodeMembershipEntry,
  isMember,
  type Membership,
  type MembershipChange,
} from "../membership.ts";
import { changeMembership } from "../membership-change.ts";
import { name } from "../parts/name.ts";
import { isChanging, newProgress, proposeOwn } from "./leadership.ts";
import { leaderHint } from "./role.ts";
import type { Leadership, PaxosState } from "./state.ts";
import { abortTransfer } from "./transfer.ts";

export function onReconfigure(s: PaxosState, id: number, change: MembershipChange, context: Uint8Array): void {
  const { lead, out } = s;
  const current = s.membership;
  if (lead === null) {
    out.refuse(id, "not leader", leaderHint(s));
  } else if (lead.transfer !== null) {
    out.refuse(id, "transferring leadership", `leadership is being handed to ${name(lead.transfer.to)}`);
  } else if (s.diskStalled) {
    out.refuse(id, "disk stalled", "the disk of this member does not answer");
  } else if (!s.settled) {
    out.refuse(id, "not settled", `the first value of round ${s.round} is not decided yet: try again soon`);
  } else if (isChanging(s)) {
    out.refuse(id, "change in progress", `the membership of slot ${s.memberships.activeIndex} is not decided yet`);
  } else {
    const step = changeMembership(current, change);
    if (step.kind === "unknown") {
      out.refuse(id, "unknown member", `${name(step.member)} is no member: ${describeMembership(current)}`);
    } else if (step.kind === "invalid") {
      out.refuse(id, "invalid change", step.fault);
    } else {
      const behind = learnerBehind(s, lead, change);
      if (behind === null) {
        const entry = proposeMembership(s, lead, step.kind === "joint" ? step.afterwards : step.next, context);
        out.accepted.push({ id, epoch: entry.epoch, index: entry.index });
      } else {
        out.refuse(id, "learner not ready", behind);
      }
    }
  }
}

/** Why a learner that is to vote is not fit for it yet, or null. Its vote must not bring the group to a stand. */
function learnerBehind(s: PaxosState, lead: Leadership, change: MembershipChange): string | null {
  for (const { id, role } of change.set) {
    if (role !== "voter" || !s.membership.learners.includes(id)) continue;
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

function proposeMembership(s: PaxosState, lead: Leadership, next: Membership, context: Uint8Array): Entry {
  const entry = proposeOwn(s, lead, EntryKind.membership, encodeMembershipEntry({ membership: next, context }));
  proposeOwn(s, lead, EntryKind.noop, new Uint8Array(0));
  s.notice("info", `membership from slot ${entry.index} on: ${describeMembership(next)}`, { index: entry.index });
  updateProgress(s, lead, next, entry.index);
  return entry;
}

/** Replication follows the membership: new peers are asked what they hold, removed ones still get their removal. */
function updateProgress(s: PaxosState, lead: Leadership, next: Membership, index: number): void {
  for (const [id, p] of lead.progress) {
    if (isMember(next, id)) {
      p.learner = next.learners.includes(id);
      p.departing = null;
    } else {
      p.departing ??= { index, until: s.now + 4 * s.options.electionTimeoutMs };
    }
  }
  for (const id of [...next.voters, ...next.learners]) {
    if (id !== s.id && !lead.progress.has(id)) lead.progress.set(id, newProgress(s, id));
  }
  const to = lead.transfer?.to;
  if (to !== undefined && !next.voters.includes(to)) abortTransfer(s, lead, "the target votes no more");
}

/** Lets go of removed peers that know it, or that were silent for long. */
export function dismissDeparted(s: PaxosState, lead: Leadership): void {
  for (const [id, { departing, match, sentDecided }] of lead.progress) {
    if (departing === null || s.decided <= departing.index) continue;
    const told = match > departing.index && sentDecided > departing.index;
    if (told || s.now >= departing.until) lead.progress.delete(id);
  }
}
