/**
 * What must be true after every step, in production too: a member that finds otherwise stops.
 *
 * `checkBasic` looks at one state, `checkChange` at a state and the one before. Both are a handful of comparisons,
 * independent of the length of the log. (That a leader's list rises, I1, is asserted by the log, which takes no entry of
 * an epoch below its last.)
 */
import type { MemberId } from "../../environment.ts";
import { InvariantViolation } from "../../errors.ts";
import type { Role } from "../engine.ts";
import { name } from "../parts/name.ts";
import { heldIn } from "./acceptor.ts";
import type { PaxosState } from "./state.ts";

/** What `checkChange` remembers of the state before. */
export class Before {
  round = 0;
  proposer: MemberId = 0n;
  role: Role = "follower";
  leader: MemberId = 0n;
  decided = 0;
  applied = 0;
  emitted = 0;
  snapshotIndex = 0;
  durable = 0;
  lastIndex = 0;

  remember(s: PaxosState): void {
    this.round = s.round;
    this.proposer = s.proposer;
    this.role = s.role;
    this.leader = s.leader;
    this.decided = s.decided;
    this.applied = s.applied;
    this.emitted = s.emitted;
    this.snapshotIndex = s.snapshotIndex;
    this.durable = s.writes.durable;
    this.lastIndex = s.log.lastIndex;
  }
}

/** Constant words: the values come from the state when they are needed. */
function must(condition: boolean, what: string, s: PaxosState): void {
  if (!condition) throw new InvariantViolation(`${what}: ${describe(s)}`);
}

function describe(s: PaxosState): string {
  const { log, writes } = s;
  const peers = [...(s.lead?.progress.values() ?? [])].map((p) => `; ${name(p.id)} ${p.state} ${p.match}/${p.next}`);
  const runs = s.ballots.runs.map(({ from, round }) => `${from}:${round}`);
  return (
    `${s.role} ${name(s.id)} in round ${s.round}, leader ${name(s.leader)}, promised to ${name(s.proposer)}, ` +
    `log ${log.firstIndex} to ${log.lastIndex} (epoch ${log.lastEpoch}), accepted in ${runs.join(" ") || "no round"}, ` +
    `durable ${writes.durableIndex}, decided ${s.decided}, given out ${s.emitted}, applied ${s.applied}, ` +
    `snapshot ${s.snapshotIndex}, newest change in slot ${s.memberships.activeIndex}${peers.join("")}`
  );
}

export function checkBasic(s: PaxosState): void {
  const { log, lead, ballots } = s;
  const leads = s.role === "leader";
  must(s.applied <= s.emitted, "applied is beyond what was given out", s);
  must(s.emitted <= s.decided, "gave out more than is decided", s);
  must(s.decided <= log.lastIndex, "decided is beyond the last slot", s);
  must(log.base.index <= s.snapshotIndex, "values are gone that no snapshot covers", s);
  must(s.snapshotIndex <= s.emitted, "the snapshot covers more than was given out", s);
  must(log.lastEpoch <= s.round, "the last value is of a later epoch than the round", s);
  must(ballots.lastRound <= s.round, "accepted in a round above the promised one", s);
  must(s.writes.durableIndex <= log.lastIndex, "a slot is durable that is not in the log", s);
  must(s.memberships.activeIndex <= log.lastIndex, "the newest change of membership is not in the log", s);
  must(leads === (lead !== null), "leading without a leadership, or the reverse", s);
  must(leads === (s.leader === s.id), "leading without believing so, or the reverse", s);
  must((s.role === "candidate") === (s.candidacy !== null), "preparing without a candidacy, or the reverse", s);
  if (leads || s.role === "candidate") {
    must(s.proposer === s.id, "proposes in a round promised to another", s);
    must(!s.untrusted, "proposes without being able to prove what it accepted", s);
  }
  must(s.role !== "preCandidate" || s.leader === 0n, "a preCandidate still follows a leader", s);
  if (lead === null) return;
  must(lead.noopIndex <= log.lastIndex + lead.waiting.length, "the leader's first own value is missing", s);
  must(heldIn(s, s.round) === log.lastIndex, "a leader has open slots that it did not propose", s);
  must(lead.waiting.length === 0 || s.memberships.activeIndex === log.lastIndex, "values wait for no change", s);
  must(
    s.memberships.activeIndex <= s.decided || s.memberships.activeIndex === log.lastIndex,
    "proposed behind an undecided change",
    s,
  );
  must(lead.uncommittedBytes >= 0, "a negative number of bytes is undecided", s);
  for (const p of lead.progress.values()) {
    must(p.match < p.next, "a peer's match is not below its next", s);
    must(p.next <= log.lastIndex + 1, "a peer's next is beyond the log", s);
    must(p.id !== s.id, "a leader tracks itself as a peer", s);
    must(p.inflightMessages <= s.options.maxInflightMessages, "a peer's window holds too many messages", s);
  }
}

export function checkChange(before: Before, s: PaxosState): void {
  must(s.round >= before.round, "the promised round went back", s);
  must(s.decided >= before.decided, "decided went back", s);
  must(s.applied >= before.applied, "applied went back", s);
  must(s.emitted >= before.emitted, "what was given out went back", s);
  must(s.snapshotIndex >= before.snapshotIndex, "the snapshot went back", s);
  must(s.writes.durable >= before.durable, "the durable write went back", s);
  if (s.round !== before.round) return;
  must(before.proposer === 0n || s.proposer === before.proposer, "one round promised to two", s);
  must(before.leader === 0n || s.leader === 0n || s.leader === before.leader, "two leaders in one round", s);
  must(before.role !== "leader" || s.log.lastIndex >= before.lastIndex, "a leader dropped values", s);
}
