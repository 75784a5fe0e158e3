/**
 * Becoming the leader of a round.
 *
 *     follower --timeout, link lost--> preCandidate --a quorum would promise--> candidate --a quorum promised--> leader
 *         ^                                 |                                       |
 *         +---- a leader is heard, or too many say no, or a higher round -----------+
 *
 * Safety is phase 1's (proposer.ts); this room sees to it that somebody gets through it, and that nobody disturbs who
 * has. A survey changes nothing on either side, so a member that nobody needs as leader (cut off, removed, far behind)
 * does not raise rounds. Who meets a higher round, or too many refusals, steps back for a random time: so duels end.
 */
import type { MemberId } from "../../environment.ts";
import { name } from "../parts/name.ts";
import type { Envelope } from "./messages.ts";
import { repeatPrepare, startElection } from "./proposer.ts";
import { hasPhase1, phase1Possible } from "./quorums.ts";
import { becomeFollower, drawElectionTimeout, setLeader } from "./role.ts";
import { electorate, hurryElection, isBound, isPromised, maxEarlyTries, mayCampaign } from "./standing.ts";
import type { PaxosState } from "./state.ts";

/** Looks at the clock; on everybody but a leader. */
export function tickElection(s: PaxosState): void {
  const early = s.earlyAt !== null && s.now >= s.earlyAt && s.role !== "candidate";
  if (!early && s.now < s.electionDeadline) {
    if (s.candidacy !== null) repeatPrepare(s, s.candidacy);
    return;
  }
  if (!mayCampaign(s)) {
    s.earlyAt = null;
    s.electionDeadline = s.now + s.electionTimeoutMs;
    return;
  }
  if (isPromised(s, s.id)) {
    if (s.earlyAt !== null) s.earlyAt = s.promiseUntil;
    s.electionDeadline = Math.max(s.electionDeadline, s.promiseUntil);
    return;
  }
  if (early) {
    s.earlyTries++;
    const pause = s.options.heartbeatIntervalMs;
    s.earlyAt = s.earlyTries < maxEarlyTries ? s.now + s.random.between(0.5 * pause, pause) : null;
  }
  startSurvey(s);
}

/** The link to a peer broke. If it was the leader's, an election follows at once. */
export function onLeaderLinkLost(s: PaxosState): void {
  s.leaderLinkLost = true;
  hurryElection(s, 0);
}

function startSurvey(s: PaxosState): void {
  // It must forget the leader: members that all believe in a dead one would refuse each other for ever (etcd#8334).
  setLeader(s, 0n);
  s.role = "preCandidate";
  s.candidacy = null;
  s.surveyed.clear();
  s.surveyed.set(s.id, true);
  drawElectionTimeout(s);
  s.notice("debug", `asks who would promise in round ${s.round + 1}`);
  for (const id of electorate(s)) if (id !== s.id) s.send(id, { type: "survey", first: s.decided + 1 });
  countSurvey(s);
}

function countSurvey(s: PaxosState): void {
  const { surveyed, phase2 } = s;
  const yes = (id: MemberId): boolean => surveyed.get(id) === true;
  const no = (id: MemberId): boolean => surveyed.get(id) === false;
  for (const membership of [s.membership, s.memberships.active]) {
    if (phase1Possible(membership, phase2, no)) continue;
    const refusing = [...surveyed].filter(([, granted]) => !granted).map(([id]) => name(id));
    return becomeFollower(s, s.round, 0n, `refused by ${refusing.join(", ")}`);
  }
  if (hasPhase1(s.membership, phase2, yes) && hasPhase1(s.memberships.active, phase2, yes)) startElection(s, false);
}

export function onSurvey(s: PaxosState, from: MemberId, envelope: Envelope, first: number): void {
  const asked = envelope.round + 1;
  const granted = asked > s.round && !s.untrusted && !isBound(s, from) && first > s.log.base.index;
  // Whoever was found fit goes first.
  if (granted && s.earlyAt !== null) s.earlyAt = Math.max(s.earlyAt, s.now + 0.5 * s.options.heartbeatIntervalMs);
  // The answer carries this member's own round, so that one that lags behind catches up.
  s.send(from, { type: "surveyResponse", asked, granted });
}

/** Answers are a set: a repeated one counts once, and the first one stands. */
export function onSurveyResponse(s: PaxosState, from: MemberId, asked: number, granted: boolean): boolean {
  if (s.role !== "preCandidate" || asked !== s.round + 1) return false;
  if (s.surveyed.has(from)) return true;
  s.surveyed.set(from, granted);
  countSurvey(s);
  return true;
}
