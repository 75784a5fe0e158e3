/**
 * What the bully election does not promise, shown: where members cannot reach each other, each part has a leader of its
 * own, and nothing about the two tells which one is "the" leader. This is documentation; see docs/internals/bully.md.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BullyCluster, settlesWithinMs } from "./testing/bully-cluster.ts";
import { five } from "./testing/bully-solo.ts";

function settled(): BullyCluster {
  const cluster = new BullyCluster({ seed: 1, members: five });
  cluster.run(settlesWithinMs());
  assert.deepEqual(cluster.leaders, [5n]);
  return cluster;
}

describe("in a partition", () => {
  it("there are two leaders, and the smaller part has one, too", () => {
    const cluster = settled();
    cluster.partition([5n], [4n, 3n, 2n, 1n]);
    cluster.run(settlesWithinMs());
    assert.deepEqual(cluster.leaders, [5n, 4n]);
    assert.equal(cluster.bully(1n).status.leader, 4n);
    // No time passes that ends it: a quorum engine's leader would have stepped down.
    cluster.run(60_000);
    assert.deepEqual(cluster.leaders, [5n, 4n]);
  });

  it("the generation is no fence: two leaders may count alike", () => {
    const cluster = settled();
    cluster.partition([5n], [4n, 3n], [2n, 1n]);
    cluster.run(settlesWithinMs());
    assert.deepEqual(cluster.leaders, [5n, 4n, 2n]);
    const [four, two] = [cluster.bully(4n).status, cluster.bully(2n).status];
    assert.equal(four.generation, two.generation);
    // Nor is a leadership of an older generation over because there is a newer one.
    assert.ok(cluster.bully(5n).status.generation < four.generation);
  });

  it("its end leaves the highest, in a generation above all of them", () => {
    const cluster = settled();
    cluster.partition([5n], [4n, 3n], [2n, 1n]);
    cluster.run(settlesWithinMs());
    const { generation } = cluster.bully(4n).status;
    cluster.partition();
    cluster.run(settlesWithinMs());
    cluster.checkQuiet([1n, 2n, 3n, 4n, 5n]);
    assert.deepEqual(cluster.leaders, [5n]);
    assert.ok(cluster.bully(5n).status.generation > generation);
  });

  it("one that only lost its link to the leader has none, and moves nobody", () => {
    const cluster = settled();
    const before = cluster.member(4n).told.length;
    cluster.network.cutBetween(1n, 5n);
    cluster.run(20_000);
    assert.equal(cluster.bully(1n).status.leader, 0n);
    assert.deepEqual(cluster.leaders, [5n]);
    assert.equal(cluster.member(4n).told.length, before);
  });

  it("a leader that others hear and that hears nobody stays: it needs no answer", () => {
    const cluster = settled();
    for (const { id } of five) if (id !== 5n) cluster.network.cutOneWay(id, 5n);
    cluster.run(20_000);
    assert.deepEqual(cluster.leaders, [5n]);
    assert.ok(five.every(({ id }) => cluster.bully(id).status.leader === 5n));
  });

  it("a leader that was stopped says that it leads until it goes on; then it leads anew", () => {
    const cluster = settled();
    cluster.pause(5n);
    cluster.run(settlesWithinMs());
    assert.deepEqual(cluster.leaders, [5n, 4n]);
    cluster.resume(5n);
    assert.deepEqual(cluster.member(5n).told[1], { leader: 0n, generation: 1 });
    cluster.run(settlesWithinMs());
    assert.deepEqual(cluster.leaders, [5n]);
  });
});
