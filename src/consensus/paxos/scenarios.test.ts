/**
 * Named cases: failures of other systems, and the corners of this one's rules (docs/internals/paxos.md). Where a number is
 * named it is that of the collection in ../scenarios/README.md.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MemberId } from "../../environment.ts";
import { QuorateError } from "../../errors.ts";
import { EntryKind } from "../engine.ts";
import { createMembership } from "../membership.ts";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { decodeHardState } from "./hard-state.ts";
import { paxosKind } from "./kind.ts";
import type { Message } from "./messages.ts";
import type { Paxos } from "./paxos.ts";
import { change, command, noop, ofType, reported, Solo } from "./testing/paxos-solo.ts";

function cluster(options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster(paxosKind, { seed: 7, voters: [1n, 2n, 3n], ...options });
}

function put(c: Cluster, id: MemberId, text: string): number {
  return c.propose(id, new TextEncoder().encode(text));
}

const text = (c: Cluster, id: MemberId, index: number): string => {
  const entry = c.engine(id).entryAt(index);
  return entry?.kind === EntryKind.command ? new TextDecoder().decode(entry.data) : "";
};

describe("54 phase 1", () => {
  it("a restart never uses a round again", () => {
    const solo = new Solo();
    const prepares = ofType(solo.stand().sent, "prepare");
    const { epoch } = solo.engine.status;
    assert.equal(prepares.length, 2);
    // Not said before it is on disk.
    assert.ok(prepares.every(({ after }) => after > 0));
    const state = { round: epoch, proposer: 1n };
    const again = new Solo({ state });
    again.stand();
    assert.equal(again.engine.status.epoch, epoch + 1);
  });

  it("its own promise counts when it is durable, and a repeated one once", () => {
    const solo = new Solo({ voters: [1n, 2n, 3n, 4n, 5n] });
    solo.stand([2n, 3n]);
    solo.promise(2n);
    solo.promise(2n);
    solo.promise(3n);
    assert.equal(solo.engine.status.role, "candidate");
    solo.sync();
    assert.equal(solo.engine.status.role, "leader");
  });

  it("a promise in parts counts when all are there: one that got lost is asked for again", () => {
    const solo = new Solo();
    solo.stand();
    solo.sync();
    const first = 2;
    const part = (reply: number, number: number, from: number): Message => ({
      type: "promise",
      first,
      decided: 1,
      reply,
      part: number,
      parts: 2,
      from,
      slots: [reported(command(1, from), 1)],
    });
    // In any order; what belongs to another reply does not complete it.
    solo.receive(2n, part(1, 1, 3));
    solo.receive(2n, part(2, 0, 2));
    assert.equal(solo.engine.status.role, "candidate");
    const asked = solo.tick(120).sent;
    assert.deepEqual(
      ofType(asked, "prepare").map(({ to }) => to),
      [2n, 3n],
    );
    solo.receive(2n, part(1, 1, 3));
    assert.equal(solo.engine.status.role, "candidate");
    solo.receive(2n, part(2, 1, 3));
    assert.equal(solo.engine.status.role, "leader");
    assert.deepEqual(solo.slots, ["1/2", "1/3", "=2/4"]);
  });

  it("parts of a promise that get lost on the way hold nobody up for long", () => {
    const c = cluster({ engine: { maxMessageBytes: 64 } });
    const old = c.elect();
    c.network.filter = (_from, _to, { type }) => type !== "accepted";
    for (let i = 0; i < 6; i++) put(c, old, `value number ${i} of six`);
    c.run(50);
    c.network.filter = () => true;
    c.crash(old);
    c.network.lossRate = 0.4;
    const leader = c.elect(60_000);
    c.network.lossRate = 0;
    c.runUntil(() => c.agree([...c.members.keys()].filter((id) => id !== old)), 5_000, "all agree");
    assert.equal(text(c, leader, c.committed - 1), "value number 5 of six");
  });

  it("reports are merged by slot, wherever each begins", () => {
    // OCons#21: member 2 has decided up to 3, so what it reports of slot 4 is the fourth slot, not the third.
    const solo = new Solo({ slots: [[1, 1]] });
    solo.stand();
    solo.sync();
    const effects = solo.promise(2n, {
      first: 2,
      decided: 3,
      slots: [reported(command(1, 2), 0), reported(command(1, 3), 0), reported(command(1, 4), 1)],
    });
    assert.deepEqual(solo.slots, ["1/2", "1/3", "1/4", "=2/5"]);
    assert.deepEqual(
      effects.committed.map(({ index }) => index),
      [2, 3],
    );
  });

  it("the value of the highest round is chosen, in gaps there are no-ops", () => {
    const solo = new Solo({ slots: [[2, 2], null, [3, 3]], state: { round: 4 } });
    solo.stand();
    solo.sync();
    solo.promise(3n, { slots: [reported(command(2, 2, "newer"), 4)] });
    assert.deepEqual(solo.slots, ["2/2", "=2/3", "3/4", "=5/5"]);
    assert.equal(new TextDecoder().decode(solo.engine.entryAt(2)?.data), "newer");
  });

  it("a wiped or damaged acceptor promises nothing (palantir/atlasdb#1508)", () => {
    const solo = new Solo({ start: { untrusted: true } });
    assert.equal(ofType(solo.prepare(2n, 9, 2).sent, "nack").length, 1);
    for (let i = 0; i < 200; i++) solo.tick(25);
    assert.equal(solo.engine.status.role, "follower");
  });

  // Simulator, seed 200596: a damaged log ended before the write that replaced a hole, and the state was newer.
  it("a log that lost its last writes is not believed to hold what was decided", () => {
    const solo = new Solo({ slots: [[1, 1], null, [1, 1]], state: { decided: 4 }, start: { untrusted: true } });
    assert.deepEqual([solo.engine.status.commit, solo.take().committed], [0, []]);
    // The leader's word for these slots is.
    solo.accept(2n, 2, [change(1, 1, createMembership([1n, 2n, 3n])), command(1, 2), command(2, 3)], 3);
    assert.deepEqual(solo.slots.slice(0, 2), ["1/2", "2/3"]);
    assert.equal(solo.engine.status.commit, 3);
  });

  it("who asks for what is forgotten here has to be brought forward first", () => {
    const membership = createMembership([1n, 2n, 3n]);
    const snapshot = { index: 9, epoch: 1, membership };
    const solo = new Solo({ start: { snapshot, entries: [] } });
    assert.equal(ofType(solo.prepare(2n, 9, 9).sent, "nack").length, 1);
    assert.equal(ofType(solo.prepare(3n, 10, 10).sent, "promise").length, 1);
  });
});

describe("54 duels", () => {
  it("end: who meets a higher round steps back for a random time", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const c = cluster({ seed, voters: [1n, 2n, 3n, 4n, 5n] });
      // All time out together, again and again.
      for (const id of c.members.keys()) {
        for (const peer of c.members.keys()) if (peer !== id) c.feed(id, { type: "linkUp", peer });
      }
      c.elect(10_000);
      assert.ok(c.engine(c.leader).status.epoch < 8, `seed ${seed} took ${c.engine(c.leader).status.epoch} rounds`);
    }
  });

  it("a nack ends a candidacy and shows the round to go above", () => {
    const solo = new Solo();
    solo.stand();
    solo.sync();
    solo.receive(3n, { type: "nack", asked: solo.engine.status.epoch }, { round: 9 });
    assert.deepEqual([solo.engine.status.role, solo.engine.status.epoch], ["follower", 9]);
    solo.stand();
    assert.equal(solo.engine.status.epoch, 10);
  });

  it("refused in its own round, it goes on while a quorum may still promise", () => {
    const solo = new Solo({ voters: [1n, 2n, 3n, 4n, 5n] });
    solo.stand([2n, 3n]);
    solo.sync();
    const asked = solo.engine.status.epoch;
    solo.receive(2n, { type: "nack", asked });
    solo.receive(3n, { type: "nack", asked });
    assert.equal(solo.engine.status.role, "candidate");
    solo.receive(4n, { type: "nack", asked });
    assert.equal(solo.engine.status.role, "follower");
  });

  it("a member that comes back does not depose a working leader", () => {
    const c = cluster();
    const leader = c.elect();
    const lonely = [...c.members.keys()].find((id) => id !== leader) as MemberId;
    const { epoch } = c.engine(leader).status;
    c.isolate(lonely);
    c.run(20_000);
    c.heal();
    c.run(5_000);
    assert.deepEqual([c.leader, c.engine(leader).status.epoch], [leader, epoch]);
  });

  it("a link lost between two of them does not bring leaders down in turn", () => {
    const c = cluster();
    const leader = c.elect();
    const [a] = [...c.members.keys()].filter((id) => id !== leader) as [MemberId];
    c.cutBetween(a, leader);
    c.run(30_000);
    assert.equal(c.engine(c.leader).status.epoch, c.engine(leader).status.epoch);
  });
});

describe("slots", () => {
  it("what got lost is sent again, alone, and nothing twice", () => {
    const c = cluster({ voters: [1n, 2n, 3n] });
    const leader = c.elect();
    const [deaf] = [...c.members.keys()].filter((id) => id !== leader) as [MemberId];
    let lost = 0;
    const sent: number[] = [];
    c.network.filter = (from, to, { type, lastEntry }) => {
      if (from !== leader || to !== deaf || type !== "accept") return true;
      sent.push(lastEntry);
      return lost++ !== 0;
    };
    const before = c.committed;
    for (const value of ["a", "b", "c"]) {
      put(c, leader, value);
      c.run(5);
    }
    // The two of which the leader hears decide; the third has a hole.
    assert.equal(c.engine(deaf).entryAt(before + 1)?.kind, EntryKind.hole);
    assert.equal(c.engine(deaf).status.commit, before);
    c.runUntil(() => c.agree([deaf]), 500, "the hole is filled");
    assert.deepEqual(sent, [before + 1, before + 2, before + 3, before + 1]);
  });

  it("a hole outlives a crash and is filled then", () => {
    const solo = new Solo();
    const { write } = solo.accept(2n, 5, [command(5, 3)]);
    const entries = [solo.engine.entryAt(1), ...(write?.entries ?? [])].filter((entry) => entry !== null);
    const again = new Solo({ start: { state: write?.state as Uint8Array, entries } });
    assert.deepEqual([again.slots, again.engine.status.epoch], [["-", "5/3"], 5]);
    // Nobody is told of a value there.
    const [promise] = ofType(again.prepare(3n, 6, 2).sent, "promise");
    assert.deepEqual(
      promise?.message.slots.map(({ entry, round }) => [entry.kind, round]),
      [
        [EntryKind.hole, 0],
        [EntryKind.command, 5],
      ],
    );
    const filled = again.accept(3n, 6, [noop(6, 2)], 3);
    // Slot 3 was proposed in round 5, before slot 2 in round 6: it was not chosen.
    assert.deepEqual([again.slots, filled.committed.length], [["=6/2"], 1]);
  });

  it("a decided index proves nothing across ballots", () => {
    // Member 3 accepted "old" of round 2 in slot 2; leader 3 decides another value there.
    const solo = new Solo({ slots: [[2, 2]] });
    solo.take();
    const beat = { session: 1, toIncarnation: 0, beat: 1, sentAt: 0, answer: false, trusted: false } as const;
    assert.deepEqual(solo.receive(2n, { type: "heartbeat", decided: 2, ...beat }, { round: 3 }).committed, []);
    const given = solo.accept(2n, 3, [noop(3, 2)], 2).committed;
    assert.deepEqual(given, [noop(3, 2)]);
  });

  it("an acceptance is durable before it is said, with its ballot", () => {
    const solo = new Solo({ slots: [[2, 2]] });
    // The same value, in a later round: not a byte of it is written, but the acceptance waits for the ballot.
    const { sent, write } = solo.accept(2n, 3, [command(2, 2)]);
    assert.deepEqual(write?.entries, []);
    assert.equal(ofType(sent, "accepted")[0]?.after, write?.number);
    assert.deepEqual(decodeHardState(write?.state as Uint8Array).runs, [{ from: 2, round: 3 }]);
  });

  it("a leader counts its own acceptance from when its ballot is durable", () => {
    const solo = new Solo({ slots: [[2, 2]], voters: [1n, 2n, 3n] });
    solo.stand();
    solo.sync();
    solo.promise(2n);
    assert.equal(solo.engine.status.role, "leader");
    // Slot 2 is on disk, accepted in round 2; that it is accepted in round 3 is not.
    assert.equal(solo.accepted(2n, 2).committed.length, 0);
    assert.deepEqual(
      solo.sync().committed.map(({ index }) => index),
      [2],
    );
  });

  it("values keep their epochs, and those never fall", () => {
    // Leader A proposes in slots 2 and 3 of round 2 and reaches nobody; B decides slot 2 in round 3; A comes back.
    const solo = new Solo({
      slots: [
        [2, 2],
        [2, 2],
        [2, 2],
      ],
    });
    solo.take();
    const given = solo.accept(2n, 3, [noop(3, 2)], 2).committed;
    assert.deepEqual([solo.slots, given.map(({ epoch }) => epoch)], [["=3/2"], [3]]);
  });

  it("what was accepted behind a snapshot stays accepted", () => {
    const solo = new Solo({
      slots: [
        [2, 2],
        [2, 2],
        [2, 2],
        [2, 2],
      ],
    });
    solo.take();
    const membership = createMembership([1n, 2n, 3n]);
    const effects = solo.step({ type: "snapshotReceived", from: 2n, snapshot: { index: 3, epoch: 2, membership } });
    assert.deepEqual([solo.slots, solo.engine.status.commit], [["2/4", "2/5"], 3]);
    const { snapshot, truncateFrom, entries } = effects.write ?? { entries: [] };
    assert.deepEqual([snapshot?.index, truncateFrom, entries?.map(({ index }) => index)], [3, 4, [4, 5]]);
    const [promise] = ofType(solo.prepare(3n, 9, 4).sent, "promise");
    assert.deepEqual(
      promise?.message.slots.map(({ round }) => round),
      [2, 2],
    );
  });
});

describe("reads", () => {
  it("a new leader answers none before a value of its own is decided: no ghost appears afterwards", () => {
    const c = cluster();
    const old = c.elect();
    // "ghost" is at the old leader only. A read of the next one that does not see it must not be followed by it.
    c.isolate(old);
    put(c, old, "ghost");
    c.run(5);
    c.crash(old);
    c.network.filter = (_from, _to, { type }) => type !== "accepted";
    c.runUntil(() => c.leader !== 0n, 10_000, "a new leader");
    const call = c.read(c.leader);
    c.run(300);
    assert.equal(
      c.readsDone.some(({ id }) => id === call),
      false,
    );
    c.network.filter = () => true;
    c.heal();
    c.start(old);
    c.runUntil(() => c.readsDone.some(({ id }) => id === call), 2_000, "the read is answered");
    c.runUntil(() => c.agree([1n, 2n, 3n]), 5_000, "all agree");
    for (let index = 1; index <= c.committed; index++) assert.notEqual(text(c, c.leader, index), "ghost");
  });
});

describe("flexible quorums", () => {
  const flexible = { flexibleQuorum: { phase2: 1 } } as const;

  it("one acceptance decides, and a leader needs everybody's promise", () => {
    const c = cluster({ engine: flexible, checkDurable: false });
    const leader = c.elect();
    const others = [1n, 2n, 3n].filter((id) => id !== leader);
    const [a, b] = others as [MemberId, MemberId];
    c.crash(b);
    const call = put(c, leader, "alone");
    c.network.filter = (from) => from === leader;
    c.run(2);
    assert.equal(c.engine(leader).status.commit, c.proposals.get(call)?.index);
    c.crash(leader);
    c.network.filter = () => true;
    c.run(20_000);
    assert.equal(c.leader, 0n, `${a} alone may not know what was decided`);
    c.start(leader);
    c.run(20_000);
    assert.equal(c.leader, 0n);
    c.start(b);
    c.elect();
    assert.equal(text(c, c.leader, c.proposals.get(call)?.index ?? 0), "alone");
  });

  it("members that count differently do not work together, and none changes its mind", () => {
    const solo = new Solo({ options: flexible, state: { phase2: 1 } });
    const { sent, notices } = solo.receive(2n, { type: "survey", first: 2 }, { phase2: 2 });
    assert.deepEqual(
      [sent, notices[0]?.message],
      [[], "dropped a message from 2: its flexibleQuorum.phase2 is 2, here it is 1"],
    );
    const start = (phase2: number | null): Paxos => {
      const flexibleQuorum = phase2 === null ? null : { phase2 };
      return new Solo({ options: { flexibleQuorum }, state: { phase2: 2 } }).engine;
    };
    assert.ok(start(2));
    for (const wrong of [1, null]) {
      assert.throws(
        () => start(wrong),
        (error) => error instanceof QuorateError && /began with 2/.test(error.message),
      );
    }
    assert.throws(() => start(0), /flexibleQuorum.phase2 is 0: it must be an integer from 1/);
  });
});
