import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMembership } from "../membership.ts";
import type { Ping } from "./messages.ts";
import { command, membershipEntry, ofType, Solo, type SoloEffects } from "./testing/solo.ts";

const indexes = (effects: SoloEffects): number[] => effects.committed.map(({ index }) => index);
const ping = (solo: Solo, rest: Partial<Ping>): Ping => ({
  type: "ping",
  session: 1,
  toIncarnation: solo.incarnation,
  round: 1,
  sentAt: 1,
  commitIndex: 0,
  commitEpoch: 0,
  expect: 0,
  answer: false,
  trusted: false,
  ...rest,
});

/** Member 1 follows 2 in epoch 2, and has adopted its history of one entry. */
function follower(): Solo {
  const solo = new Solo();
  solo.invite(2n, 2, { leads: true });
  solo.stream(2n, 2, { counter: 0, prevIndex: 1, prevEpoch: 1, newLeader: true, leads: true });
  solo.sync();
  return solo;
}

describe("a leader", () => {
  it("commits its history when a quorum has adopted it, and before its own first entry", () => {
    const solo = new Solo({ epochs: [1, 1] });
    solo.take();
    const effects = solo.lead();
    assert.deepEqual(indexes(effects), [2, 3]);
    assert.deepEqual([solo.engine.status.role, solo.engine.status.settled], ["leader", false]);
    assert.deepEqual(solo.engine.entryAt(4)?.epoch, 2);
  });

  it("commits in order what a quorum has on disk, itself only when it has", () => {
    const solo = new Solo({ voters: [1n, 2n, 3n] });
    solo.settle();
    solo.propose("a");
    solo.propose("b");
    assert.deepEqual(indexes(solo.ack(2n, 4)), []);
    assert.deepEqual(indexes(solo.sync()), [3, 4]);
  });

  it("does not count acknowledgements of who has not adopted the epoch", () => {
    const solo = new Solo({ voters: [1n, 2n, 3n, 4n, 5n] });
    solo.settle([2n, 3n]);
    const late = { epoch: 1, last: { epoch: 1, index: 1 } };
    solo.accept(4n, late, { counts: false });
    solo.propose();
    solo.sync();
    solo.ack(2n, 3);
    assert.deepEqual(indexes(solo.ack(4n, 3, { adopted: false })), []);
    assert.deepEqual(indexes(solo.ack(4n, 3)), [3]);
  });

  it("sends proposals to all who acknowledged the epoch, commits to those who adopted it", () => {
    const solo = new Solo();
    solo.settle([2n]);
    solo.accept(3n, { epoch: 1, last: { epoch: 1, index: 1 } }, { counts: false });
    const { sent } = solo.propose();
    const stream = ofType([...sent], "propose").map(({ to, message }) => [to, message.commit]);
    assert.deepEqual(stream, [
      [2n, 2],
      [3n, 0],
    ]);
    solo.sync();
    const told = ofType(solo.ack(2n, 3).sent, "ping").map(({ to, message }) => [to, message.commitIndex]);
    assert.deepEqual(told, [[2n, 3]]);
    // UPTODATE: the newest commit, not the one of the history.
    const late = ofType(solo.ack(3n, 3).sent, "ping").map(({ to, message }) => [to, message.commitIndex]);
    assert.deepEqual(late, [[3n, 3]]);
  });

  it("informs learners of what is committed only", () => {
    const solo = new Solo({ voters: [1n, 2n], learners: [4n] });
    solo.settle();
    solo.accept(4n, { epoch: 1, last: { epoch: 1, index: 1 } }, { counts: false });
    solo.ack(4n, 2);
    const first = solo.propose();
    assert.equal(ofType(first.sent, "propose").filter(({ to }) => to === 4n).length, 0);
    solo.sync();
    const [inform] = ofType(solo.ack(2n, 3).sent, "propose");
    assert.deepEqual([inform?.to, inform?.message.entries.length, inform?.message.commit], [4n, 1, 3]);
  });

  it("begins a session anew from what the peer has when something is missing", () => {
    const solo = new Solo();
    solo.settle();
    const session = solo.session(2n);
    for (const text of ["a", "b", "c"]) solo.propose(text);
    const { sent } = solo.missing(2n, { index: 3, epoch: 2 });
    const [again] = ofType(sent, "propose");
    assert.ok(again !== undefined && again.message.session > session);
    const { counter, prevIndex, newLeader, entries } = again.message;
    assert.deepEqual([counter, prevIndex, newLeader, entries.length], [0, 3, false, 2]);
    assert.equal(solo.engine.status.role, "leader");
  });

  it("drops what claims more than was sent, or is of another session", () => {
    const solo = new Solo();
    solo.settle();
    const before = solo.engine.status.droppedMessages;
    solo.ack(2n, 77);
    const position = { index: 2, epoch: 0 };
    solo.receive(2n, { type: "ack", session: 999, ok: true, adopted: true, position });
    assert.equal(solo.engine.status.droppedMessages, before + 2);
    assert.equal(solo.engine.status.peers.get(2n)?.match, 2);
  });
});

describe("a follower", () => {
  it("acknowledges once a turn, when everything it speaks of is on disk", () => {
    const solo = follower();
    const { sent, write } = solo.stream(2n, 2, { counter: 1, prevIndex: 1, prevEpoch: 1, entries: [command(2, 2)] });
    const [ack] = ofType(sent, "ack");
    assert.deepEqual([ack?.message.position.index, ack?.message.adopted, ack?.after], [2, true, write?.number]);
  });

  it("ignores a doubled proposal, but says again what it has", () => {
    const solo = follower();
    const message = { counter: 1, prevIndex: 1, prevEpoch: 1, entries: [command(2, 2)] };
    solo.stream(2n, 2, message);
    solo.sync();
    const { sent, write } = solo.stream(2n, 2, message);
    assert.equal(write, null);
    assert.equal(ofType(sent, "ack")[0]?.message.position.index, 2);
  });

  it("asks for a new session on a gap, once, and takes nothing of the old one any more", () => {
    const solo = follower();
    const gap = solo.stream(2n, 2, { counter: 2, prevIndex: 2, prevEpoch: 2, entries: [command(2, 3)] });
    const [asked] = ofType(gap.sent, "ack");
    assert.deepEqual([asked?.message.ok, asked?.message.position], [false, { index: 1, epoch: 1 }]);
    const more = solo.stream(2n, 2, { counter: 3, prevIndex: 3, prevEpoch: 2, entries: [command(2, 4)] });
    assert.deepEqual([more.sent.length, solo.engine.status.lastIndex], [0, 1]);
    assert.equal(solo.engine.status.leader, 2n, "no election");
    const anew = { session: 2, counter: 0, prevIndex: 1, prevEpoch: 1, entries: [command(2, 2)] };
    solo.stream(2n, 2, anew);
    assert.equal(solo.engine.status.lastIndex, 2);
  });

  it("finds out by a ping that the end of the stream got lost", () => {
    const solo = follower();
    const { sent } = solo.receive(2n, ping(solo, { expect: 2 }), { epoch: 2, leads: true });
    assert.equal(ofType(sent, "ack")[0]?.message.ok, false);
    const again = follower();
    const answer = again.receive(2n, ping(again, { expect: 1 }), { epoch: 2, leads: true });
    assert.equal(ofType(answer.sent, "ack")[0]?.message.ok, true, "only the acknowledgement got lost");
  });

  it("commits what a ping names only if it is the entry it holds", () => {
    const solo = follower();
    solo.stream(2n, 2, { counter: 1, prevIndex: 1, prevEpoch: 1, entries: [command(2, 2)] });
    const told = (commitEpoch: number): SoloEffects =>
      solo.receive(2n, ping(solo, { commitIndex: 2, commitEpoch }), { epoch: 2, leads: true });
    assert.deepEqual(indexes(told(3)), []);
    assert.deepEqual(indexes(told(2)), [2]);
  });

  it("commits nothing before it has adopted the epoch", () => {
    const solo = new Solo();
    solo.invite(2n, 2, { leads: true });
    const stream = { counter: 0, prevIndex: 1, prevEpoch: 1, entries: [command(2, 2)], commit: 2, leads: true };
    assert.deepEqual(indexes(solo.stream(2n, 2, stream)), []);
  });

  it("drops what follows NEWLEADER's history, and nothing that agrees with it", () => {
    const solo = new Solo({ epochs: [1, 1, 1] });
    solo.invite(2n, 2);
    const entries = [command(1, 2), command(1, 3)];
    const { write } = solo.stream(2n, 2, { counter: 0, prevIndex: 1, prevEpoch: 1, entries, newLeader: true });
    assert.deepEqual([write?.truncateFrom, write?.entries.length], [4, 0]);
  });

  it("never touches what is committed, whatever it is told", () => {
    const solo = new Solo({ epochs: [1, 1], state: { commit: 3 } });
    solo.take();
    solo.invite(2n, 2);
    const other = solo.stream(2n, 2, {
      counter: 0,
      prevIndex: 1,
      prevEpoch: 1,
      entries: [command(2, 2), command(2, 3)],
    });
    assert.deepEqual([other.write?.truncateFrom ?? null, other.notices.at(-1)?.level], [null, "warn"]);
    const short = solo.stream(2n, 2, { session: 2, counter: 0, prevIndex: 1, prevEpoch: 1, newLeader: true });
    assert.equal(short.notices.at(-1)?.level, "warn");
    assert.equal(solo.engine.status.lastIndex, 3);
  });

  it("follows the memberships of its log, also back", () => {
    const solo = new Solo();
    const joint = createMembership([1n, 2n, 3n, 4n]);
    solo.invite(2n, 2);
    solo.stream(2n, 2, { counter: 0, prevIndex: 1, prevEpoch: 1, entries: [membershipEntry(2, 2, joint)] });
    assert.equal(solo.engine.status.membership.voters.length, 4);
    solo.invite(3n, 3, { leads: true });
    solo.stream(3n, 3, { counter: 0, prevIndex: 1, prevEpoch: 1, newLeader: true });
    assert.equal(solo.engine.status.membership.voters.length, 3);
  });

  it("takes no message that is meant for a former life of it", () => {
    const solo = follower();
    const old = { session: 9, counter: 0, prevIndex: 1, prevEpoch: 1, toIncarnation: 1, leads: true };
    const { sent } = solo.stream(2n, 2, old);
    assert.deepEqual(
      sent.map(({ message }) => message.type),
      ["followerInfo"],
    );
  });
});
