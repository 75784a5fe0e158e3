/**
 * Handing leadership over: asked for, when resigning, and to a preferred member. Zab knows no such thing; as in the Raft
 * thesis (§3.10) the leader waits until the target has its whole log and tells it to take over. The target then prepares
 * the next epoch without an election, and says at whose wish, so that nobody refuses for the sake of the leader there is.
 */
import type { MemberId } from "../../environment.ts";
import { isJoint } from "../membership.ts";
import { name } from "../parts/name.ts";
import { startDiscovery } from "./discovery.ts";
import { mayStand } from "./election.ts";
import type { Progress } from "./progress.ts";
import { leaderHint, stepDown } from "./role.ts";
import { sendPing } from "./sending.ts";
import type { Leadership, ZabState } from "./state.ts";

export function onTransfer(s: ZabState, id: number, to: MemberId): void {
  const { leading: lead, out } = s;
  if (lead === null) {
    out.refuse(id, "not leader", leaderHint(s));
    return;
  }
  const target = to === 0n ? (bestSuccessor(s, lead)?.id ?? 0n) : to;
  if (target === 0n) {
    out.refuse(id, "bad transferee", "no other voter is there to take over");
  } else if (target === s.id) {
    // It leads already: nothing to do, but a transfer under way to another ends.
    if (lead.transfer !== null) abortTransfer(s, lead, "leadership was asked back");
  } else if (!s.memberships.active.voters.includes(target)) {
    out.refuse(id, "bad transferee", `${name(target)} is no voter`);
  } else if (lead.progress.get(target)?.untrusted === true) {
    out.refuse(id, "bad transferee", `${name(target)} has not recovered from the loss of entries`);
  } else if (lead.transfer?.to !== target) {
    startTransfer(s, lead, target);
  }
}

function startTransfer(s: ZabState, lead: Leadership, to: MemberId): void {
  lead.transfer = { to, deadline: s.now + s.options.electionTimeoutMs, told: false };
  s.notice("info", `hands leadership to ${name(to)}`, { to: name(to) });
}

/** The target is told to take over as soon as it has the whole log. */
export function continueTransfer(s: ZabState, lead: Leadership): void {
  const { transfer } = lead;
  if (transfer === null || transfer.told) return;
  const p = lead.progress.get(transfer.to);
  if (p === undefined || !p.synced || p.match < s.log.lastIndex) return;
  transfer.told = true;
  tellToTakeOver(s, lead, p.id);
}

function tellToTakeOver(s: ZabState, lead: Leadership, to: MemberId): void {
  // From here on it may succeed at any time of this epoch, also after the transfer was given up here.
  lead.leaseForfeited = true;
  s.send(to, { type: "handOver" });
}

export function abortTransfer(s: ZabState, lead: Leadership, why: string): void {
  if (lead.transfer === null) return;
  s.notice("warn", `keeps leadership after all: ${why}`, { to: name(lead.transfer.to) });
  lead.transfer = null;
}

export function tickTransfer(s: ZabState, lead: Leadership): void {
  const { transfer } = lead;
  if (transfer !== null && s.now >= transfer.deadline) {
    abortTransfer(s, lead, `${name(transfer.to)} did not take over within ${s.options.electionTimeoutMs} ms`);
  }
}

/** The voter that could take over best: preferred, then most complete. Only such as were heard lately. */
function bestSuccessor(s: ZabState, lead: Leadership): Progress | null {
  let best: Progress | null = null;
  const rank = (p: Progress): number => s.priorities.get(p.id) ?? 0;
  for (const p of lead.progress.values()) {
    if (!s.memberships.active.voters.includes(p.id) || p.untrusted || p.stalled || !p.synced) continue;
    if (p.lastHeard < s.now - s.options.electionTimeoutMs) continue;
    if (best === null || p.match > best.match || (p.match === best.match && rank(p) > rank(best))) best = p;
  }
  return best;
}

/** Gives leadership up, to the best successor if there is one. Everybody is told what is committed first. */
export function resign(s: ZabState, lead: Leadership, why: string): void {
  for (const p of lead.progress.values()) {
    if (p.incarnation !== 0) sendPing(s, lead, p, { answer: false, expect: 0 });
  }
  const successor = bestSuccessor(s, lead);
  if (successor !== null) tellToTakeOver(s, lead, successor.id);
  stepDown(s, successor === null ? why : `${why}; asked ${name(successor.id)} to take over`);
}

/**
 * Once a heartbeat: hands leadership to a member of higher priority that has kept up for a while. After each attempt it
 * waits longer, so that a preferred member that fails again and again does not take the group down with it.
 */
export function preferOther(s: ZabState, lead: Leadership): void {
  const { electionTimeoutMs, priority } = s.options;
  let best: Progress | null = null;
  for (const p of lead.progress.values()) {
    const heard = p.lastHeard >= s.now - electionTimeoutMs && !p.untrusted && !p.stalled;
    const keepsUp = heard && p.state === "replicate" && p.match >= lead.commitAtHeartbeat;
    if (!keepsUp) p.keepsUpSince = Number.POSITIVE_INFINITY;
    else if (p.keepsUpSince === Number.POSITIVE_INFINITY) p.keepsUpSince = s.now;
    const wish = s.priorities.get(p.id) ?? priority;
    if (wish <= priority || s.now < p.keepsUpSince + 2 * electionTimeoutMs) continue;
    if (!s.memberships.active.voters.includes(p.id)) continue;
    if (best === null || wish > (s.priorities.get(best.id) ?? priority)) best = p;
  }
  lead.commitAtHeartbeat = s.commit;
  if (best === null || lead.transfer !== null || s.now < lead.nextPreference) return;
  if (!s.settled || isJoint(s.memberships.active)) return;
  lead.nextPreference = s.now + lead.preferenceBackoffMs;
  lead.preferenceBackoffMs = Math.min(2 * lead.preferenceBackoffMs, 320 * electionTimeoutMs);
  startTransfer(s, lead, best.id);
}

/** The leader of this epoch asks this member to take over. */
export function onHandOver(s: ZabState, from: MemberId, epoch: number): boolean {
  if (epoch !== s.epoch || s.lead !== null || s.host !== from || !mayStand(s)) return false;
  startDiscovery(s, s.epoch + 1, true, `asked by the leader ${name(from)}`);
  return true;
}
