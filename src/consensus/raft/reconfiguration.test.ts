import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EntryKind } from "../engine.ts";
import { createMembership, decodeMembershipEntry, isJoint, type MembershipChange } from "../membership.ts";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { raftProtocol } from "../testing/raft-protocol.ts";
import { command, membershipEntry, ofType, Solo, type SoloEffects } from "../testing/solo.ts";

const cluster = (options: Partial<ClusterOptions> = {}): Cluster =>
  new Cluster(raftProtocol, { seed: 5, voters: [1n, 2n, 3n], ...options });
const add = (...ids: bigint[]): MembershipChange => ({ set: ids.map((id) => ({ id, role: "voter" })), remove: [] });
const learn = (...ids: bigint[]): MembershipChange => ({ set: ids.map((id) => ({ id, role: "learner" })), remove: [] });
const remove = (...ids: bigint[]): MembershipChange => ({ set: [], remove: ids });
const change = (solo: Solo, wish: MembershipChange, context = new Uint8Array([7])): SoloEffects =>
  solo.step({ type: "reconfigure", id: 3, change: wish, context });
const voters = (c: Cluster, id: bigint): readonly bigint[] => c.engine(id).status.membership.voters;
const done = (c: Cluster, id: bigint): boolean => {
  const { membership, commit, lastIndex } = c.engine(id).status;
  return !isJoint(membership) && commit === lastIndex;
};

describe("membership changes", () => {
  it("are in force from the entry on; the entry carries the context and comes out as committed", () => {
    const solo = new Solo();
    solo.settle();
    const { write, accepted, sent } = change(solo, add(4n));
    assert.deepEqual(solo.engine.status.membership, createMembership([1n, 2n, 3n, 4n]));
    const [entry] = write?.entries ?? [];
    assert.equal(entry?.kind, EntryKind.membership);
    assert.deepEqual([...decodeMembershipEntry(entry?.data ?? new Uint8Array()).context], [7]);
    assert.deepEqual(accepted, [{ id: 3, epoch: 2, index: 3 }]);
    assert.ok(ofType(sent, "append").some(({ to }) => to === 4n));
    solo.sync();
    solo.ack(2n, 3);
    assert.equal(solo.engine.status.commit, 2, "three of four are needed now");
    assert.deepEqual(
      solo.ack(3n, 3).committed.map(({ kind }) => kind),
      [EntryKind.membership],
    );
  });

  it("that change nothing still carry their context", () => {
    const solo = new Solo();
    solo.settle();
    assert.equal(change(solo, add(1n)).write?.entries.length, 1);
  });

  // Scenario 18 [raft-dev t4xj6dJTP6E; atomix/copycat#23, baidu/braft#182; openraft PR#2051].
  it("scenario 18: none before the leader's first entry is committed, none while another is under way", () => {
    const solo = new Solo();
    assert.equal(change(solo, add(4n)).refused[0]?.reason, "not leader");
    solo.lead();
    assert.equal(change(solo, add(4n)).refused[0]?.reason, "not settled");
    solo.sync();
    solo.ack(2n, 2);
    assert.equal(change(solo, add(4n)).refused.length, 0);
    const second = change(solo, add(5n)).refused[0];
    assert.deepEqual([second?.id, second?.reason], [3, "change in progress"]);
  });

  it("that cannot work are refused by name", () => {
    const solo = new Solo();
    solo.settle();
    const unknown = change(solo, remove(9n)).refused[0];
    assert.deepEqual([unknown?.reason, unknown?.detail], ["unknown member", "9 is no member: voters 1,2,3"]);
    const nobody = change(solo, remove(1n, 2n, 3n)).refused[0];
    assert.equal(nobody?.reason, "invalid change");
    assert.match(nobody?.detail ?? "", /no voter would be left/);
  });

  it("a learner is promoted only when it has caught up", () => {
    const c = cluster({ joiners: [4n] });
    const leader = c.elect();
    c.isolate(4n);
    c.reconfigure(leader, learn(4n));
    c.run(500);
    c.reconfigure(leader, add(4n));
    assert.equal(c.refusals.at(-1)?.reason, "learner not ready");
    c.heal();
    c.run(500);
    c.reconfigure(leader, add(4n));
    c.run(500);
    assert.deepEqual(voters(c, 4n), [1n, 2n, 3n, 4n]);
  });

  it("a group grows from one to three, and every step commits", () => {
    const c = cluster({ voters: [1n], joiners: [2n, 3n] });
    c.elect();
    for (const id of [2n, 3n]) {
      c.reconfigure(c.elect(), learn(id));
      c.run(500);
      c.reconfigure(c.elect(), add(id));
      c.run(500);
    }
    assert.deepEqual(voters(c, 3n), [1n, 2n, 3n]);
    c.crash(1n);
    c.elect();
  });

  // Scenario 20: one becomes two; the new voter is empty, and the old leader needs its vote.
  it("scenario 20: a new voter that has nothing yet lets a restarted leader win", () => {
    const c = cluster({ voters: [1n], joiners: [2n] });
    c.elect();
    c.isolate(2n);
    c.reconfigure(1n, add(2n));
    c.run(200);
    c.restart(1n);
    c.heal();
    c.elect();
    c.run(500);
    assert.deepEqual([c.leader, voters(c, 2n)], [1n, [1n, 2n]]);
  });

  it("several voters at once go through a joint membership, left by itself", () => {
    const c = cluster({ joiners: [4n, 5n] });
    const leader = c.elect();
    const gone = leader === 3n ? 2n : 3n;
    c.reconfigure(leader, learn(4n, 5n));
    c.run(500);
    const before = c.engine(leader).status.lastIndex;
    c.reconfigure(leader, {
      set: [
        { id: 4n, role: "voter" },
        { id: 5n, role: "voter" },
      ],
      remove: [gone],
    });
    assert.deepEqual(c.engine(leader).status.membership.outgoing, [1n, 2n, 3n]);
    c.run(500);
    const { membership, lastIndex } = c.engine(leader).status;
    assert.deepEqual(
      [membership, lastIndex],
      [createMembership([1n, 2n, 3n, 4n, 5n].filter((id) => id !== gone)), before + 2],
    );
    assert.deepEqual(voters(c, gone), membership.voters, "the removed member was told");
    const rest = c.engine(gone).status.epoch;
    c.run(10_000);
    assert.equal(c.engine(gone).status.epoch, rest, "and stands no more");
  });

  // Scenario 21 [etcd#12136; camunda#60086].
  it("scenario 21: a joint membership is left by the next leader, once it is committed", () => {
    const c = cluster({ joiners: [4n, 5n] });
    const leader = c.elect();
    c.reconfigure(leader, learn(4n, 5n));
    c.run(500);
    // The joint entry gets everywhere; no acknowledgement comes back, and the leader dies.
    for (const id of [1n, 2n, 3n, 4n, 5n]) if (id !== leader) c.network.cut.add(`${id}>${leader}`);
    c.reconfigure(leader, {
      set: [
        { id: 4n, role: "voter" },
        { id: 5n, role: "voter" },
      ],
      remove: [],
    });
    c.run(50);
    c.crash(leader);
    c.heal();
    const next = c.elect();
    c.runUntil(() => done(c, next), 2000, "the joint membership is left");
    assert.deepEqual(c.engine(next).status.membership, createMembership([1n, 2n, 3n, 4n, 5n]));
  });

  it("scenario 21: a joint membership found at the start is not left before it is committed", () => {
    const joint = { voters: [1n, 4n, 5n], outgoing: [1n, 2n, 3n], learners: [], learnersNext: [] };
    const entries = [membershipEntry(1, 1, createMembership([1n, 2n, 3n])), membershipEntry(2, 2, joint)];
    const solo = new Solo({ start: { entries }, state: { epoch: 2 } });
    solo.lead([2n, 4n]);
    solo.sync();
    solo.ack(2n, 3);
    assert.deepEqual(
      [solo.engine.status.commit, solo.engine.status.membership],
      [1, joint],
      "a majority of one set only",
    );
    const { write } = solo.ack(4n, 3);
    assert.deepEqual(solo.engine.status.membership, createMembership([1n, 4n, 5n]));
    assert.equal(write?.entries.length, 1);
  });

  // Scenario 22 [ER testdata/confchange_v1_remove_leader_stepdown.txt; logcabin advanceCommitIndex].
  it("scenario 22: a leader that removes itself commits without counting itself, then hands over", () => {
    const solo = new Solo();
    solo.settle();
    const { epoch } = solo.engine.status;
    change(solo, remove(1n));
    solo.sync();
    solo.ack(2n, 3);
    assert.deepEqual([solo.engine.status.role, solo.engine.status.commit], ["leader", 2], "one of two others");
    const { sent, committed } = solo.ack(3n, 3);
    assert.deepEqual([solo.engine.status.role, committed.length], ["follower", 1]);
    assert.equal(ofType(sent, "timeoutNow").length, 1);
    assert.deepEqual(
      ofType(sent, "heartbeat").map(({ message }) => message.commitIndex),
      [3, 3],
    );
    for (let i = 0; i < 200; i++) solo.tick(25);
    assert.equal(solo.engine.status.epoch, epoch, "and stands no more");
  });

  it("scenario 22: the group goes on at once when its leader removes or demotes itself", () => {
    for (const wish of ["remove", "learner"] as const) {
      const c = cluster();
      const leader = c.elect();
      c.run(300);
      const before = c.time;
      c.reconfigure(leader, wish === "remove" ? remove(leader) : learn(leader));
      c.runUntil(
        () => c.leader !== 0n && c.leader !== leader && c.engine(c.leader).status.settled,
        1000,
        "a successor",
      );
      assert.ok(c.time - before < 100, `${c.time - before} ms`);
    }
  });

  // Scenario 23 [etcd-io/raft#372].
  it("scenario 23: from three to one through a joint membership needs a majority of the three, until it is left", () => {
    const solo = new Solo();
    solo.settle();
    change(solo, remove(2n, 3n));
    assert.deepEqual(solo.engine.status.membership.outgoing, [1n, 2n, 3n]);
    solo.sync();
    assert.equal(solo.engine.status.commit, 2, "its own disk is not enough");
    solo.ack(3n, 3);
    assert.equal(solo.engine.status.commit, 3);
    assert.deepEqual(solo.engine.status.membership, createMembership([1n]));
    assert.equal(solo.sync().committed.length, 1, "now it is");
  });

  // Scenario 23 [cowsql/raft#150].
  it("scenario 23: who appended its own removal and fell can win again to finish it", () => {
    const c = cluster({ voters: [1n, 2n] });
    const leader = c.elect();
    const other = leader === 1n ? 2n : 1n;
    c.run(300);
    c.isolate(other);
    c.reconfigure(leader, remove(leader));
    c.run(50);
    c.restart(leader);
    c.heal();
    c.runUntil(() => c.leader === other && c.engine(other).status.settled, 8000, "the remaining member leads");
    assert.deepEqual(voters(c, other), [other]);
  });

  // Scenario 24 [openraft#920; dqlite recvRollbackConfiguration*].
  it("scenario 24: a membership whose entry is dropped gives way to the one before", () => {
    const first = { index: 1, epoch: 1 };
    const solo = new Solo();
    solo.append(2n, 2, first, [membershipEntry(2, 2, createMembership([1n, 2n, 3n, 4n])), command(2, 3)]);
    assert.equal(solo.engine.status.membership.voters.length, 4);
    solo.append(3n, 3, first, [command(3, 2)]);
    assert.deepEqual(solo.engine.status.membership, createMembership([1n, 2n, 3n]));
  });

  it("scenario 24: a restart finds the uncommitted membership in force, and it is rolled back as before", () => {
    const entries = [
      membershipEntry(1, 1, createMembership([1n, 2n, 3n])),
      membershipEntry(2, 2, createMembership([2n, 3n])),
    ];
    const solo = new Solo({ start: { entries }, state: { epoch: 2 } });
    assert.deepEqual(solo.engine.status.membership, createMembership([2n, 3n]));
    // No voter in it, but its removal is not committed: it may stand, and does not count its own vote.
    solo.stand([2n, 3n]);
    solo.sync();
    solo.receive(2n, { type: "voteResponse", granted: true });
    assert.equal(solo.engine.status.role, "candidate");
    solo.receive(3n, { type: "voteResponse", granted: true });
    assert.equal(solo.engine.status.role, "leader");
    solo.append(3n, 9, { index: 1, epoch: 1 }, [command(9, 2)]);
    assert.deepEqual(solo.engine.status.membership, createMembership([1n, 2n, 3n]));
  });
});
