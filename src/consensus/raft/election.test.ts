import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { raftProtocol } from "../testing/raft-protocol.ts";
import { ofType, Solo } from "../testing/solo.ts";

const cluster = (options: Partial<ClusterOptions> = {}): Cluster =>
  new Cluster(raftProtocol, { seed: 5, voters: [1n, 2n, 3n], ...options });

const voteFor = (lastIndex = 9, lastEpoch = 9, transfer = false) => ({
  type: "vote" as const,
  lastIndex,
  lastEpoch,
  transfer,
});

describe("votes", () => {
  it("a candidate's own vote counts only when it is durable", () => {
    const solo = new Solo({ voters: [1n, 2n] });
    solo.stand([2n]);
    solo.receive(2n, { type: "voteResponse", granted: true });
    assert.equal(solo.engine.status.role, "candidate");
    solo.sync();
    assert.equal(solo.engine.status.role, "leader");
  });

  it("refuses a shorter log, also when its own end is not durable yet", () => {
    const solo = new Solo({ epochs: [2, 2] });
    const refused = solo.receive(2n, voteFor(2, 2), { epoch: 5 });
    assert.deepEqual(refused.sent[0]?.message, { type: "voteResponse", granted: false });
    assert.equal(solo.engine.status.epoch, 5);
    assert.deepEqual(solo.receive(3n, voteFor(3, 2), { epoch: 5 }).sent[0]?.message, {
      type: "voteResponse",
      granted: true,
    });
  });
});

describe("elections", () => {
  it("a single voter leads at once, when its vote and its first entry are durable", () => {
    const solo = new Solo({ voters: [1n] });
    assert.equal(solo.tick(1).sent.length, 0);
    assert.equal(solo.engine.status.role, "candidate");
    solo.sync();
    assert.deepEqual([solo.engine.status.role, solo.engine.status.settled], ["leader", false]);
    solo.sync();
    assert.equal(solo.engine.status.settled, true);
  });

  it("members that stand at the same time do not split for ever", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const c = cluster({ seed, voters: [1n, 2n, 3n, 4n, 5n] });
      c.elect(6000);
    }
  });

  it("a pause does not make a member stand before it has heard what it missed", () => {
    const c = cluster();
    const leader = c.elect();
    c.run(500);
    const { epoch } = c.engine(leader).status;
    const paused = leader === 3n ? 2n : 3n;
    c.pause(paused);
    c.run(5000);
    c.resume(paused);
    c.run(500);
    assert.deepEqual(
      [c.leader, c.engine(paused).status.role, c.engine(leader).status.epoch],
      [leader, "follower", epoch],
    );
  });
});

describe("late ticks", () => {
  it("a leader that was stopped hears its peers out before it gives up; one that hears nobody gives up", () => {
    const solo = new Solo();
    solo.settle();
    solo.tick(5000);
    assert.equal(solo.engine.status.role, "leader");
    solo.tick(25);
    assert.equal(solo.engine.status.role, "follower");
  });

  it("ticks that are always late still bring elections", () => {
    const solo = new Solo();
    solo.tick(900);
    solo.tick(900);
    solo.tick(900);
    solo.tick(900);
    assert.equal(solo.engine.status.role, "preCandidate");
  });
});

describe("a lost link", () => {
  it("to the leader is answered by an election at once, without waiting for the timeout", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const c = cluster({ seed, reportLinks: true });
      const leader = c.elect();
      c.run(300);
      const before = c.time;
      c.crash(leader);
      c.elect(400);
      assert.ok(c.time - before < 100, `seed ${seed}: ${c.time - before} ms`);
    }
  });

  it("of one follower alone deposes no leader", () => {
    const c = cluster();
    const leader = c.elect();
    c.run(300);
    const { epoch } = c.engine(leader).status;
    const follower = leader === 3n ? 2n : 3n;
    for (let i = 0; i < 20; i++) {
      c.feed(follower, { type: "linkLost", peer: leader });
      c.run(50);
    }
    c.run(150);
    assert.deepEqual([c.leader, c.engine(leader).status.epoch], [leader, epoch]);
    assert.equal(c.engine(follower).status.leader, leader);
  });

  it("is forgotten when the leader is heard again", () => {
    const solo = new Solo();
    solo.append(2n, 2, { index: 1, epoch: 1 }, []);
    solo.step({ type: "linkLost", peer: 2n });
    const granted = solo.receive(3n, { ...voteFor(), type: "preVote" }, { epoch: 2 });
    assert.equal(ofType(granted.sent, "preVoteResponse")[0]?.message.granted, true);
    solo.append(2n, 2, { index: 1, epoch: 1 }, []);
    const refused = solo.receive(3n, { ...voteFor(), type: "preVote" }, { epoch: 2 });
    assert.equal(ofType(refused.sent, "preVoteResponse")[0]?.message.granted, false);
    assert.equal(solo.tick(1).wakeAt, null);
  });

  it("tells the owner when to tick, and gives up after three tries", () => {
    const solo = new Solo();
    solo.append(2n, 2, { index: 1, epoch: 1 }, []);
    let { wakeAt } = solo.step({ type: "linkLost", peer: 2n });
    assert.ok(wakeAt !== null && wakeAt > solo.now && wakeAt < solo.now + 30);
    let tries = 0;
    while (wakeAt !== null) {
      const effects = solo.tick(Math.max(0, wakeAt - solo.now));
      if (ofType(effects.sent, "preVote").length > 0) tries++;
      wakeAt = effects.wakeAt;
    }
    assert.equal(tries, 3);
    solo.step({ type: "linkLost", peer: 2n });
    assert.equal(solo.take().wakeAt, null);
  });
});

describe("priorities", () => {
  const preferring = (priorities: Record<string, number>) =>
    cluster({ seed: 3, perMember: (id) => ({ priority: priorities[String(id)] ?? 0 }) });

  it("bring leadership to the preferred member, once it has kept up, and back when it returns", () => {
    const c = preferring({ 3: 5 });
    c.elect();
    c.runUntil(() => c.leader === 3n && c.engine(3n).status.settled, 20_000, "leadership at member 3");
    c.crash(3n);
    c.run(5000);
    assert.ok(c.leader === 1n || c.leader === 2n);
    c.start(3n);
    c.runUntil(() => c.leader === 3n && c.engine(3n).status.settled, 30_000, "leadership back at member 3");
    const { epoch } = c.engine(3n).status;
    c.run(60_000);
    assert.deepEqual([c.leader, c.engine(3n).status.epoch], [3n, epoch], "and it stays there");
  });

  it("do not bring leadership to a member that cannot keep up", () => {
    const c = preferring({ 3: 5 });
    c.cutBetween(3n, 1n);
    c.cutBetween(3n, 2n);
    c.elect();
    c.run(30_000);
    assert.notEqual(c.leader, 3n);
  });
});
