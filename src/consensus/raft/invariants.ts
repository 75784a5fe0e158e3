/**
 * What must be true after every step, in production too: a member that finds otherwise stops.
 *
 * `checkBasic` looks at one state, `checkChange` at a state and the one before (after LogCabin's
 * RaftConsensusInvariants). Both are a handful of comparisons, independent of the length of the log.
 */
import type { MemberId } from "../../environment.ts";
import { assert } from "../../errors.ts";
import type { Role } from "../engine.ts";
import { name, type RaftState } from "./state.ts";

/** What `checkChange` remembers of the state before. */
export class Before {
  epoch = 0;
  vote: MemberId = 0n;
  role: Role = "follower";
  leader: MemberId = 0n;
  commit = 0;
  applied = 0;
  emitted = 0;
  snapshotIndex = 0;
  durable = 0;
  lastIndex = 0;

  remember(s: RaftState): void {
    this.epoch = s.epoch;
    this.vote = s.vote;
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

export function checkBasic(s: RaftState): void {
  const { log, lead } = s;
  assert(s.applied <= s.emitted, `applied ${s.applied} is beyond ${s.emitted}, the last entry given out`);
  assert(s.emitted <= s.commit, `gave out ${s.emitted}, but commit is ${s.commit}`);
  assert(s.commit <= log.lastIndex, `commit ${s.commit} is beyond the last entry ${log.lastIndex}`);
  assert(
    log.base.index <= s.snapshotIndex,
    `entries up to ${log.base.index} are gone, the snapshot covers ${s.snapshotIndex}`,
  );
  assert(s.snapshotIndex <= s.emitted, `the snapshot covers ${s.snapshotIndex}, only ${s.emitted} were given out`);
  assert(log.lastEpoch <= s.epoch, `the last entry is of epoch ${log.lastEpoch}, the member in ${s.epoch}`);
  assert(s.writes.durableIndex <= log.lastIndex, `entry ${s.writes.durableIndex} is durable, the log ends before it`);
  assert(
    s.memberships.activeIndex <= log.lastIndex,
    `membership of entry ${s.memberships.activeIndex} without that entry`,
  );
  assert((s.role === "leader") === (lead !== null), `a ${s.role} ${lead === null ? "without" : "with"} a leadership`);
  assert((s.role === "leader") === (s.leader === s.id), `a ${s.role} believes that ${name(s.leader)} leads`);
  if (s.role === "candidate" || s.role === "leader") {
    assert(s.vote === s.id, `a ${s.role} voted for ${name(s.vote)}`);
    assert(!s.untrusted, `a ${s.role} that cannot prove what it had acknowledged`);
  }
  if (s.role === "preCandidate") assert(s.leader === 0n, `a preCandidate still follows ${name(s.leader)}`);
  if (lead === null) return;
  assert(lead.noopIndex <= log.lastIndex, `the leader's first entry ${lead.noopIndex} is missing`);
  assert(log.lastEpoch === s.epoch, `the leader of ${s.epoch} has ${log.lastEpoch} as its last epoch`);
  assert(lead.uncommittedBytes >= 0, `${lead.uncommittedBytes} bytes uncommitted`);
  for (const p of lead.progress.values()) {
    assert(p.match < p.next, `${name(p.id)}: match ${p.match}, next ${p.next}`);
    assert(p.next <= log.lastIndex + 1, `${name(p.id)}: next ${p.next} is beyond the last entry ${log.lastIndex}`);
    assert(p.id !== s.id, "a leader tracks itself as a peer");
    assert(p.state !== "replicate" || p.inflightMessages <= s.options.maxInflightMessages, `${name(p.id)}: window`);
  }
}

export function checkChange(before: Before, s: RaftState): void {
  assert(s.epoch >= before.epoch, `epoch went from ${before.epoch} back to ${s.epoch}`);
  assert(s.commit >= before.commit, `commit went from ${before.commit} back to ${s.commit}`);
  assert(s.applied >= before.applied, `applied went from ${before.applied} back to ${s.applied}`);
  assert(s.emitted >= before.emitted, `given out went from ${before.emitted} back to ${s.emitted}`);
  assert(
    s.snapshotIndex >= before.snapshotIndex,
    `the snapshot went from ${before.snapshotIndex} to ${s.snapshotIndex}`,
  );
  assert(s.writes.durable >= before.durable, `durable went from write ${before.durable} back to ${s.writes.durable}`);
  if (s.epoch === before.epoch) {
    assert(
      before.vote === 0n || s.vote === before.vote,
      `two votes in epoch ${s.epoch}: ${name(before.vote)}, ${name(s.vote)}`,
    );
    assert(
      before.leader === 0n || s.leader === 0n || s.leader === before.leader,
      `two leaders in epoch ${s.epoch}: ${name(before.leader)}, ${name(s.leader)}`,
    );
    if (before.role === "leader") {
      assert(
        s.log.lastIndex >= before.lastIndex,
        `a leader dropped entries: ${before.lastIndex} to ${s.log.lastIndex}`,
      );
    }
  }
}
