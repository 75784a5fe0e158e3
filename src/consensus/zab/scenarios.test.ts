/**
 * Known ways in which Zab, or what was made of it, went wrong. Each is named with where it is from; what must come of it is
 * asserted here, and the safety properties look on wherever a whole group takes part.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MemberId } from "../../environment.ts";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { decodeHardState } from "./hard-state.ts";
import { zabKind, zabWith } from "./kind.ts";
import { command, ofType, Solo } from "./testing/solo.ts";

const three: readonly MemberId[] = [1n, 2n, 3n];
const group = (options: Partial<ClusterOptions> = {}): Cluster =>
  new Cluster(zabKind, { seed: 11, voters: three, reportLinks: true, ...options });
const say = (cluster: Cluster, id: MemberId, ...values: readonly number[]): number[] =>
  values.map((value) => cluster.propose(id, new Uint8Array([value])));
const others = (ids: readonly MemberId[], ...without: readonly MemberId[]): MemberId[] =>
  ids.filter((id) => !without.includes(id));
const logOf = (cluster: Cluster, id: MemberId): string[] => {
  const { engine } = cluster.member(id);
  const { firstIndex, lastIndex } = cluster.engine(id).status;
  const words: string[] = [];
  for (let index = firstIndex; index <= lastIndex; index++) words.push(`${engine?.entryAt(index)?.epoch}/${index}`);
  return words;
};
/** All come to hold the same. */
const agree = (cluster: Cluster, ids: readonly MemberId[] = three): void => {
  cluster.run(200);
  cluster.runUntil(() => cluster.agree(ids), 10_000, "all have applied what is committed");
  const [first = "", ...rest] = ids.map((id) => logOf(cluster, id).join(" "));
  for (const log of rest) assert.equal(log, first);
};

describe("order on disk", () => {
  it("acknowledges NEWLEADER only when the history it names is durable [ZOOKEEPER-3911, -4646, -4685]", () => {
    const solo = new Solo();
    solo.invite(2n, 2);
    solo.sync();
    const history = [command(1, 2), command(1, 3)];
    const first = solo.stream(2n, 2, { counter: 0, prevIndex: 1, prevEpoch: 1, entries: history });
    const last = solo.stream(2n, 2, { counter: 1, prevIndex: 3, prevEpoch: 1, newLeader: true });
    const [adopted] = ofType(last.sent, "ack");
    assert.deepEqual([adopted?.message.adopted, adopted?.after], [true, last.write?.number]);
    assert.ok((first.write?.number ?? 9) < (last.write?.number ?? 0), "the history was written before");
  });

  it("keeps the old current epoch until the history is there; a crash between loses nothing [ZOOKEEPER-4643]", () => {
    const solo = new Solo({ epochs: [1, 1] });
    solo.invite(2n, 3);
    const { write } = solo.stream(2n, 3, { counter: 0, prevIndex: 1, prevEpoch: 1, entries: [command(2, 2)] });
    assert.deepEqual([write?.truncateFrom, write?.state], [2, null]);
    const { currentEpoch, acceptedEpoch } = decodeHardState(solo.state);
    assert.deepEqual([currentEpoch, acceptedEpoch], [1, 3]);
    // It comes back with what it has, under the epoch that it had adopted: any member of epoch 2 goes before it.
    const reborn = new Solo({ start: { state: solo.state, entries: solo.disk } });
    const [, , vote] = [reborn.take(), null, ofType(reborn.look().sent, "notification")[0]];
    assert.deepEqual(vote?.message.vote.history, { epoch: 1, last: { epoch: 2, index: 2 } });
  });

  it("holds while disks are slow and members die in the middle of a synchronisation", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const cluster = group({ seed });
      const leader = cluster.elect();
      say(cluster, leader, 1, 2, 3);
      for (const id of three) cluster.member(id).diskDelayMs = 5 + (seed % 7);
      cluster.crash(leader, "some");
      cluster.run(1 + (seed % 29));
      const next = others(three, leader)[seed % 2] ?? 1n;
      cluster.crash(next, "some");
      cluster.start(leader);
      cluster.start(next);
      say(cluster, cluster.elect(), 4);
      agree(cluster);
    }
  });
});

describe("the findings of the specification project", () => {
  it("1: a follower that joins during writes misses none of them", () => {
    const cluster = group({ joiners: [4n] });
    const leader = cluster.elect();
    cluster.reconfigure(leader, { set: [{ id: 4n, role: "voter" }], remove: [] });
    for (let i = 0; i < 60; i++) {
      say(cluster, leader, i);
      cluster.run(0.7);
    }
    agree(cluster, [...three, 4n]);
  });

  it("2: a doubled proposal changes nothing", () => {
    const cluster = group();
    cluster.network.duplicateRate = 1;
    const calls = say(cluster, cluster.elect(), 1, 2, 3);
    cluster.run(200);
    for (const call of calls) assert.ok(cluster.isCommitted(call));
    agree(cluster);
  });

  it("3: who adopts late is told the newest commit, not the one of the history it was sent", () => {
    const solo = new Solo();
    solo.settle([2n]);
    solo.accept(3n, { epoch: 1, last: { epoch: 1, index: 1 } }, { counts: false });
    solo.propose();
    solo.sync();
    solo.ack(2n, 3);
    const [uptodate] = ofType(solo.ack(3n, 2).sent, "ping");
    assert.equal(uptodate?.message.commitIndex, 3);
  });
});

describe("a follower that is ahead", () => {
  /** The leader writes more than it can send, and dies. */
  function ahead(cluster: Cluster): MemberId {
    const leader = cluster.elect();
    cluster.run(300);
    cluster.isolate(leader);
    say(cluster, leader, 7, 8, 9);
    cluster.run(10);
    cluster.crash(leader);
    cluster.heal();
    return leader;
  }

  it("is cut back within its epoch when a quorum without it goes on", () => {
    const cluster = group();
    const old = ahead(cluster);
    const leader = cluster.elect();
    assert.notEqual(leader, old);
    const tail = cluster.member(old).disk.entries.length;
    cluster.start(old);
    agree(cluster);
    assert.ok(cluster.engine(old).status.lastIndex < tail + 1, "what nobody else had is gone");
  });

  it("is cut back across epochs, to the last entry they share and no further [testCrossEpochTrunc, testNewEpochZxid]", () => {
    const cluster = group({ seed: 12 });
    const first = ahead(cluster);
    const second = cluster.elect();
    cluster.run(300);
    // The second leader's epoch has an entry on its own disk only, too, and the third member goes on with the first.
    cluster.isolate(second);
    say(cluster, second, 5);
    cluster.run(10);
    cluster.crash(second);
    cluster.heal();
    cluster.start(first);
    const third = cluster.elect();
    say(cluster, third, 6);
    cluster.start(second);
    agree(cluster);
  });

  it("comes to lead, when it is heard: what it has alone is then everybody's", () => {
    const cluster = group();
    const old = ahead(cluster);
    const [one = 0n, two = 0n] = others(three, old);
    cluster.crash(one);
    cluster.crash(two);
    cluster.start(old);
    cluster.start(one);
    const before = cluster.engine(old).status.lastIndex;
    assert.equal(cluster.elect(), old);
    cluster.start(two);
    agree(cluster);
    assert.ok(cluster.committed >= before);
  });
});

describe("sessions", () => {
  it("a gap costs a new session, not an election [ZOOKEEPER-4925: a hole was passed on]", () => {
    const cluster = group();
    const leader = cluster.elect();
    const [deaf = 0n] = others(three, leader);
    const { epoch } = cluster.engine(leader).status;
    let lost = 0;
    cluster.network.filter = (from, to, { type }) => {
      if (from !== leader || to !== deaf || type !== "propose" || lost > 0) return true;
      lost++;
      return false;
    };
    for (let i = 0; i < 20; i++) {
      say(cluster, leader, i);
      cluster.run(3);
    }
    assert.equal(lost, 1);
    agree(cluster);
    assert.deepEqual([cluster.leader, cluster.engine(leader).status.epoch], [leader, epoch]);
  });

  it("the end of a stream that got lost is found by the next heartbeats", () => {
    const cluster = group();
    const leader = cluster.elect();
    const [deaf = 0n] = others(three, leader);
    cluster.network.filter = (_from, to, { type }) => to !== deaf || type !== "propose";
    say(cluster, leader, 1);
    cluster.run(20);
    cluster.network.filter = () => true;
    cluster.run(350);
    assert.equal(cluster.engine(deaf).status.commit, cluster.committed);
  });

  it("a peer that leaves and comes back is not taken for an outdated one", () => {
    const cluster = group();
    const leader = cluster.elect();
    const [away = 0n] = others(three, leader);
    // Some sessions, so that the number is not the first.
    for (let i = 0; i < 3; i++) {
      cluster.restart(away);
      cluster.run(300);
    }
    cluster.reconfigure(leader, { set: [], remove: [away] });
    cluster.run(6_000);
    cluster.reconfigure(leader, { set: [{ id: away, role: "voter" }], remove: [] });
    say(cluster, leader, 1, 2);
    agree(cluster);
  });

  it("a hole after a disk that forgot what it acknowledged is filled, and its vote does not count [ZOOKEEPER-4882]", () => {
    const cluster = group({ checkDurable: false });
    const leader = cluster.elect();
    const [forgetful = 0n] = others(three, leader);
    say(cluster, leader, 1, 2, 3);
    agree(cluster);
    cluster.crash(forgetful);
    const { disk } = cluster.member(forgetful);
    disk.entries.splice(disk.entries.length - 2);
    disk.untrusted = true;
    cluster.properties.lost(forgetful);
    cluster.start(forgetful);
    assert.equal(cluster.engine(forgetful).status.untrusted, true);
    cluster.runUntil(() => !cluster.engine(forgetful).status.untrusted, 5_000, "it is trusted again");
    agree(cluster);
  });
});

describe("epochs", () => {
  it("the counter of an epoch is used up: the next begins, under the same leader, and loses nothing [ZOOKEEPER-1277]", () => {
    const cluster = new Cluster(zabWith({ entriesPerEpoch: 5 }), { seed: 13, voters: three, reportLinks: true });
    const leader = cluster.elect();
    const { epoch } = cluster.engine(leader).status;
    const calls: number[] = [];
    for (let i = 0; i < 20; i++) {
      const acting = cluster.elect();
      calls.push(...say(cluster, acting, i));
      cluster.run(20);
    }
    cluster.elect();
    const taken = calls.filter((call) => cluster.proposals.get(call) !== null);
    assert.ok(taken.length >= 15 && taken.every((call) => cluster.isCommitted(call)));
    assert.equal(cluster.leader, leader);
    assert.ok(cluster.engine(leader).status.epoch >= epoch + 3);
    agree(cluster);
    const counts = new Map<string, number>();
    for (const zxid of logOf(cluster, leader)) {
      const [of = ""] = zxid.split("/");
      counts.set(of, (counts.get(of) ?? 0) + 1);
    }
    assert.ok([...counts.values()].every((count) => count <= 5));
  });

  it("a leader that comes back late commits nothing, and tells nobody anything", () => {
    const cluster = group();
    const old = cluster.elect();
    cluster.run(300);
    cluster.pause(old);
    for (const id of others(three, old)) cluster.feed(id, { type: "linkLost", peer: old });
    cluster.runUntil(() => cluster.leader !== old, 5_000, "another leads");
    const next = cluster.elect();
    const [call = 0] = say(cluster, next, 1);
    cluster.run(100);
    const before = cluster.committed;
    cluster.resume(old);
    const [stale = 0] = say(cluster, old, 2);
    cluster.run(1_000);
    assert.deepEqual([cluster.isCommitted(call), cluster.isCommitted(stale)], [true, false]);
    assert.deepEqual([cluster.leader, cluster.committed], [next, before]);
    agree(cluster);
  });

  it("a member that is stuck ahead, in an epoch that nobody leads, is brought back by a new epoch", () => {
    const cluster = group();
    const leader = cluster.elect();
    const [stuck = 0n] = others(three, leader);
    cluster.crash(stuck);
    const state = decodeHardState(cluster.member(stuck).disk.state ?? new Uint8Array(0));
    const solo = new Solo({ state: { ...state, acceptedEpoch: 40, acceptedFrom: 3n } });
    solo.invite(2n, 41);
    cluster.member(stuck).disk.state = solo.state;
    cluster.properties.lost(stuck);
    cluster.start(stuck);
    cluster.runUntil(() => (cluster.member(stuck).engine?.status.leader ?? 0n) !== 0n, 10_000, "it is led");
    assert.ok(cluster.engine(stuck).status.epoch > 41);
    agree(cluster);
  });

  it("two who prepare the same epoch: one is established, the other follows it into the same epoch", () => {
    const solo = new Solo();
    solo.prepare([2n]);
    const { epoch } = solo.engine.status;
    assert.equal(ofType(solo.invite(3n, epoch).sent, "ackEpoch").length, 0);
    assert.equal(solo.engine.status.role, "candidate");
    const [ack] = ofType(solo.invite(3n, epoch, { leads: true }).sent, "ackEpoch");
    assert.equal(ack?.message.counts, false);
    assert.deepEqual([solo.engine.status.role, solo.engine.status.leader], ["follower", 3n]);
  });
});

describe("elections", () => {
  it("elects again with equal histories, every time, and each epoch begins with an entry of its own", () => {
    const cluster = group();
    for (let round = 0; round < 6; round++) {
      const leader = cluster.elect();
      cluster.crash(leader);
      cluster.elect();
      cluster.start(leader);
      cluster.run(500);
    }
    agree(cluster);
    const epochs = logOf(cluster, 1n).map((zxid) => zxid.split("/")[0]);
    assert.equal(new Set(epochs).size, epochs.length);
  });

  it("a leader in a minority gives up, and what it took alone is replaced", () => {
    const ids = [1n, 2n, 3n, 4n, 5n];
    const cluster = group({ voters: ids, reportLinks: false });
    const old = cluster.elect();
    cluster.run(500);
    const minority = [old, others(ids, old)[0] ?? 0n];
    for (const a of minority) for (const b of others(ids, ...minority)) cluster.cutBetween(a, b);
    const [lost = 0] = say(cluster, old, 9);
    cluster.run(5_000);
    assert.notEqual(cluster.engine(old).status.role, "leader");
    const next = cluster.leader;
    assert.ok(!minority.includes(next));
    const [kept = 0] = say(cluster, next, 1);
    cluster.run(100);
    cluster.heal();
    agree(cluster, ids);
    assert.deepEqual([cluster.isCommitted(kept), cluster.isCommitted(lost)], [true, false]);
  });

  it("the best history on a member that is only heard does not keep the others from electing", () => {
    const cluster = group({ reportLinks: false });
    const leader = cluster.elect();
    const [best = 0n] = others(three, leader).toReversed();
    cluster.crash(leader);
    // It says that it should lead, and hears no answer.
    for (const id of three) if (id !== best) cluster.network.cutOneWay(id, best);
    cluster.start(leader);
    cluster.runUntil(() => cluster.leader !== 0n && cluster.leader !== best, 30_000, "others elect a leader");
  });

  it("a leader that is heard, but hears nobody, gives up [Howard and Abraham 2020]", () => {
    const cluster = group({ reportLinks: false });
    const leader = cluster.elect();
    cluster.run(500);
    for (const id of others(three, leader)) cluster.network.cutOneWay(id, leader);
    cluster.runUntil(() => cluster.leader !== leader && cluster.leader !== 0n, 20_000, "another leads");
  });

  it("a leader is not kept in office by members that look for one because they do not hear it", () => {
    const cluster = group({ reportLinks: false });
    const leader = cluster.elect();
    cluster.run(500);
    const [mute = 0n, deaf = 0n] = others(three, leader);
    cluster.network.cutOneWay(leader, deaf);
    cluster.run(3_000);
    assert.equal(cluster.engine(deaf).status.role, "preCandidate");
    cluster.network.cutOneWay(mute, leader);
    cluster.runUntil(() => cluster.leader !== leader && cluster.leader !== 0n, 20_000, "another leads");
  });

  it("a leader that hears a quorum only with a stalled disk makes room for one without", () => {
    const ids = [1n, 2n, 3n, 4n, 5n];
    const cluster = group({ voters: ids, reportLinks: false });
    const leader = cluster.elect();
    cluster.run(500);
    const [stalled = 0n, mute = 0n, deaf = 0n] = others(ids, leader);
    cluster.member(stalled).diskDelayMs = Number.POSITIVE_INFINITY;
    cluster.network.cutOneWay(mute, leader);
    cluster.network.cutOneWay(leader, deaf);
    say(cluster, leader, 1);
    cluster.runUntil(() => cluster.leader !== leader && cluster.leader !== 0n, 30_000, "another leads");
    const [call = 0] = say(cluster, cluster.elect(), 2);
    cluster.run(500);
    assert.ok(cluster.isCommitted(call));
  });

  it("a leader that is voted out hands over, and one that was removed disturbs nobody", () => {
    const cluster = group();
    const old = cluster.elect();
    cluster.reconfigure(old, { set: [], remove: [old] });
    const rest = others(three, old);
    cluster.runUntil(() => rest.includes(cluster.leader), 5_000, "one of the others leads");
    const next = cluster.elect();
    const { epoch } = cluster.engine(next).status;
    assert.deepEqual(cluster.engine(next).status.membership.voters, rest);
    cluster.restart(old);
    cluster.run(10_000);
    assert.deepEqual([cluster.leader, cluster.engine(next).status.epoch], [next, epoch]);
    say(cluster, next, 1);
    agree(cluster, rest);
  });
});
