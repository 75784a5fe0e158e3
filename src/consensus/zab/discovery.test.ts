import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeHardState } from "./hard-state.ts";
import { ofType, Solo } from "./testing/solo.ts";

describe("a prospective leader", () => {
  it("asks nobody before its own acceptance is on disk", () => {
    const solo = new Solo({ epochs: [1, 1] });
    const effects = solo.prepare();
    const asked = ofType(effects.sent, "leaderInfo");
    assert.deepEqual(
      asked.map(({ to, after }) => [to, after > 0]),
      [
        [2n, true],
        [3n, true],
      ],
    );
    const { acceptedEpoch, acceptedFrom, currentEpoch } = decodeHardState(solo.state);
    assert.deepEqual([acceptedEpoch, acceptedFrom, currentEpoch], [2, 1n, 1]);
  });

  it("prepares an epoch above all that its voters have accepted", () => {
    const solo = new Solo();
    solo.look();
    solo.vote(2n, 1n, solo.history, 1, { epoch: 41 });
    assert.deepEqual([solo.engine.status.role, solo.engine.status.epoch], ["candidate", 42]);
  });

  it("synchronises when a quorum, itself on disk, has accepted", () => {
    const solo = new Solo({ epochs: [1] });
    const { history } = solo;
    solo.look();
    solo.vote(2n, 1n, history);
    solo.accept(2n, history);
    assert.equal(decodeHardState(solo.state).currentEpoch, 1);
    const { sent } = solo.sync();
    assert.equal(decodeHardState(solo.state).currentEpoch, 2);
    const [first] = ofType(sent, "propose");
    assert.deepEqual([first?.to, first?.message.prevIndex, first?.message.newLeader], [2n, 2, true]);
    assert.equal(solo.engine.status.role, "candidate");
  });

  it("gives up when somebody knows more, by epoch or by entries", () => {
    for (const more of [
      { epoch: 2, last: { epoch: 1, index: 1 } },
      { epoch: 1, last: { epoch: 1, index: 9 } },
    ]) {
      const solo = new Solo({ epochs: [1] });
      solo.prepare();
      solo.accept(3n, more);
      assert.equal(solo.engine.status.role, "preCandidate");
    }
  });

  it("gives up when a quorum refuses, and lets others stand for a while", () => {
    const solo = new Solo();
    solo.prepare();
    for (const id of [2n, 3n]) solo.receive(id, { type: "followerInfo", session: 0, refuses: true });
    assert.equal(solo.engine.status.role, "preCandidate");
    const [told] = ofType(solo.tick(200).sent, "notification");
    assert.equal(told?.message.vote.leader, 0n);
  });

  it("does not count an untrusted acceptance, nor one that says it does not count", () => {
    const solo = new Solo();
    const { history } = solo;
    solo.prepare();
    solo.accept(3n, history, { counts: false });
    solo.receive(2n, { type: "ackEpoch", session: solo.session(2n), history, counts: true }, { untrusted: true });
    assert.equal(decodeHardState(solo.state).currentEpoch, 1);
  });
});

describe("a member that is asked into an epoch", () => {
  it("accepts it durably, with the name of who asks, before it says so", () => {
    const solo = new Solo({ epochs: [1, 1] });
    const { sent, write } = solo.invite(2n, 5);
    const [ack] = ofType(sent, "ackEpoch");
    assert.deepEqual(ack?.message.history, { epoch: 1, last: { epoch: 1, index: 3 } });
    assert.deepEqual([ack?.message.counts, ack?.after], [true, write?.number]);
    const { acceptedEpoch, acceptedFrom, currentEpoch } = decodeHardState(solo.state);
    assert.deepEqual([acceptedEpoch, acceptedFrom, currentEpoch], [5, 2n, 1]);
    assert.deepEqual([solo.engine.status.epoch, solo.engine.status.leader], [5, 0n]);
  });

  it("accepts an epoch from one only, also after a restart, but says it to that one again", () => {
    const state = { acceptedEpoch: 5, acceptedFrom: 2n, currentEpoch: 1 };
    const solo = new Solo({ state });
    const rival = solo.invite(3n, 5).sent;
    assert.equal(ofType(rival, "ackEpoch").length, 0);
    assert.equal(ofType(rival, "followerInfo")[0]?.message.refuses, true);
    const again = ofType(solo.invite(2n, 5).sent, "ackEpoch");
    assert.equal(again[0]?.message.counts, true);
  });

  it("takes part under a leader that is established without helping it", () => {
    const solo = new Solo({ state: { acceptedEpoch: 5, acceptedFrom: 2n, currentEpoch: 1 } });
    const [ack] = ofType(solo.invite(3n, 5, { leads: true }).sent, "ackEpoch");
    assert.equal(ack?.message.counts, false);
    assert.equal(solo.engine.status.leader, 3n);
    assert.equal(decodeHardState(solo.state).acceptedFrom, 2n);
    solo.invite(3n, 6, { leads: true });
    assert.equal(decodeHardState(solo.state).acceptedFrom, 0n);
  });

  it("refuses while its leader lives, unless that one wishes it", () => {
    const solo = new Solo();
    solo.invite(2n, 2, { leads: true });
    const { sent } = solo.invite(3n, 3);
    assert.deepEqual(
      ofType(sent, "notification").map(({ to, message }) => [to, message.settled, message.vote.leader]),
      [[3n, true, 2n]],
    );
    assert.equal(solo.engine.status.epoch, 2);
    solo.invite(3n, 3, { transfer: true });
    assert.equal(solo.engine.status.epoch, 3);
  });

  it("accepts nothing while it is untrusted, except an established leader's", () => {
    const solo = new Solo({ start: { untrusted: true } });
    assert.equal(ofType(solo.invite(2n, 4).sent, "ackEpoch").length, 0);
    assert.equal(ofType(solo.invite(2n, 4, { leads: true }).sent, "ackEpoch")[0]?.message.counts, false);
  });

  it("keeps its promise to a leader whatever becomes of the link, and over a restart", () => {
    const options = { leaseReads: true };
    const solo = new Solo({ options, state: { promiseMs: 1000 } });
    solo.invite(2n, 2, { leads: true });
    solo.sync();
    solo.receive(
      2n,
      {
        type: "ping",
        session: 1,
        toIncarnation: solo.incarnation,
        round: 1,
        sentAt: 1,
        commitIndex: 0,
        commitEpoch: 0,
        expect: 0,
        answer: true,
        trusted: false,
      },
      { epoch: 2, leads: true },
    );
    solo.step({ type: "linkLost", peer: 2n });
    solo.invite(3n, 3);
    assert.equal(solo.engine.status.epoch, 2);
    solo.tick(400);
    solo.tick(400);
    solo.tick(201);
    solo.invite(3n, 3);
    assert.equal(solo.engine.status.epoch, 3);

    const reborn = new Solo({ options, state: { acceptedEpoch: 2, currentEpoch: 2, promiseMs: 1000 } });
    reborn.invite(3n, 3);
    assert.equal(reborn.engine.status.epoch, 2);
    reborn.tick(1001);
    reborn.invite(3n, 3);
    assert.equal(reborn.engine.status.epoch, 3);
  });
});

describe("a leader that hears of a later epoch", () => {
  it("prepares one above it, if a member is stuck there alone", () => {
    const solo = new Solo();
    solo.settle();
    solo.receive(3n, { type: "followerInfo", session: 0, refuses: true }, { epoch: 9 });
    assert.equal(solo.engine.status.role, "preCandidate");
    solo.vote(3n, 1n, solo.history, 9, { epoch: 9 });
    assert.deepEqual([solo.engine.status.role, solo.engine.status.epoch], ["candidate", 10]);
  });

  it("does not care when somebody says so who is no member", () => {
    const solo = new Solo();
    solo.settle();
    solo.receive(4n, { type: "followerInfo", session: 0, refuses: true }, { epoch: 9 });
    assert.equal(solo.engine.status.role, "leader");
  });
});
