/**
 * Handing leadership over: asked for, when resigning, and to a preferred member. Any acceptor could take over at any time;
 * one that holds everything does it without a pause.
 */
import type { MemberId } from "../../environment.ts";
import { name } from "../parts/name.ts";
import { isChanging } from "./leadership.ts";
import type { Progress } from "./progress.ts";
import { startElection } from "./proposer.ts";
import { becomeFollower, leaderHint } from "./role.ts";
import { sendHeartbeat } from "./sending.ts";
import { mayCampaign } from "./standing.ts";
import type { Leadership, PaxosState } from "./state.ts";

export function onTransfer(s: PaxosState, id: number, to: MemberId): void {
  const { lead, out } = s;
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
  } else if (!s.membership.voters.includes(target)) {
    out.refuse(id, "bad transferee", `${name(target)} is no voter`);
  } else if (lead.progress.get(target)?.untrusted === true) {
    out.refuse(id, "bad transferee", `${name(target)} has not recovered from the loss of entries`);
  } else if (lead.transfer?.to !== target) {
    startTransfer(s, lead, target);
  }
}

function startTransfer(s: PaxosState, lead: Leadership, to: MemberId): void {
  lead.transfer = { to, deadline: s.now + s.options.electionTimeoutMs, told: false };
  s.notice("info", `hands leadership to ${name(to)}`, { to: name(to) });
}

/** The target is told to stand as soon as it has every value. */
export function continueTransfer(s: PaxosState, lead: Leadership): void {
  const { transfer } = lead;
  if (transfer === null || transfer.told) return;
  const p = lead.progress.get(transfer.to);
  if (p === undefined || p.match < s.log.lastIndex || isChanging(s)) return;
  transfer.told = true;
  tellToStand(s, lead, p.id);
}

function tellToStand(s: PaxosState, lead: Leadership, to: MemberId): void {
  // From here on an election may succeed at any time of this round, also after the transfer was given up here.
  lead.leaseForfeited = true;
  s.send(to, { type: "timeoutNow" });
}

export function abortTransfer(s: PaxosState, lead: Leadership, why: string): void {
  if (lead.transfer === null) return;
  s.notice("warn", `keeps leadership after all: ${why}`, { to: name(lead.transfer.to) });
  lead.transfer = null;
}

export function tickTransfer(s: PaxosState, lead: Leadership): void {
  const { transfer } = lead;
  if (transfer !== null && s.now >= transfer.deadline) {
    abortTransfer(s, lead, `${name(transfer.to)} did not take over within ${s.options.electionTimeoutMs} ms`);
  }
}

/** The voter that could take over best: preferred, then most complete. Only such as were heard lately. */
function bestSuccessor(s: PaxosState, lead: Leadership): Progress | null {
  let best: Progress | null = null;
  const rank = (p: Progress): number => s.priorities.get(p.id) ?? 0;
  for (const p of lead.progress.values()) {
    if (!s.membership.voters.includes(p.id) || p.untrusted || p.stalled || p.incarnation === 0) continue;
    if (p.lastHeard < s.now - s.options.electionTimeoutMs) continue;
    if (best === null || p.match > best.match || (p.match === best.match && rank(p) > rank(best))) best = p;
  }
  return best;
}

/** Gives leadership up, to the best successor if there is one. Everybody is told what is decided first. */
export function resign(s: PaxosState, lead: Leadership, why: string): void {
  for (const p of lead.progress.values()) sendHeartbeat(s, lead, p, false);
  const successor = bestSuccessor(s, lead);
  if (successor !== null) tellToStand(s, lead, successor.id);
  becomeFollower(s, s.round, 0n, successor === null ? why : `${why}; asked ${name(successor.id)} to take over`);
}

/**
 * Once a heartbeat: hands leadership to a member of higher priority that has kept up for a while. After each attempt it
 * waits longer, so that a preferred member that fails again and again does not take the group down with it.
 */
export function preferOther(s: PaxosState, lead: Leadership): void {
  const { electionTimeoutMs, priority } = s.options;
  let best: Progress | null = null;
  for (const p of lead.progress.values()) {
    const heard = p.lastHeard >= s.now - electionTimeoutMs && !p.untrusted && !p.stalled;
    const keepsUp = heard && p.state === "replicate" && p.match >= lead.decidedAtHeartbeat;
    if (!keepsUp) p.keepsUpSince = Number.POSITIVE_INFINITY;
    else if (p.keepsUpSince === Number.POSITIVE_INFINITY) p.keepsUpSince = s.now;
    const wish = s.priorities.get(p.id) ?? priority;
    if (wish <= priority || s.now < p.keepsUpSince + 2 * electionTimeoutMs) continue;
    if (!s.membership.voters.includes(p.id)) continue;
    if (best === null || wish > (s.priorities.get(best.id) ?? priority)) best = p;
  }
  lead.decidedAtHeartbeat = s.decided;
  if (best === null || lead.transfer !== null || s.now < lead.nextPreference) return;
  if (!s.settled || isChanging(s)) return;
  lead.nextPreference = s.now + lead.preferenceBackoffMs;
  lead.preferenceBackoffMs = Math.min(2 * lead.preferenceBackoffMs, 320 * electionTimeoutMs);
  startTransfer(s, lead, best.id);
}

/** The leader of this round asks this member to stand. */
export function onTimeoutNow(s: PaxosState, from: MemberId, round: number): boolean {
  if (round !== s.round || s.lead !== null || s.role === "candidate" || !mayCampaign(s)) return false;
  if (s.leader !== 0n && s.leader !== from) return false;
  startElection(s, true);
  return true;
}
