import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMembership } from "../membership.ts";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { raftProtocol } from "../testing/raft-protocol.ts";
import { membershipEntry, ofType, Solo } from "../testing/solo.ts";
import { decodeHardState } from "./hard-state.ts";
import { encodeMessage } from "./messages.ts";

const cluster = (options: Partial<ClusterOptions> = {}): Cluster =>
  new Cluster(raftProtocol, { seed: 5, voters: [1n, 2n, 3n], ...options });

const voteFor = (lastIndex = 9, lastEpoch = 9, transfer = false) => ({
  type: "vote" as const,
  lastIndex,
  lastEpoch,
  transfer,
});

describe("votes", () => {
  // Scenario 2 [ER raft.go send(); NodeDB-Lab/nodedb#161; bakwc/PySyncObj#201].
  it("scenario 2: a vote leaves only when it is durable, and so does the request for one", () => {
    const solo = new Solo();
    const { sent, write } = solo.receive(2n, voteFor(), { epoch: 5 });
    assert.deepEqual(sent[0]?.message, { type: "voteResponse", granted: true });
    assert.equal(sent[0]?.after, write?.number);
    const saved = decodeHardState(write?.state ?? new Uint8Array());
    assert.deepEqual([saved.epoch, saved.vote], [5, 2n]);

    const other = new Solo();
    const effects = other.stand([2n]);
    const requests = ofType(effects.sent, "vote");
    assert.equal(requests.length, 2);
    for (const { after } of requests) assert.equal(after, effects.write?.number);
    assert.equal(decodeHardState(effects.write?.state ?? new Uint8Array()).vote, 1n);
  });

  it("scenario 2: a restart after the vote keeps it; before it was durable, nobody heard of it", () => {
    const solo = new Solo();
    const { write } = solo.receive(2n, voteFor(), { epoch: 5 });
    const again = new Solo({ start: { state: write?.state ?? null } });
    const { sent } = again.receive(3n, voteFor(), { epoch: 5 });
    assert.deepEqual(sent[0]?.message, { type: "voteResponse", granted: false });
  });

  it("scenario 2: a vote in an epoch that is saved already is saved, too", () => {
    const solo = new Solo({ epochs: [2, 2] });
    solo.receive(2n, voteFor(2, 2), { epoch: 5 });
    solo.sync();
    const { write, sent } = solo.receive(3n, voteFor(3, 2), { epoch: 5 });
    assert.deepEqual(sent[0]?.message, { type: "voteResponse", granted: true });
    assert.equal(sent[0]?.after, write?.number);
    assert.equal(decodeHardState(write?.state ?? new Uint8Array()).vote, 3n);
  });

  it("a candidate's own vote counts only when it is durable", () => {
    const solo = new Solo({ voters: [1n, 2n] });
    solo.stand([2n]);
    solo.receive(2n, { type: "voteResponse", granted: true });
    assert.equal(solo.engine.status.role, "candidate");
    solo.sync();
    assert.equal(solo.engine.status.role, "leader");
  });

  // Scenario 3 [microsoft/CCF#8094; nats-io/nats-server#5314; ktoso/akka-raft#56].
  it("scenario 3: stepping back within an epoch keeps the vote", () => {
    const solo = new Solo({ voters: [1n, 2n, 3n, 4n, 5n] });
    solo.stand([2n, 3n]);
    const { epoch } = solo.engine.status;
    solo.append(5n, epoch, { index: 1, epoch: 1 }, []);
    assert.deepEqual([solo.engine.status.role, solo.engine.status.leader], ["follower", 5n]);
    const { sent } = solo.receive(4n, voteFor(), { epoch });
    assert.deepEqual(sent[0]?.message, { type: "voteResponse", granted: false });
  });

  // Scenario 4 [xnnyygn/xraft#27; ktoso/akka-raft#29].
  it("scenario 4: a repeated answer counts once, a repeated request is granted again", () => {
    const solo = new Solo({ voters: [1n, 2n, 3n, 4n, 5n] });
    solo.stand([2n, 3n]);
    solo.sync();
    solo.receive(2n, { type: "voteResponse", granted: true });
    solo.receive(2n, { type: "voteResponse", granted: true });
    assert.equal(solo.engine.status.role, "candidate");
    solo.receive(3n, { type: "voteResponse", granted: true });
    assert.equal(solo.engine.status.role, "leader");

    const voter = new Solo();
    voter.receive(2n, voteFor(), { epoch: 5 });
    voter.sync();
    const { sent, write } = voter.receive(2n, voteFor(), { epoch: 5 });
    assert.deepEqual([sent[0]?.message, write], [{ type: "voteResponse", granted: true }, null]);
  });

  // Scenario 5 [canonical/raft#196; ER TestCandidateDeliversPreCandidateSelfVoteAfterBecomingCandidate].
  it("scenario 5: a late pre-vote answer is no vote, and a pre-vote changes nothing", () => {
    const solo = new Solo({ voters: [1n, 2n, 3n, 4n, 5n] });
    solo.stand([2n, 3n]);
    solo.sync();
    const { epoch } = solo.engine.status;
    solo.receive(4n, { type: "preVoteResponse", proposedEpoch: epoch, granted: true }, { epoch: epoch - 1 });
    solo.receive(5n, { type: "preVoteResponse", proposedEpoch: epoch, granted: true }, { epoch: epoch - 1 });
    assert.equal(solo.engine.status.role, "candidate");

    const voter = new Solo();
    const asked = voter.receive(2n, { ...voteFor(), type: "preVote" }, { epoch: 4 });
    assert.deepEqual(asked.sent[0]?.message, { type: "preVoteResponse", proposedEpoch: 5, granted: true });
    assert.deepEqual([asked.write, voter.engine.status.epoch], [null, 1]);
    const elected = voter.receive(3n, voteFor(), { epoch: 5 });
    assert.deepEqual(elected.sent[0]?.message, { type: "voteResponse", granted: true });
  });

  // Scenario 6 [tikv/tikv#8381] and 20 [raft-rs#57; etcd#10998; ER testdata/campaign_learner_must_vote.txt].
  it("scenarios 6 and 20: a member that knows of no membership, or believes to be a learner, votes and keeps its vote", () => {
    const joiner = new Solo({ voters: [] });
    const { sent, write } = joiner.receive(2n, voteFor(), { epoch: 3 });
    assert.deepEqual(sent[0]?.message, { type: "voteResponse", granted: true });
    assert.equal(decodeHardState(write?.state ?? new Uint8Array()).vote, 2n);
    assert.deepEqual(joiner.receive(3n, voteFor(), { epoch: 3 }).sent[0]?.message, {
      type: "voteResponse",
      granted: false,
    });

    const learner = new Solo({ voters: [2n, 3n], learners: [1n] });
    assert.deepEqual(learner.receive(2n, voteFor(), { epoch: 3 }).sent[0]?.message, {
      type: "voteResponse",
      granted: true,
    });
    for (let i = 0; i < 200; i++) learner.tick(25);
    assert.equal(learner.engine.status.role, "follower", "but it does not stand itself");
  });

  it("scenario 20: an election that hangs on a learner promoted unawares succeeds", () => {
    const c = cluster({ voters: [1n, 2n], learners: [3n], joiners: [] });
    c.elect();
    const { leader } = c;
    const other = leader === 1n ? 2n : 1n;
    c.run(500);
    // The promotion reaches the other voter, not the learner; then the leader dies.
    c.network.filter = (_from, to, message) => !(to === 3n && message.type === "append");
    c.reconfigure(leader, { set: [{ id: 3n, role: "voter" }], remove: [] });
    c.run(20);
    assert.deepEqual(c.engine(3n).status.membership.voters, [1n, 2n]);
    c.crash(leader);
    c.network.filter = () => true;
    assert.equal(c.elect(), other);
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

  // Scenario 10 [microsoft/CCF#5674 QuorumLogInv].
  it("scenario 10: voting and stepping down drop nothing", () => {
    const solo = new Solo();
    solo.settle();
    solo.propose();
    const { lastIndex, epoch } = solo.engine.status;
    const { write } = solo.receive(2n, { ...voteFor(99, 99), transfer: true }, { epoch: epoch + 3 });
    assert.deepEqual([solo.engine.status.role, solo.engine.status.lastIndex], ["follower", lastIndex]);
    assert.equal(write?.truncateFrom, null);
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

  // Scenario 11 [etcd#8334; raft-rs#84; ER testdata/prevote_checkquorum.txt].
  it("scenario 11: with pre-vote and check-quorum together, the rest of a group elects when its leader is cut off", () => {
    const c = cluster();
    const old = c.elect();
    c.run(1000);
    c.isolate(old);
    c.runUntil(() => c.leader !== 0n && c.leader !== old && c.engine(c.leader).status.settled, 6000, "a new leader");
    assert.equal(c.engine(old).status.role, "follower");
    c.heal();
    c.run(1000);
    assert.ok(c.agree([1n, 2n, 3n]));
  });

  // Scenario 12 [etcd#8501; openraft#1796].
  it("scenario 12: a longer log in a lower epoch catches up with the epoch, and wins", () => {
    const solo = new Solo({ voters: [1n, 2n], epochs: [2, 2, 2] });
    solo.timeOut();
    solo.receive(2n, { type: "preVoteResponse", proposedEpoch: 3, granted: false }, { epoch: 5 });
    assert.deepEqual([solo.engine.status.role, solo.engine.status.epoch], ["follower", 5]);
    const asked = solo.timeOut();
    assert.equal(ofType(asked.sent, "preVote")[0]?.envelope.epoch, 5);
    // The other one, ahead in epochs with a shorter log, is refused in turn, and told nothing that would disturb it.
    const other = solo.receive(2n, { ...voteFor(2, 2), type: "preVote" }, { epoch: 5 });
    assert.deepEqual(ofType(other.sent, "preVoteResponse")[0]?.message.granted, false);
  });

  // Scenario 13 [ER TestFreeStuckCandidateWithCheckQuorum, TestDisruptiveFollower].
  it("scenario 13: a member stuck alone in a higher epoch is taken back in, and the same leader goes on soon", () => {
    const c = cluster();
    const leader = c.elect();
    c.run(500);
    const stuck = leader === 3n ? 2n : 3n;
    c.forge(leader === 1n ? 2n : 1n, stuck, voteBytes(40));
    assert.equal(c.engine(stuck).status.epoch, 1 + 1, "its live leader keeps it from following a candidate");
    // With no leader in sight it follows the candidate's epoch.
    c.isolate(stuck);
    c.run(2500);
    c.forge(leader, stuck, voteBytes(40));
    assert.equal(c.engine(stuck).status.epoch, 40);
    c.heal();
    c.runUntil(
      () => c.leader !== 0n && c.engine(c.leader).status.settled && c.engine(stuck).status.leader === c.leader,
      2000,
      "one leader again",
    );
    assert.ok(c.engine(c.leader).status.epoch > 40);
  });

  // Scenario 14 [TB replica_test.zig l. 404-545].
  it("scenario 14: links that work one way only lead to one stable leader", () => {
    for (const direction of ["deaf", "mute"] as const) {
      const c = cluster({ seed: 8 });
      const first = c.elect();
      c.run(500);
      for (const id of [1n, 2n, 3n]) {
        if (id !== first) c.network.cut.add(direction === "deaf" ? `${id}>${first}` : `${first}>${id}`);
      }
      c.run(6000);
      const { leader } = c;
      assert.ok(leader !== 0n && leader !== first, `${direction}: ${c.describe()}`);
      const { epoch } = c.engine(leader).status;
      const call = c.propose(leader, new Uint8Array([1]));
      c.run(8000);
      assert.ok(c.isCommitted(call));
      assert.equal(c.engine(leader).status.epoch, epoch, `${direction}: no endless elections`);
    }
  });

  it("scenario 14: a member that hears nobody disturbs nobody", () => {
    const c = cluster();
    const leader = c.elect();
    const deaf = leader === 3n ? 2n : 3n;
    for (const id of [1n, 2n, 3n]) if (id !== deaf) c.network.cut.add(`${id}>${deaf}`);
    const { epoch } = c.engine(leader).status;
    c.run(20_000);
    assert.deepEqual([c.leader, c.engine(leader).status.epoch], [leader, epoch]);
  });

  // Scenario 15 [hashicorp/raft#503; tarantool#9399; etcd#13527].
  it("scenario 15: a leader whose disk hangs hands over, and does not stand while it hangs", () => {
    const c = cluster();
    const leader = c.elect();
    c.run(500);
    c.member(leader).diskDelayMs = Number.POSITIVE_INFINITY;
    c.propose(leader, new Uint8Array([1]));
    c.run(1900);
    assert.equal(c.leader, leader, "not before the limit of 2000 ms");
    c.runUntil(() => c.leader !== leader && c.leader !== 0n, 400, "another leader");
    assert.equal(c.engine(leader).status.diskStalled, true);
    const next = c.leader;
    c.crash(next);
    c.run(5000);
    assert.notEqual(c.engine(leader).status.role, "leader");
    c.member(leader).diskDelayMs = 1;
    c.finishWrites(leader, 1);
    c.elect();
    c.run(100);
    assert.equal(c.engine(leader).status.diskStalled, false);
  });

  it("scenario 15: alone, a leader with a hanging disk stays, and says why it refuses", () => {
    const solo = new Solo({ voters: [1n] });
    solo.tick(1);
    solo.sync();
    solo.sync();
    solo.propose();
    for (let i = 0; i < 90; i++) solo.tick(25);
    assert.deepEqual([solo.engine.status.role, solo.engine.status.diskStalled], ["leader", true]);
    assert.equal(solo.propose().refused[0]?.reason, "disk stalled");
    solo.sync();
    solo.tick(25);
    assert.deepEqual([solo.engine.status.diskStalled, solo.propose().refused.length], [false, 0]);
  });

  // Scenario 16 [hashicorp/raft#524, #526; canonical/raft#137].
  it("scenario 16: a removed member that comes back, ahead in epochs, deposes nobody", () => {
    const c = cluster({ voters: [1n, 2n, 3n, 4n] });
    const leader = c.elect();
    const removed = leader === 4n ? 3n : 4n;
    c.isolate(removed);
    c.reconfigure(leader, { set: [], remove: [removed] });
    c.run(6000);
    // It reaches the others again, and only they do not reach it.
    c.heal();
    for (const id of [1n, 2n, 3n, 4n]) if (id !== removed) c.network.cut.add(`${id}>${removed}`);
    c.forge(leader, removed, voteBytes(50));
    assert.equal(c.engine(removed).status.epoch, 50);
    const { epoch } = c.engine(leader).status;
    c.run(10_000);
    assert.deepEqual([c.leader, c.engine(leader).status.epoch], [leader, epoch]);
    c.heal();
    c.run(10_000);
    assert.deepEqual([c.leader, c.engine(leader).status.epoch], [leader, epoch]);
  });

  // Scenario 19 [etcd#7625, #11284; etcd-io/raft PR#469].
  it("scenario 19: who stands asks the newest membership in its log, applied or not", () => {
    const solo = new Solo();
    const next = createMembership([1n, 2n, 3n, 4n]);
    solo.append(2n, 1, { index: 1, epoch: 1 }, [membershipEntry(1, 2, next)], 1);
    const { sent } = solo.timeOut();
    assert.deepEqual(
      ofType(sent, "preVote").map(({ to }) => to),
      [2n, 3n, 4n],
    );
    solo.receive(2n, { type: "preVoteResponse", proposedEpoch: 2, granted: true }, { epoch: 1 });
    assert.equal(solo.engine.status.role, "preCandidate", "two of four are no majority");
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

function voteBytes(epoch: number): Uint8Array {
  const [bytes] = encodeMessage(
    { epoch, incarnation: 9, priority: 0, untrusted: false, stalled: false },
    { type: "vote", lastIndex: 0, lastEpoch: 0, transfer: false },
  );
  return bytes ?? new Uint8Array();
}
