import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SnapshotMeta } from "../engine.ts";
import { createMembership } from "../membership.ts";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { raftProtocol } from "../testing/raft-protocol.ts";
import { command, ofType, Solo, type SoloEffects } from "../testing/solo.ts";

const cluster = (options: Partial<ClusterOptions> = {}): Cluster =>
  new Cluster(raftProtocol, { seed: 5, voters: [1n, 2n, 3n], snapshotEvery: 10, keepEntries: 3, ...options });
const three = createMembership([1n, 2n, 3n]);
const meta = (epoch: number, index: number, membership = three): SnapshotMeta => ({ epoch, index, membership });
const received = (solo: Solo, snapshot: SnapshotMeta): SoloEffects =>
  solo.step({ type: "snapshotReceived", from: 2n, snapshot });

/** Leads, has committed up to 10 and forgotten up to 8; 2 has everything, 3 was never heard. */
function compacted(): Solo {
  const solo = new Solo({ epochs: [1, 1, 1, 1, 1, 1, 1, 1] });
  solo.settle([2n]);
  solo.step({ type: "applied", index: 10 });
  solo.step({ type: "compact", snapshot: meta(1, 9), upTo: 8 });
  return solo;
}

describe("sending a snapshot", () => {
  it("a peer that needs forgotten entries gets one, once, and goes on behind it", () => {
    const solo = compacted();
    const refusal = {
      type: "appendResponse" as const,
      ok: false,
      session: 1,
      index: 9,
      hintIndex: 3,
      hintEpoch: 1,
      lastIndex: 3,
    };
    const { sendSnapshot } = solo.receive(3n, refusal);
    assert.deepEqual(sendSnapshot, [{ to: 3n, index: 8 }]);
    assert.equal(solo.engine.status.peers.get(3n)?.state, "snapshot");
    assert.deepEqual(solo.tick(100).sendSnapshot, []);
    assert.equal(ofType(solo.propose().sent, "append").filter(({ to }) => to === 3n).length, 0);
    solo.step({ type: "snapshotSent", to: 3n, index: 9, ok: true });
    assert.deepEqual([solo.engine.status.peers.get(3n)?.state, solo.engine.status.peers.get(3n)?.next], ["probe", 10]);
    solo.ack(3n, 9);
    const peer = solo.engine.status.peers.get(3n);
    assert.deepEqual([peer?.state, peer?.match, peer?.next], ["replicate", 9, 12]);
  });

  it("one that failed is asked for again, at the pace of heartbeats", () => {
    const solo = compacted();
    const refusal = {
      type: "appendResponse" as const,
      ok: false,
      session: 1,
      index: 9,
      hintIndex: 3,
      hintEpoch: 1,
      lastIndex: 3,
    };
    solo.receive(3n, refusal);
    const failed = solo.step({ type: "snapshotSent", to: 3n, index: 8, ok: false });
    assert.deepEqual(failed.sendSnapshot, []);
    const answer = { type: "heartbeatResponse" as const, session: 1, round: 0, sentAt: 0, promiseMs: 0 };
    assert.deepEqual(solo.receive(3n, answer).sendSnapshot, [{ to: 3n, index: 8 }]);
  });

  it("one that is not needed any more, because the peer caught up otherwise, does not hold it up", () => {
    const solo = compacted();
    const refusal = {
      type: "appendResponse" as const,
      ok: false,
      session: 1,
      index: 9,
      hintIndex: 3,
      hintEpoch: 1,
      lastIndex: 3,
    };
    solo.receive(3n, refusal);
    solo.ack(3n, 9);
    assert.equal(solo.engine.status.peers.get(3n)?.state, "replicate");
    solo.step({ type: "snapshotSent", to: 3n, index: 8, ok: false });
    assert.equal(solo.engine.status.peers.get(3n)?.state, "replicate");
  });

  it("a wiped member is brought up by one while writes go on", () => {
    const c = cluster({ checkDurable: false });
    const leader = c.elect();
    for (let i = 0; i < 40; i++) {
      c.propose(leader, new Uint8Array([i]));
      c.run(2);
    }
    const wiped = leader === 3n ? 2n : 3n;
    c.crash(wiped);
    Object.assign(c.member(wiped).disk, { entries: [], state: null, snapshot: null });
    c.properties.lost(wiped);
    c.start(wiped);
    for (let i = 0; i < 100; i++) {
      c.propose(leader, new Uint8Array([i]));
      c.run(5);
    }
    c.runUntil(() => c.agree([wiped]), 1000, "brought up");
  });
});

describe("receiving a snapshot", () => {
  it("starts the log anew behind it, before anything else that is committed; the answer waits for the disk", () => {
    const solo = new Solo({ epochs: [1, 1], state: { epoch: 3 } });
    solo.append(2n, 3, { index: 3, epoch: 1 }, []);
    const effects = received(solo, meta(3, 20));
    assert.deepEqual(
      [effects.installSnapshot, effects.write?.snapshot, effects.committed],
      [meta(3, 20), meta(3, 20), []],
    );
    const [answer] = ofType(effects.sent, "appendResponse");
    assert.deepEqual([answer?.to, answer?.message.index, answer?.after], [2n, 20, effects.write?.number]);
    const { commit, applied, firstIndex, lastIndex } = solo.engine.status;
    assert.deepEqual([commit, applied, firstIndex, lastIndex], [20, 20, 21, 20]);
    const next = solo.append(2n, 3, { index: 20, epoch: 3 }, [command(3, 21)], 21);
    assert.deepEqual(
      next.committed.map(({ index }) => index),
      [21],
    );
  });

  it("when all its entries are here already, only tells that they are committed", () => {
    const solo = new Solo({ epochs: [1, 1, 1] });
    solo.take();
    const effects = received(solo, meta(1, 3));
    assert.deepEqual([effects.installSnapshot, effects.write, effects.committed.length], [null, null, 2]);
    assert.equal(solo.engine.status.lastIndex, 4);
  });

  // Scenario 39 [etcd#10219].
  it("scenario 39: the log's new beginning and the epoch are one write, so that neither is on disk without the other", () => {
    const solo = new Solo();
    const { write } = received(solo, meta(5, 20));
    assert.ok(write !== null && write.snapshot !== null && write.state !== null);
    assert.equal(solo.engine.status.epoch, 5);
  });

  // Scenario 40 [etcd#18055, #20657, #7470].
  it("scenario 40: of two in quick succession the newer wins, in either order, also within one turn", () => {
    for (const order of [
      [20, 30],
      [30, 20],
    ]) {
      const solo = new Solo();
      for (const index of order) {
        solo.engine.step({ type: "snapshotReceived", from: 2n, snapshot: meta(3, index) }, solo.now);
      }
      const { installSnapshot, write } = solo.take();
      assert.deepEqual([installSnapshot?.index, write?.snapshot?.index, solo.engine.status.commit], [30, 30, 30]);
    }
  });

  it("an old one is answered with what is committed", () => {
    const solo = new Solo();
    solo.append(2n, 3, { index: 1, epoch: 1 }, [command(3, 2), command(3, 3)], 3);
    const { sent, installSnapshot } = received(solo, meta(3, 2));
    assert.deepEqual([ofType(sent, "appendResponse")[0]?.message.index, installSnapshot], [3, null]);
  });
});

describe("compaction", () => {
  it("forgets entries up to the given index and keeps the rest for peers that lag a little", () => {
    const solo = compacted();
    assert.deepEqual(
      [solo.engine.status.firstIndex, solo.engine.entryAt(8), solo.engine.entryAt(9)?.index],
      [9, null, 9],
    );
  });

  it("wrong use is found: a snapshot of what was never given out, of another epoch or membership", () => {
    const at = (snapshot: SnapshotMeta, upTo = 1): (() => unknown) => {
      const solo = new Solo({ epochs: [1, 1] });
      solo.settle();
      return () => solo.step({ type: "compact", snapshot, upTo });
    };
    assert.throws(at(meta(1, 9)), /covers entries that were never given out/);
    assert.throws(at(meta(7, 2)), /is of epoch 7, the entry of 1/);
    assert.throws(at(meta(1, 2, createMembership([9n]))), /wrong membership/);
    assert.throws(at(meta(1, 2), 3), /cannot forget entries up to 3/);
  });

  it("a restart begins behind the snapshot, and gives out only what follows", () => {
    const c = cluster();
    const leader = c.elect();
    for (let i = 0; i < 25; i++) {
      c.propose(leader, new Uint8Array([i]));
      c.run(3);
    }
    for (const id of [1n, 2n, 3n]) c.restart(id);
    c.elect();
    c.run(500);
    assert.ok(c.agree([1n, 2n, 3n]));
    assert.ok(c.engine(1n).status.firstIndex > 10);
  });
});
