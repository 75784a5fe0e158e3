/** Whole groups: how a leader is found, lost and replaced, in how much time and with how many messages. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BullyMember } from "./members.ts";
import { BullyCluster, bullyTimes, settlesWithinMs } from "./testing/bully-cluster.ts";

const { heartbeatIntervalMs, leaderTimeoutMs, answerTimeoutMs } = bullyTimes;

function numbered(count: number): BullyMember[] {
  return Array.from({ length: count }, (_, i) => ({ id: BigInt(i + 1), number: i + 1 }));
}

function settled(count: number, options: { reportLinks?: boolean; preempt?: boolean } = {}): BullyCluster {
  const { preempt = true, reportLinks = false } = options;
  const cluster = new BullyCluster({ seed: 3, members: numbered(count), reportLinks, perMember: () => ({ preempt }) });
  cluster.run(settlesWithinMs());
  return cluster;
}

function follows(cluster: BullyCluster, leader: bigint): boolean {
  return [...cluster.members.values()].every(({ bully }) => bully === null || bully.status.leader === leader);
}

describe("a group", () => {
  it("that starts has its highest member as leader at once, with a message to each", () => {
    const cluster = new BullyCluster({ seed: 2, members: numbered(9) });
    cluster.run(5);
    assert.ok(follows(cluster, 9n));
    assert.equal(cluster.sent, 8);
  });

  it("whose leader dies has the next one within T1 of the broken links", () => {
    const cluster = settled(9, { reportLinks: true });
    const { sent, time } = cluster;
    cluster.crash(9n);
    while (!follows(cluster, 8n)) cluster.run(1);
    assert.ok(cluster.time - time < answerTimeoutMs + 10, `${cluster.time - time} ms`);
    // One question to the dead one, then the new leader speaks to all.
    assert.equal(cluster.sent - sent, 1 + 8);
  });

  it("whose leader's machine dies has the next one within the leader timeout and T1", () => {
    const cluster = settled(9);
    const { time } = cluster;
    cluster.crash(9n);
    while (!follows(cluster, 8n)) cluster.run(1);
    assert.ok(cluster.time - time < leaderTimeoutMs + answerTimeoutMs + 10, `${cluster.time - time} ms`);
  });

  it("whose highest half dies at once needs no more than the square of its size in messages", () => {
    const count = 40;
    const cluster = settled(count);
    const { sent, time } = cluster;
    for (let id = 21n; id <= BigInt(count); id++) cluster.crash(id);
    while (!follows(cluster, 20n)) cluster.run(1);
    const beats = Math.ceil((cluster.time - time) / heartbeatIntervalMs) * (count - 1);
    assert.ok(cluster.sent - sent < count ** 2 + beats, `${cluster.sent - sent} messages`);
    assert.ok(cluster.time - time < leaderTimeoutMs + 4 * answerTimeoutMs, `${cluster.time - time} ms`);
  });

  it("is taken over by its highest member when that comes back, above all generations there were", () => {
    const cluster = settled(5);
    for (let i = 0; i < 3; i++) {
      cluster.crash(5n);
      cluster.run(settlesWithinMs());
      assert.ok(follows(cluster, 4n));
      const { generation } = cluster.bully(4n).status;
      cluster.start(5n);
      cluster.run(settlesWithinMs());
      assert.ok(follows(cluster, 5n));
      assert.ok(cluster.bully(1n).status.generation > generation);
    }
  });

  it("without preemption keeps its leader when a higher member comes back, until it dies", () => {
    const cluster = settled(5, { preempt: false });
    cluster.crash(5n);
    cluster.run(settlesWithinMs());
    assert.ok(follows(cluster, 4n));
    const before = cluster.member(1n).told.length;
    cluster.start(5n);
    cluster.run(settlesWithinMs());
    assert.ok(follows(cluster, 4n));
    assert.equal(cluster.member(1n).told.length, before, "nobody noticed");
    cluster.crash(4n);
    cluster.run(settlesWithinMs());
    assert.ok(follows(cluster, 5n));
  });

  it("whose members are told opposite numbers does not flood the network", () => {
    const members = numbered(2);
    const turned = members.map(({ id, number }) => ({ id, number: -number }));
    const cluster = new BullyCluster({ seed: 4, members, perMember: (id) => (id === 1n ? { members: turned } : {}) });
    cluster.run(10_000);
    assert.deepEqual(cluster.leaders, [2n, 1n]);
    assert.ok(cluster.sent <= (2 * 2 * 10_000) / heartbeatIntervalMs, `${cluster.sent} messages`);
  });
});
