/** Which peers a leader hears, and in which of their lives. */
import { name } from "../parts/name.ts";
import type { Progress } from "./progress.ts";
import { hasPhase2 } from "./quorums.ts";
import type { Leadership, PaxosState } from "./state.ts";

/**
 * Looks at who answers before what. Another incarnation than the known one means that the peer restarted: nothing its
 * former life said counts any more, a new session begins and the answer is dropped. Answers to an older session from an
 * unknown incarnation are echoes of a former life.
 */
export function admitResponse(
  s: PaxosState,
  lead: Leadership,
  p: Progress,
  incarnation: number,
  session: number,
  untrusted: boolean,
): boolean {
  p.lastHeard = s.now;
  if (incarnation !== p.incarnation) {
    if (session !== p.session) return false;
    if (p.incarnation !== 0) {
      s.notice("info", `${name(p.id)} restarted: asks anew what it holds`, { peer: name(p.id), match: p.match });
      p.restarted();
      return false;
    }
    p.incarnation = incarnation;
  }
  if (untrusted && p.recovery === null) {
    p.recovery = { beat: lead.beat + 1, index: s.log.lastIndex };
    s.notice("warn", `${name(p.id)} cannot prove that it kept all it acknowledged: does not count until it has`, {
      peer: name(p.id),
      until: s.log.lastIndex,
    });
  } else if (!untrusted && p.untrusted) {
    p.recovery = null;
    s.notice("info", `${name(p.id)} has recovered and counts again`, { peer: name(p.id) });
  }
  p.untrusted = untrusted;
  return true;
}

/** Whether enough were heard within the last election timeout. An untrusted peer's word proves nothing. */
export function hearsQuorum(s: PaxosState, lead: Leadership): boolean {
  const since = s.now - s.options.electionTimeoutMs;
  return hasPhase2(s.membership, s.phase2, (id) => {
    if (id === s.id) return true;
    const p = lead.progress.get(id);
    return p !== undefined && !p.untrusted && p.lastHeard >= since;
  });
}
