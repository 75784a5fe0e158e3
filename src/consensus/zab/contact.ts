/** Which peers a leader hears, and in which of their lives. */
import type { MemberId } from "../../environment.ts";
import { hasQuorum } from "../membership.ts";
import { name } from "../parts/name.ts";
import type { Envelope } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { sendLeaderInfo } from "./sending.ts";
import type { Leadership, ZabState } from "./state.ts";

/**
 * Looks at who speaks before what is said. Another incarnation than the known one, if it echoes the newest session, means
 * that the peer restarted: nothing its former life said counts any more, and it is asked to acknowledge the epoch anew.
 * Without that echo it is a voice of a former life. False: what was said does not count.
 */
export function admit(s: ZabState, lead: Leadership, p: Progress, envelope: Envelope, session: number): boolean {
  p.lastHeard = s.now;
  if (p.incarnation === 0) return false;
  if (envelope.incarnation !== p.incarnation) {
    if (session === p.session) forgetLife(s, lead, p);
    return false;
  }
  noteTrust(s, lead, p, envelope.untrusted);
  return true;
}

/** The peer restarted: begins with it from the start. */
export function forgetLife(s: ZabState, lead: Leadership, p: Progress): void {
  s.notice("info", `${name(p.id)} restarted: asks anew what it holds`, { peer: name(p.id), match: p.match });
  p.restarted();
  lead.acceptances.delete(p.id);
  sendLeaderInfo(s, lead, p);
}

export function noteTrust(s: ZabState, lead: Leadership, p: Progress, untrusted: boolean): void {
  if (untrusted && p.recovery === null) {
    p.recovery = { round: lead.round + 1, index: s.log.lastIndex };
    s.notice("warn", `${name(p.id)} cannot prove that it kept all it acknowledged: does not count until it has`, {
      peer: name(p.id),
      until: s.log.lastIndex,
    });
  } else if (!untrusted && p.untrusted) {
    p.recovery = null;
    s.notice("info", `${name(p.id)} has recovered and counts again`, { peer: name(p.id) });
  }
  p.untrusted = untrusted;
}

/** Whether a quorum was heard within the last election timeout. An untrusted peer's word proves nothing. */
export function hearsQuorum(s: ZabState, lead: Leadership): boolean {
  return hasQuorum(s.memberships.active, (id) => id === s.id || isHeard(s, lead.progress.get(id)));
}

/**
 * Whether what waits to be committed waits for stalled disks, while others may be able to do without: those that are heard
 * and can write are no quorum, but those who are not known to stall are one without this member.
 */
export function standsInTheWay(s: ZabState, lead: Leadership): boolean {
  if (s.log.lastIndex === s.commit) return false;
  const stalls = (id: MemberId): boolean => lead.progress.get(id)?.stalled === true;
  const { active } = s.memberships;
  if (hasQuorum(active, (id) => id === s.id || (isHeard(s, lead.progress.get(id)) && !stalls(id)))) return false;
  return hasQuorum(active, (id) => id !== s.id && !stalls(id));
}

function isHeard(s: ZabState, p: Progress | undefined): boolean {
  return p !== undefined && !p.untrusted && p.lastHeard >= s.now - s.options.electionTimeoutMs;
}
