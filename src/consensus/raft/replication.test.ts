import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { raftProtocol } from "../testing/raft-protocol.ts";
import { command, ofType, Solo } from "../testing/solo.ts";

const cluster = (options: Partial<ClusterOptions> = {}): Cluster =>
  new Cluster(raftProtocol, { seed: 5, voters: [1n, 2n, 3n], ...options });
const first = { index: 1, epoch: 1 };

describe("commit", () => {
  // Scenario 1 [paper figure 8; logcabin#44; ER TestLeaderOnlyCommitsLogFromCurrentTerm, TestCannotCommitWithoutNewTermEntry].
  it("scenario 1: an entry of an old epoch on a majority is not committed until one of the leader's own is", () => {
    const solo = new Solo({ voters: [1n, 2n, 3n, 4n, 5n], epochs: [2], state: { epoch: 3 } });
    solo.lead([2n, 3n]);
    solo.sync();
    solo.ack(2n, 2);
    solo.ack(3n, 2);
    solo.ack(4n, 2);
    assert.equal(solo.engine.status.commit, 1, "four of five hold 2/2");
    solo.ack(2n, 3);
    const { committed } = solo.ack(3n, 3);
    assert.deepEqual([solo.engine.status.commit, committed.map((entry) => entry.epoch)], [3, [2, 4]]);
  });

  // Scenario 9 [etcd#14370].
  it("scenario 9: a group of one waits for its own disk", () => {
    const solo = new Solo({ voters: [1n] });
    solo.tick(1);
    solo.sync();
    solo.sync();
    const { write, committed } = solo.propose();
    assert.deepEqual([write?.entries.length, committed.length], [1, 0]);
    assert.equal(solo.sync().committed.length, 1);
  });

  it("a leader counts itself only as far as its own log is durable, and may commit before that", () => {
    const solo = new Solo();
    solo.settle();
    const { lastIndex } = solo.engine.status;
    solo.propose();
    assert.equal(solo.ack(2n, lastIndex + 1).committed.length, 0, "one peer, and a leader that has not synced");
    assert.equal(solo.ack(3n, lastIndex + 1).committed.length, 1, "two peers are a quorum without it");
    solo.propose();
    solo.ack(2n, lastIndex + 2);
    assert.equal(solo.sync().committed.length, 1);
  });

  it("is told at once to those who hold the entry, and once more with every heartbeat", () => {
    const solo = new Solo();
    solo.settle();
    solo.propose();
    solo.sync();
    const { sent } = solo.ack(2n, 3);
    const told = ofType(sent, "heartbeat");
    assert.deepEqual(
      told.map(({ to, message }) => [to, message.commitIndex, message.answer]),
      [
        [2n, 3, false],
        [3n, 3, false],
      ],
    );
    assert.equal(ofType(solo.tick(100).sent, "heartbeat")[0]?.message.commitIndex, 3);
  });

  it("by heartbeat only where the log holds the leader's entry", () => {
    const solo = new Solo({ epochs: [2, 2] });
    const heartbeat = {
      type: "heartbeat" as const,
      session: 1,
      toIncarnation: 0,
      round: 1,
      sentAt: 0,
      answer: true,
      trusted: false,
    };
    solo.receive(2n, { ...heartbeat, commitIndex: 3, commitEpoch: 3 }, { epoch: 4 });
    assert.equal(solo.engine.status.commit, 1);
    solo.receive(2n, { ...heartbeat, commitIndex: 9, commitEpoch: 3 }, { epoch: 4 });
    assert.equal(solo.engine.status.commit, 1);
    const { committed } = solo.receive(2n, { ...heartbeat, commitIndex: 3, commitEpoch: 2 }, { epoch: 4 });
    assert.equal(committed.length, 2);
  });

  it("by append only as far as the message proves the log, not to what was there before", () => {
    const solo = new Solo({ epochs: [2, 2, 2] });
    solo.append(2n, 3, first, [command(2, 2)], 4);
    assert.equal(solo.engine.status.commit, 2);
  });
});

describe("a follower's log", () => {
  // Scenario 7 [openraft docs/protocol/io_ordering.md].
  it("scenario 7: the new epoch is saved with, not after, the entries it came with; the answer waits for both", () => {
    const solo = new Solo();
    const { write, sent } = solo.append(2n, 4, first, [command(4, 2)]);
    assert.ok(write !== null && write.state !== null && write.entries.length === 1);
    const [answer] = ofType(sent, "appendResponse");
    assert.deepEqual([answer?.message.ok, answer?.message.index, answer?.after], [true, 2, write.number]);
  });

  // Scenario 31 [ER TestLogReplicationWithReorderedMessage, Progress.MaybeDecrTo].
  it("scenario 31: duplicated and reordered appends change nothing that is there", () => {
    const solo = new Solo();
    solo.append(2n, 2, first, [command(2, 2), command(2, 3), command(2, 4)]);
    const again = solo.append(2n, 2, first, [command(2, 2)]);
    assert.deepEqual([again.write, solo.engine.status.lastIndex], [null, 4]);
    assert.equal(ofType(again.sent, "appendResponse")[0]?.message.index, 2, "it answers for what it was asked");
    assert.equal(ofType(again.sent, "appendResponse")[0]?.after, 1, "and the first write is still under way");
  });

  // Scenario 32 [ER handleAppendEntries].
  it("scenario 32: an append that begins in what is committed is acknowledged as far as committed, and truncates nothing", () => {
    const solo = new Solo();
    solo.append(2n, 2, first, [command(2, 2), command(2, 3), command(2, 4)], 3);
    const { sent, write } = solo.append(2n, 2, first, [command(2, 2)]);
    assert.deepEqual([ofType(sent, "appendResponse")[0]?.message.index, write], [3, null]);
    solo.append(2n, 2, first, [command(2, 2), command(2, 3), command(2, 4), command(2, 5)]);
    assert.equal(solo.engine.status.lastIndex, 5);
  });

  it("scenario 32: entries that contradict what is committed are refused with a warning, never taken", () => {
    const solo = new Solo();
    solo.append(2n, 2, first, [command(2, 2), command(2, 3)], 3);
    const { notices, write } = solo.append(3n, 4, first, [command(3, 2), command(3, 3), command(3, 4)], 4);
    assert.ok(
      notices.some(({ level, message }) => level === "warn" && message.includes("contradict what is committed at 3")),
    );
    assert.deepEqual([solo.engine.status.commit, solo.engine.status.lastIndex, write?.truncateFrom], [3, 3, null]);
    assert.equal(solo.engine.entryAt(3)?.epoch, 2);
    assert.equal(solo.engine.status.droppedMessages, 1);
  });

  it("gives way to a newer leader's from the first difference on", () => {
    const solo = new Solo({ epochs: [2, 2, 2] });
    const { write } = solo.append(2n, 4, { index: 2, epoch: 2 }, [command(3, 3), command(4, 4)]);
    assert.deepEqual([write?.truncateFrom, write?.entries.map((entry) => entry.epoch)], [3, [3, 4]]);
  });

  it("refuses what does not join its own: another epoch at the place before", () => {
    const solo = new Solo({ epochs: [2, 2, 3, 3] });
    const { sent, write } = solo.append(2n, 5, { index: 4, epoch: 4 }, [command(5, 5)]);
    const [answer] = ofType(sent, "appendResponse");
    assert.deepEqual([answer?.message.ok, answer?.message.index], [false, 4]);
    assert.deepEqual([answer?.message.hintIndex, answer?.message.hintEpoch], [4, 3]);
    assert.deepEqual([write?.entries, write?.truncateFrom, solo.engine.status.lastIndex], [[], null, 5]);
  });

  // Scenario 37 [oxia-db/oxia#1239].
  it("scenario 37: an empty follower refuses what begins behind a gap", () => {
    const solo = new Solo({ voters: [] });
    const { sent, write } = solo.append(2n, 3, { index: 7, epoch: 3 }, [command(3, 8)]);
    const [answer] = ofType(sent, "appendResponse");
    assert.deepEqual([answer?.message.ok, answer?.message.hintIndex, answer?.message.lastIndex], [false, 0, 0]);
    assert.deepEqual([solo.engine.status.lastIndex, write?.entries.length], [0, 0]);
  });

  it("from a leader of the past is answered with the epoch that ended its time", () => {
    const solo = new Solo({ state: { epoch: 6 } });
    const { sent } = solo.append(2n, 4, first, [command(4, 2)]);
    assert.deepEqual([sent[0]?.envelope.epoch, ofType(sent, "appendResponse")[0]?.message.ok], [6, false]);
    assert.equal(solo.engine.status.leader, 0n);
  });

  it("two leaders of one epoch: the second is not believed", () => {
    const solo = new Solo();
    solo.append(2n, 4, first, [command(4, 2)]);
    const { notices } = solo.append(3n, 4, first, [command(4, 2, "other")]);
    assert.ok(notices.some(({ message }) => message.includes("claims to lead epoch 4")));
    assert.deepEqual([solo.engine.status.leader, solo.engine.entryAt(2)?.data], [2n, command(4, 2).data]);
  });

  // Scenario 33 [ER testdata/async_storage_writes_append_aba_race.txt].
  it("scenario 33: an entry that returns to the log is acknowledged only after its last write", () => {
    const solo = new Solo();
    const one = solo.append(2n, 2, first, [command(2, 2)]);
    const two = solo.append(3n, 3, first, [command(3, 2)]);
    const three = solo.append(2n, 4, first, [command(2, 2)]);
    assert.deepEqual([one.write?.number, two.write?.number, three.write?.number], [1, 2, 3]);
    assert.equal(ofType(three.sent, "appendResponse")[0]?.after, 3);
    solo.step({ type: "durable", write: 1 });
    assert.equal(solo.engine.status.durableIndex, 1);
    solo.step({ type: "durable", write: 3 });
    assert.equal(solo.engine.status.durableIndex, 2);
  });
});

describe("flow", () => {
  it("probes with one message, then sends a pipeline bounded in messages and in bytes", () => {
    const solo = new Solo({ options: { maxInflightMessages: 3, maxMessageBytes: 50, maxInflightBytes: 100_000 } });
    const won = solo.lead([2n, 3n]);
    assert.equal(ofType(won.sent, "append").filter(({ to }) => to === 2n).length, 1);
    solo.propose("a".repeat(40));
    assert.equal(ofType(solo.propose("b".repeat(40)).sent, "append").length, 0, "the probe is out");
    const opened = ofType(solo.ack(2n, 2).sent, "append");
    assert.deepEqual(
      opened.map(({ message }) => message.entries.length),
      [1, 1],
    );
    for (let i = 0; i < 5; i++) solo.propose("c".repeat(40));
    const peer = solo.engine.status.peers.get(2n);
    assert.deepEqual([peer?.state, peer?.inflightMessages, peer?.next], ["replicate", 3, 6]);
    assert.equal(ofType(solo.ack(2n, 3).sent, "append").length, 1, "one freed, one sent");

    const narrow = new Solo({ options: { maxInflightBytes: 100, maxMessageBytes: 60 } });
    narrow.settle();
    for (let i = 0; i < 5; i++) narrow.propose("d".repeat(40));
    assert.deepEqual(
      [narrow.engine.status.peers.get(2n)?.inflightBytes, narrow.engine.status.peers.get(2n)?.inflightMessages],
      [112, 2],
    );
  });

  it("what arrives in one turn travels in one message, marked as bulk", () => {
    const solo = new Solo();
    solo.settle();
    const { epoch } = solo.engine.status;
    for (let i = 0; i < 3; i++)
      solo.engine.step({ type: "propose", id: i, epoch, data: new Uint8Array([i]) }, solo.now);
    const { sent, messages, write, accepted } = solo.take();
    assert.deepEqual(
      ofType(sent, "append").map(({ message }) => message.entries.length),
      [3, 3],
    );
    assert.ok(messages.every(({ bulk }) => bulk));
    assert.equal(write?.entries.length, 3);
    assert.deepEqual(
      accepted,
      [3, 4, 5].map((index, id) => ({ id, epoch, index })),
    );
  });

  // Scenario 34 [ER testdata/replicate_pause.txt, heartbeat_resp_recovers_from_probing.txt].
  it("scenario 34: a full window that got lost entirely is re-opened by a heartbeat's answer", () => {
    const c = cluster({ engine: { maxInflightMessages: 3 } });
    const leader = c.elect();
    c.run(300);
    const lost = leader === 3n ? 2n : 3n;
    c.network.filter = (_from, to, message) => !(to === lost && message.type === "append");
    for (let i = 0; i < 20; i++) {
      c.propose(leader, new Uint8Array([i]));
      c.run(1);
    }
    assert.equal(c.engine(leader).status.peers.get(lost)?.inflightMessages, 3);
    c.network.filter = () => true;
    c.runUntil(() => c.agree([lost]), 500, "the follower catches up");
    c.run(5);
    assert.equal(c.engine(leader).status.peers.get(lost)?.state, "replicate");
  });

  it("scenario 34: lost messages are found out even when nothing more is proposed", () => {
    const c = cluster();
    const leader = c.elect();
    c.run(300);
    const lost = leader === 3n ? 2n : 3n;
    c.network.filter = (_from, to, message) => !(to === lost && message.type === "append");
    c.propose(leader, new Uint8Array([1]));
    c.run(1);
    c.network.filter = () => true;
    c.runUntil(() => c.agree([lost]), 500, "the follower catches up");
  });

  it("scenario 34: a broken link ends the pipeline, its return goes on", () => {
    const solo = new Solo();
    solo.settle();
    solo.propose();
    solo.step({ type: "linkLost", peer: 2n });
    assert.equal(solo.engine.status.peers.get(2n)?.state, "probe");
    assert.equal(ofType(solo.propose().sent, "append").filter(({ to }) => to === 2n).length, 0);
    const up = solo.step({ type: "linkUp", peer: 2n });
    const [resent] = ofType(up.sent, "append");
    assert.deepEqual([resent?.to, resent?.message.prevIndex, resent?.message.entries.length], [2n, 2, 2]);
  });

  // Scenario 31, the leader's side.
  it("scenario 31: late refusals and acknowledgements do not move a peer back", () => {
    const solo = new Solo();
    solo.settle();
    solo.propose();
    solo.ack(2n, 3);
    const refusal = {
      type: "appendResponse" as const,
      ok: false,
      session: 1,
      index: 2,
      hintIndex: 1,
      hintEpoch: 1,
      lastIndex: 1,
    };
    solo.receive(2n, refusal);
    solo.ack(2n, 2);
    const peer = solo.engine.status.peers.get(2n);
    assert.deepEqual([peer?.state, peer?.match, peer?.next], ["replicate", 3, 4]);
  });

  it("an acknowledgement of more than there is, or of a round that never was, is dropped", () => {
    const solo = new Solo();
    solo.settle();
    solo.ack(2n, 99);
    solo.receive(2n, { type: "heartbeatResponse", session: 1, round: 99, sentAt: 0, promiseMs: 0 });
    assert.deepEqual([solo.engine.status.peers.get(2n)?.match, solo.engine.status.droppedMessages], [2, 2]);
  });

  // Scenario 35 [ER TestFastLogRejection].
  it("scenario 35: long divergent tails take one probe an epoch", () => {
    // The leader has epochs 1 4 5 5 ..., the follower 1 2 2 ... 3 3 ...: they agree on entry 1 only.
    const epochs = [...Array<number>(40).fill(2), ...Array<number>(40).fill(3)];
    const leader = new Solo({ voters: [1n, 2n], epochs: [4, ...Array<number>(90).fill(5)], state: { epoch: 6 } });
    leader.lead([2n]);
    leader.sync();
    const follower = new Solo({ epochs, state: { epoch: 6 } });
    const { lastIndex } = leader.engine.status;
    let message: ReturnType<typeof lastAppend> = {
      type: "append",
      session: 1,
      prevIndex: lastIndex - 1,
      prevEpoch: 5,
      commit: 1,
      entries: [],
    };
    let probes = 0;
    for (;;) {
      const [answer] = ofType(follower.receive(2n, message, { epoch: 7 }).sent, "appendResponse");
      assert.ok(answer);
      if (answer.message.ok) break;
      probes++;
      message = lastAppend(leader.receive(2n, answer.message, { epoch: 7 }));
    }
    assert.equal(message.prevIndex, 1);
    assert.ok(probes <= 3, `${probes} probes`);
  });

  // Scenario 36 [ER TestRawNodeBoundedLogGrowthWithPartition].
  it("scenario 36: the uncommitted end of the log is bounded; a leader's first entry is never refused", () => {
    const c = cluster({ engine: { maxUncommittedBytes: 400 } });
    const leader = c.elect();
    c.run(300);
    c.isolate(leader);
    const calls = Array.from({ length: 50 }, () => c.propose(leader, new Uint8Array(50)));
    assert.ok(calls.slice(0, 6).every((call) => c.proposals.get(call) !== null));
    assert.equal(c.refusals.at(-1)?.reason, "too many uncommitted bytes");
    assert.ok(c.engine(leader).status.lastIndex < 10);
    c.run(5000);
    c.heal();
    c.run(1000);
    const call = c.propose(c.elect(), new Uint8Array(50));
    c.run(100);
    assert.ok(c.isCommitted(call));

    const full = new Solo({ options: { maxUncommittedBytes: 10 }, epochs: [1, 1, 1] });
    full.lead();
    assert.equal(full.engine.status.lastIndex, 5, "the no-op is there although three entries wait");
    assert.equal(full.propose("y".repeat(20)).refused[0]?.reason, "too many uncommitted bytes");
    full.sync();
    full.ack(2n, 5);
    assert.equal(full.propose("y".repeat(20)).refused.length, 0, "one proposal alone may exceed it");
  });

  it("refuses proposals with the reason", () => {
    const solo = new Solo();
    assert.equal(solo.propose().refused[0]?.reason, "not leader");
    solo.settle();
    const stale = solo.step({ type: "propose", id: 4, epoch: 1, data: new Uint8Array(1) });
    assert.deepEqual(
      stale.refused.map(({ id, reason }) => [id, reason]),
      [[4, "stale epoch"]],
    );
  });
});

function lastAppend(effects: ReturnType<Solo["take"]>) {
  const found = ofType(effects.sent, "append").at(-1);
  assert.ok(found, "an append is sent");
  return found.message;
}

describe("a peer that restarts", () => {
  // Scenario 25 [etcd#20269, #13509, #10166].
  it("scenario 25: with a wiped disk is noticed, its old acknowledgements are void, and it is brought up again", () => {
    const c = cluster({ checkDurable: false });
    const leader = c.elect();
    for (let i = 0; i < 10; i++) c.propose(leader, new Uint8Array([i]));
    c.run(300);
    const wiped = leader === 3n ? 2n : 3n;
    const other = [1n, 2n, 3n].find((id) => id !== leader && id !== wiped) ?? 0n;
    c.crash(wiped);
    Object.assign(c.member(wiped).disk, { entries: [], state: null });
    c.properties.lost(wiped);
    c.start(wiped);
    let seen = false;
    c.runUntil(
      () => {
        const peer = c.engine(leader).status.peers.get(wiped);
        seen ||= peer?.lostData === true;
        return seen && peer?.lostData === false && c.agree([wiped]);
      },
      2000,
      "noticed and brought up again",
    );
    assert.ok(c.notices.some(({ notice }) => notice.message.includes("came back without entries it had acknowledged")));

    // While it does not hold them, nothing commits on the strength of what it once said.
    c.crash(wiped);
    Object.assign(c.member(wiped).disk, { entries: [], state: null });
    c.properties.lost(wiped);
    c.network.filter = (_from, to, message) => !(to === wiped && message.type === "append" && message.lastEntry > 0);
    c.start(wiped);
    c.crash(other);
    const call = c.propose(leader, new Uint8Array([1]));
    c.run(500);
    assert.ok(!c.isCommitted(call));
    assert.equal(c.engine(leader).status.peers.get(wiped)?.match, 0);
  });

  it("scenario 25: with a rolled-back disk is noticed, too", () => {
    const c = cluster({ checkDurable: false });
    const leader = c.elect();
    for (let i = 0; i < 10; i++) c.propose(leader, new Uint8Array([i]));
    c.run(300);
    const back = leader === 3n ? 2n : 3n;
    c.crash(back);
    c.member(back).disk.entries.splice(4);
    c.properties.lost(back);
    c.start(back);
    c.runUntil(() => c.agree([back]), 2000, "brought up again");
    assert.ok(c.notices.some(({ notice }) => notice.message.includes("came back without entries")));
  });

  it("scenario 25: an acknowledgement of its former life, late, counts for nothing", () => {
    const solo = new Solo({ voters: [1n, 2n] });
    solo.settle([2n]);
    solo.propose();
    solo.sync();
    const response = { type: "heartbeatResponse" as const, session: 1, round: 0, sentAt: 0, promiseMs: 0 };
    solo.receive(2n, response, { incarnation: 8 });
    assert.equal(solo.engine.status.peers.get(2n)?.match, 0);
    solo.ack(2n, 3);
    assert.deepEqual([solo.engine.status.peers.get(2n)?.match, solo.engine.status.commit], [0, 2]);
    solo.sessions.set(2n, 2);
    solo.ack(2n, 3, { incarnation: 8 });
    assert.equal(solo.engine.status.commit, 3);
    solo.propose();
    solo.sync();
    // The former life's voice in the present session would mean another restart; in an older one it is an echo.
    solo.sessions.set(2n, 1);
    solo.ack(2n, 4, { incarnation: 7 });
    assert.deepEqual([solo.engine.status.peers.get(2n)?.match, solo.engine.status.commit], [3, 3]);
  });

  it("with a sound disk goes on where it was, after one question", () => {
    const c = cluster();
    const leader = c.elect();
    for (let i = 0; i < 10; i++) c.propose(leader, new Uint8Array([i]));
    c.run(300);
    const peer = leader === 3n ? 2n : 3n;
    c.restart(peer);
    c.run(400);
    const progress = c.engine(leader).status.peers.get(peer);
    assert.deepEqual(
      [progress?.state, progress?.match, progress?.lostData],
      ["replicate", c.engine(leader).status.lastIndex, false],
    );
    assert.ok(!c.notices.some(({ notice }) => notice.message.includes("came back without")));
  });
});

describe("a member that cannot prove what it acknowledged", () => {
  it("neither votes nor stands nor counts, until a quorum without it has vouched for what it holds", () => {
    const c = cluster({ checkDurable: false, voters: [1n, 2n, 3n] });
    const leader = c.elect();
    for (let i = 0; i < 10; i++) c.propose(leader, new Uint8Array([i]));
    c.run(300);
    const [damaged = 0n, other = 0n] = [1n, 2n, 3n].filter((id) => id !== leader);
    c.crash(damaged);
    c.member(damaged).disk.entries.splice(5);
    c.properties.lost(damaged);
    c.member(damaged).disk.untrusted = true;
    c.crash(other);
    c.start(damaged);
    const call = c.propose(leader, new Uint8Array([9]));
    c.run(800);
    assert.deepEqual([c.engine(damaged).status.untrusted, c.isCommitted(call)], [true, false]);
    c.run(5000);
    assert.equal(c.leader, 0n, "a leader and a member that does not count are no quorum");
    c.start(other);
    c.runUntil(() => !c.engine(damaged).status.untrusted, 10_000, "trusted again");
    c.run(300);
    assert.ok(c.agree([1n, 2n, 3n]));
    // And it stays so after a restart.
    c.member(damaged).disk.untrusted = false;
    c.restart(damaged);
    assert.equal(c.engine(damaged).status.untrusted, false);
    c.crash(leader);
    c.elect();
  });

  it("remembers it over a further restart, whatever the storage says then", () => {
    const solo = new Solo({ start: { untrusted: true } });
    const { write } = solo.take();
    const again = new Solo({ start: { state: write?.state ?? null } });
    assert.equal(again.engine.status.untrusted, true);
    for (let i = 0; i < 200; i++) again.tick(25);
    assert.equal(again.engine.status.role, "follower");
    const vote = again.receive(2n, { type: "vote", lastIndex: 9, lastEpoch: 9, transfer: true }, { epoch: 9 });
    assert.deepEqual(vote.sent[0]?.message, { type: "voteResponse", granted: false });
  });

  it("is not vouched for by a message meant for its former life", () => {
    const solo = new Solo({ start: { untrusted: true } });
    const heartbeat = {
      type: "heartbeat" as const,
      session: 1,
      round: 1,
      sentAt: 0,
      answer: true,
      commitIndex: 1,
      commitEpoch: 1,
    };
    solo.receive(2n, { ...heartbeat, toIncarnation: 12345, trusted: true }, { epoch: 2 });
    assert.equal(solo.engine.status.untrusted, true);
  });
});
