import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Cluster } from "../testing/cluster.ts";
import { zabKind } from "./kind.ts";
import { ofType, Solo, type SoloEffects } from "./testing/solo.ts";

const transfer = (solo: Solo, to: bigint): SoloEffects => solo.step({ type: "transfer", id: 9, to });

describe("handing leadership over", () => {
  it("waits until the target has everything, and takes no proposals meanwhile", () => {
    const solo = new Solo();
    solo.settle();
    solo.propose();
    assert.equal(ofType(transfer(solo, 2n).sent, "handOver").length, 0);
    assert.equal(solo.engine.status.transferee, 2n);
    assert.equal(solo.propose().refused[0]?.reason, "transferring leadership");
    const [told] = ofType(solo.ack(2n, 3).sent, "handOver");
    assert.equal(told?.to, 2n);
  });

  it("is refused where it cannot be", () => {
    const solo = new Solo({ learners: [4n] });
    assert.equal(transfer(solo, 2n).refused[0]?.reason, "not leader");
    solo.settle();
    for (const to of [4n, 77n]) assert.equal(transfer(solo, to).refused[0]?.reason, "bad transferee");
    const alone = new Solo({ voters: [1n] });
    alone.tick(1);
    for (let i = 0; i < 3; i++) alone.sync();
    assert.equal(transfer(alone, 0n).refused[0]?.reason, "bad transferee");
  });

  it("is given up after a while, and on a wish to have it back", () => {
    const solo = new Solo();
    solo.settle();
    transfer(solo, 3n);
    for (let i = 0; i < 11; i++) {
      solo.tick(100);
      solo.ack(2n, 2);
    }
    assert.equal(solo.engine.status.transferee, 0n);
    transfer(solo, 3n);
    transfer(solo, 1n);
    assert.equal(solo.engine.status.transferee, 0n);
  });

  it("makes the target prepare the next epoch at once, at the leader's wish", () => {
    const solo = new Solo();
    solo.invite(2n, 2, { leads: true });
    solo.sync();
    assert.equal(solo.receive(3n, { type: "handOver" }, { epoch: 2 }).sent.length, 0, "only by its leader");
    assert.equal(solo.receive(2n, { type: "handOver" }, { epoch: 1 }).sent.length, 0, "only of its epoch");
    const { sent } = solo.receive(2n, { type: "handOver" }, { epoch: 2 });
    assert.deepEqual(
      ofType(sent, "leaderInfo").map(({ message, envelope }) => [message.transfer, envelope.epoch]),
      [
        [true, 3],
        [true, 3],
      ],
    );
  });

  it("is not undone by who wished it, when it hears of the target's epoch before it is asked into it", () => {
    const hears = (handsOver: boolean): string => {
      const solo = new Solo();
      solo.settle();
      if (handsOver) transfer(solo, 2n);
      solo.receive(2n, { type: "followerInfo", session: 1, refuses: true }, { epoch: 3 });
      return solo.engine.status.role;
    };
    assert.deepEqual([hears(true), hears(false)], ["follower", "preCandidate"]);
  });

  it("moves a whole group, and everything goes on", () => {
    const cluster = new Cluster(zabKind, { seed: 8, voters: [1n, 2n, 3n] });
    for (const to of [1n, 2n, 3n, 1n]) {
      const leader = cluster.elect();
      cluster.run(200);
      const { time } = cluster;
      cluster.transfer(leader, to);
      cluster.runUntil(() => cluster.leader === to, 1_000, `${to} leads`);
      assert.ok(cluster.time - time < 30);
      const call = cluster.propose(cluster.elect(), new Uint8Array([1]));
      cluster.run(50);
      assert.ok(cluster.isCommitted(call));
    }
  });

  it("happens by itself when the disk stalls, to somebody whose disk works", () => {
    const cluster = new Cluster(zabKind, { seed: 9, voters: [1n, 2n, 3n] });
    const leader = cluster.elect();
    cluster.member(leader).diskDelayMs = Number.POSITIVE_INFINITY;
    cluster.propose(leader, new Uint8Array([1]));
    cluster.runUntil(() => cluster.leader !== leader && cluster.leader !== 0n, 5_000, "another leads");
    cluster.run(5_000);
    assert.notEqual(cluster.leader, leader);
  });
});
