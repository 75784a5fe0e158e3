import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { raftProtocol } from "../testing/raft-protocol.ts";
import { ofType, Solo, type SoloEffects } from "../testing/solo.ts";

// Scenario 17 [ER TestLeaderTransfer* (15 tests)].

const cluster = (options: Partial<ClusterOptions> = {}): Cluster =>
  new Cluster(raftProtocol, { seed: 5, voters: [1n, 2n, 3n], ...options });
const ready = (options: Partial<ClusterOptions> = {}): { c: Cluster; leader: bigint; others: bigint[] } => {
  const c = cluster(options);
  const leader = c.elect();
  c.run(300);
  return { c, leader, others: [...c.members.keys()].filter((id) => id !== leader) };
};
const transfer = (solo: Solo, to: bigint): SoloEffects => solo.step({ type: "transfer", id: 9, to });

describe("a leader transfer (scenario 17)", () => {
  it("goes to the target asked for, within a round trip and an election", () => {
    const { c, leader, others } = ready();
    const [target = 0n] = others;
    const before = c.time;
    c.transfer(leader, target);
    c.runUntil(() => c.leader === target && c.engine(target).status.settled, 200, "the target leads");
    assert.ok(c.time - before < 50);
  });

  it("goes to the best peer if none is named", () => {
    const { c, leader, others } = ready();
    const [behind = 0n, best = 0n] = others;
    c.isolate(behind);
    c.propose(leader, new Uint8Array([1]));
    c.run(50);
    c.transfer(leader, 0n);
    c.runUntil(() => c.leader === best, 500, "the most complete peer leads");
  });

  it("does not go to a peer whose disk stalls, unless that is asked for", () => {
    const solo = new Solo();
    solo.settle();
    solo.ack(2n, 2, { stalled: true });
    const { sent } = transfer(solo, 0n);
    assert.deepEqual([solo.engine.status.transferee, ofType(sent, "timeoutNow").length], [3n, 1]);
  });

  it("first brings a target that lags up to date", () => {
    const { c, leader, others } = ready();
    const [target = 0n] = others;
    c.isolate(target);
    for (let i = 0; i < 30; i++) {
      c.propose(leader, new Uint8Array(100));
      c.run(2);
    }
    c.heal();
    c.transfer(leader, target);
    c.runUntil(() => c.leader === target, 900, "the target leads");
  });

  it("first brings a target up to date that needs a snapshot", () => {
    const { c, leader, others } = ready({ snapshotEvery: 10 });
    const [target = 0n] = others;
    c.isolate(target);
    for (let i = 0; i < 60; i++) {
      c.propose(leader, new Uint8Array(10));
      c.run(2);
    }
    c.heal();
    c.run(110);
    c.transfer(leader, target);
    c.runUntil(() => c.leader === target, 900, "the target leads");
  });

  it("to a target that does not answer is given up after an election timeout, and proposals go on", () => {
    const { c, leader, others } = ready();
    const [target = 0n] = others;
    c.isolate(target);
    c.propose(leader, new Uint8Array([1]));
    c.transfer(leader, target);
    assert.equal(c.engine(leader).status.transferee, target);
    c.propose(leader, new Uint8Array([2]));
    assert.equal(c.refusals.at(-1)?.reason, "transferring leadership");
    c.reconfigure(leader, { set: [], remove: [target] });
    assert.equal(c.refusals.at(-1)?.reason, "transferring leadership");
    c.run(1050);
    assert.deepEqual([c.engine(leader).status.role, c.engine(leader).status.transferee], ["leader", 0n]);
    const call = c.propose(leader, new Uint8Array([3]));
    c.run(50);
    assert.ok(c.isCommitted(call));
  });

  it("to itself does nothing, and ends a transfer under way; to another replaces it", () => {
    const solo = new Solo();
    solo.settle();
    solo.propose();
    transfer(solo, 2n);
    assert.equal(solo.engine.status.transferee, 2n);
    transfer(solo, 3n);
    assert.equal(solo.engine.status.transferee, 3n);
    assert.deepEqual(transfer(solo, 1n).refused, []);
    assert.deepEqual([solo.engine.status.transferee, solo.engine.status.role], [0n, "leader"]);
  });

  it("to a learner, a stranger or an untrusted member is refused", () => {
    const solo = new Solo({ learners: [4n] });
    assert.equal(transfer(solo, 2n).refused[0]?.reason, "not leader");
    solo.settle();
    for (const to of [4n, 77n]) assert.equal(transfer(solo, to).refused[0]?.reason, "bad transferee");
    solo.ack(2n, 2, { untrusted: true });
    assert.equal(transfer(solo, 2n).refused[0]?.reason, "bad transferee");
    const alone = new Solo({ voters: [1n] });
    alone.tick(1);
    alone.sync();
    assert.equal(transfer(alone, 0n).refused[0]?.reason, "bad transferee");
  });

  it("ends when the target is removed", () => {
    const { c, leader, others } = ready({ voters: [1n, 2n, 3n, 4n] });
    const [target = 0n, mute = 0n] = others;
    // The removal is under way when the transfer begins: committed without the target, which does not answer.
    c.network.cut.add(`${target}>${leader}`);
    c.propose(leader, new Uint8Array(1));
    c.reconfigure(leader, { set: [{ id: mute, role: "learner" }], remove: [target] });
    c.transfer(leader, target);
    assert.equal(c.engine(leader).status.transferee, 0n, "it is an outgoing voter only");
    c.run(300);
    assert.deepEqual([c.leader, c.engine(leader).status.membership.outgoing], [leader, []]);
  });

  it("back and forth works", () => {
    const { c, leader, others } = ready();
    const [other = 0n] = others;
    for (let i = 0; i < 6; i++) {
      const from = c.elect();
      const to = from === leader ? other : leader;
      c.transfer(from, to);
      c.runUntil(() => c.leader === to && c.engine(to).status.settled, 500, `transfer ${i}`);
    }
  });

  it("tells the target only when it holds everything, and its election passes members that believe in the leader", () => {
    const solo = new Solo();
    solo.settle();
    solo.propose();
    assert.equal(ofType(transfer(solo, 2n).sent, "timeoutNow").length, 0);
    assert.equal(ofType(solo.ack(2n, 3).sent, "timeoutNow")[0]?.to, 2n);

    const voter = new Solo();
    voter.append(2n, 2, { index: 1, epoch: 1 }, []);
    const ask = { type: "vote" as const, lastIndex: 9, lastEpoch: 2 };
    const refused = voter.receive(3n, { ...ask, transfer: false }, { epoch: 3 });
    assert.deepEqual(
      [refused.sent[0]?.message, voter.engine.status.epoch],
      [{ type: "voteResponse", granted: false }, 2],
    );
    const granted = voter.receive(3n, { ...ask, transfer: true }, { epoch: 3 });
    assert.deepEqual(granted.sent[0]?.message, { type: "voteResponse", granted: true });
  });

  it("a message that asks to stand is followed only from the leader of this epoch, by a voter", () => {
    const solo = new Solo();
    solo.append(2n, 2, { index: 1, epoch: 1 }, []);
    solo.receive(2n, { type: "timeoutNow" }, { epoch: 1 });
    solo.receive(3n, { type: "timeoutNow" }, { epoch: 2 });
    assert.equal(solo.engine.status.role, "follower");
    const { sent } = solo.receive(2n, { type: "timeoutNow" }, { epoch: 2 });
    assert.equal(solo.engine.status.role, "candidate");
    assert.ok(ofType(sent, "vote").every(({ message, after }) => message.transfer && after > 0));

    const learner = new Solo({ voters: [2n, 3n], learners: [1n] });
    learner.append(2n, 2, { index: 1, epoch: 1 }, []);
    learner.receive(2n, { type: "timeoutNow" }, { epoch: 2 });
    assert.equal(learner.engine.status.role, "follower");
  });
});
