/**
 * What must be true after every step, in production too: a member that finds otherwise stops.
 *
 * `checkBasic` looks at one state, `checkChange` at a state and the one before (after LogCabin's
 * RaftConsensusInvariants). Both are a handful of comparisons, independent of the length of the log.
 */
import type { MemberId } from "../../environment.ts";
import { InvariantViolation } from "../../errors.ts";
import type { Role } from "../engine.ts";
import { name } from "../parts/name.ts";
import type { ZabState } from "./state.ts";

/** What `checkChange` remembers of the state before. */
export class Before {
  epoch = 0;
  acceptedFrom: MemberId = 0n;
  currentEpoch = 0;
  role: Role = "follower";
  leader: MemberId = 0n;
  commit = 0;
  applied = 0;
  emitted = 0;
  snapshotIndex = 0;
  durable = 0;
  lastIndex = 0;

  remember(s: ZabState): void {
    this.epoch = s.epoch;
    this.acceptedFrom = s.acceptedFrom;
    this.currentEpoch = s.currentEpoch;
    this.role = s.role;
    this.leader = s.leader;
    this.commit = s.commit;
    this.applied = s.applied;
    this.emitted = s.emitted;
    this.snapshotIndex = s.snapshotIndex;
    this.durable = s.writes.durable;
    this.lastIndex = s.log.lastIndex;
  }
}

/**
 * Not `assert`: a message with the values in it would be put together on every step, only to be thrown away. Here the
 * words are constant, and the values come from the state when they are needed.
 */
function must(condition: boolean, what: string, s: ZabState): void {
  if (!condition) throw new InvariantViolation(`${what}: ${describe(s)}`);
}

function describe(s: ZabState): string {
  const { log, writes } = s;
  const peers = [...(s.lead?.progress.values() ?? [])].map((p) => `; ${name(p.id)} ${p.state} ${p.match}/${p.next}`);
  return (
    `${s.role} ${name(s.id)} in epoch ${s.epoch} of ${name(s.acceptedFrom)}, current epoch ${s.currentEpoch}, ` +
    `leader ${name(s.leader)}, host ${name(s.host)}, phase ${s.lead?.phase ?? "none"}, ` +
    `log ${log.firstIndex} to ${log.lastIndex} (epoch ${log.lastEpoch}), durable ${writes.durableIndex}, ` +
    `commit ${s.commit}, given out ${s.emitted}, applied ${s.applied}, snapshot ${s.snapshotIndex}, ` +
    `membership of entry ${s.memberships.activeIndex}${peers.join("")}`
  );
}

export function checkBasic(s: ZabState): void {
  const { log, lead } = s;
  const leads = s.role === "leader";
  must(s.applied <= s.emitted, "applied is beyond what was given out", s);
  must(s.emitted <= s.commit, "gave out more than is committed", s);
  must(s.commit <= log.lastIndex, "commit is beyond the last entry", s);
  must(log.base.index <= s.snapshotIndex, "entries are gone that no snapshot covers", s);
  must(s.snapshotIndex <= s.emitted, "the snapshot covers more than was given out", s);
  must(log.lastEpoch <= s.epoch, "the last entry is of a later epoch than the member", s);
  must(s.writes.durableIndex <= log.lastIndex, "an entry is durable that is not in the log", s);
  must(s.memberships.activeIndex <= log.lastIndex, "the membership's entry is not in the log", s);
  must(s.currentEpoch <= s.epoch, "the current epoch is above the accepted one", s);
  must((leads || s.role === "candidate") === (lead !== null), "leading without a leadership, or the reverse", s);
  must(leads === (s.leader === s.id), "leading without believing so, or the reverse", s);
  must(s.leader === 0n || leads || s.leader === s.host, "follows a leader that it has not joined", s);
  must(s.role !== "preCandidate" || s.leader === 0n, "looks for a leader and has one", s);
  must(s.leader === 0n || s.role === "follower" || leads, "has a leader and looks for another", s);
  if (lead === null) return;
  must(s.acceptedFrom === s.id, "prepares or leads an epoch that it accepted from another", s);
  must(!s.untrusted, "prepares or leads without being able to prove what it acknowledged", s);
  must(leads === (lead.phase === "broadcast"), "broadcasts without leading, or the reverse", s);
  must((lead.phase === "discovery") === s.currentEpoch < s.epoch, "adopted its epoch at the wrong time", s);
  must(lead.phase !== "synchronisation" || log.lastIndex === lead.historyIndex, "the history changed", s);
  if (leads) {
    must(s.commit >= lead.historyIndex, "leads with a history that is not committed", s);
    must(log.lastIndex > lead.historyIndex, "the leader's first entry is missing", s);
    must(log.lastEpoch === s.epoch, "the leader's last entry is not of its epoch", s);
  }
  must(lead.uncommittedBytes >= 0, "a negative number of bytes is uncommitted", s);
  for (const p of lead.progress.values()) {
    must(p.match < p.next, "a peer's match is not below its next", s);
    must(p.next <= log.lastIndex + 1, "a peer's next is beyond the log", s);
    must(p.id !== s.id, "a leader tracks itself as a peer", s);
    must(p.inflightMessages <= s.options.maxInflightMessages, "a peer's window holds too many messages", s);
  }
}

export function checkChange(before: Before, s: ZabState): void {
  must(s.epoch >= before.epoch, "the epoch went back", s);
  must(s.currentEpoch >= before.currentEpoch, "the current epoch went back", s);
  must(s.commit >= before.commit, "commit went back", s);
  must(s.applied >= before.applied, "applied went back", s);
  must(s.emitted >= before.emitted, "what was given out went back", s);
  must(s.snapshotIndex >= before.snapshotIndex, "the snapshot went back", s);
  must(s.writes.durable >= before.durable, "the durable write went back", s);
  if (s.epoch !== before.epoch) return;
  must(s.acceptedFrom === before.acceptedFrom, "one epoch accepted from two", s);
  must(before.leader === 0n || s.leader === 0n || s.leader === before.leader, "two leaders in one epoch", s);
  must(before.role !== "leader" || s.log.lastIndex >= before.lastIndex, "a leader dropped entries", s);
}
