import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { QuorateError } from "../../errors.ts";
import type { Input } from "../engine.ts";
import { createMembership } from "../membership.ts";
import { defaultEngine } from "../testing/cluster.ts";
import { genesis } from "./genesis.ts";
import { Before, checkBasic, checkChange } from "./invariants.ts";
import type { Message } from "./messages.ts";
import { Paxos } from "./paxos.ts";
import { PaxosState } from "./state.ts";
import { change, command, noop, ofType, reported, Solo } from "./testing/paxos-solo.ts";

const nothing = { state: null, snapshot: null, entries: [], untrusted: false };
const context = new Uint8Array(0);

describe("a Paxos engine's start", () => {
  it("from genesis gives out slot 1 and knows the members", () => {
    const first = genesis(createMembership([1n, 2n]), new Uint8Array([5]));
    const engine = new Paxos({ ...defaultEngine, id: 1n, seed: 1 }, { ...nothing, ...first }, 0);
    assert.deepEqual(engine.effects().committed, first.entries);
    assert.deepEqual([engine.status.epoch, engine.status.membership], [1, createMembership([1n, 2n])]);
    assert.throws(() => genesis(createMembership([]), new Uint8Array()), /no voter/);
  });

  it("from nothing waits to be told", () => {
    const engine = new Paxos({ ...defaultEngine, id: 1n, seed: 1 }, nothing, 0);
    for (let now = 0; now < 10_000; now += 50) engine.step({ type: "tick" }, now);
    assert.deepEqual([engine.status.role, engine.status.epoch, engine.status.lastIndex], ["follower", 0, 0]);
  });

  it("alone leads at once", () => {
    const solo = new Solo({ voters: [1n] });
    solo.tick(1);
    solo.sync();
    const { committed } = solo.sync();
    assert.deepEqual([solo.engine.status.role, committed], ["leader", [noop(2, 2)]]);
  });

  it("refuses options that cannot work, and a state that it did not write", () => {
    const make = (options: object, state: Uint8Array | null = null): Paxos =>
      new Paxos({ ...defaultEngine, id: 1n, seed: 1, ...options }, { ...nothing, state }, 0);
    const is = (code: string, words: RegExp) => (error: unknown) =>
      error instanceof QuorateError && error.code === code && words.test(error.message);
    assert.throws(() => make({ electionTimeoutMs: 150 }), is("CONFIG", /electionTimeoutMs is 150/));
    assert.throws(() => make({ flexibleQuorum: { phase2: 1.5 } }), is("CONFIG", /flexibleQuorum.phase2 is 1.5/));
    assert.throws(() => make({}, new Uint8Array([9])), is("CORRUPT", /version 9/));
  });

  it("takes a round that a snapshot shows, though its own state does not know of it", () => {
    const snapshot = { index: 9, epoch: 6, membership: createMembership([1n, 2n, 3n]) };
    const solo = new Solo({ state: { round: 4 }, start: { snapshot, entries: [] } });
    assert.equal(solo.engine.status.epoch, 6);
  });
});

describe("a Paxos engine", () => {
  it("refuses what it cannot take, saying why", () => {
    const solo = new Solo();
    const { epoch } = solo.engine.status;
    const reasons = (input: Input): string[] => solo.step(input).refused.map(({ reason }) => reason);
    const set = [{ id: 4n, role: "voter" as const }];
    assert.deepEqual(reasons({ type: "propose", id: 1, epoch, data: context }), ["not leader"]);
    assert.deepEqual(reasons({ type: "reconfigure", id: 1, change: { set, remove: [] }, context }), ["not leader"]);
    assert.deepEqual(reasons({ type: "transfer", id: 1, to: 2n }), ["not leader"]);
    assert.deepEqual(reasons({ type: "read", id: 1 }), ["no leader"]);
    solo.lead();
    assert.deepEqual(reasons({ type: "propose", id: 1, epoch, data: context }), ["stale epoch"]);
    assert.deepEqual(reasons({ type: "reconfigure", id: 1, change: { set, remove: [] }, context }), ["not settled"]);
    assert.deepEqual(reasons({ type: "transfer", id: 1, to: 9n }), ["bad transferee"]);
    solo.sync();
    solo.accepted(2n, 2);
    const twice = { set, remove: [4n] };
    assert.deepEqual(reasons({ type: "reconfigure", id: 1, change: twice, context }), ["invalid change"]);
    const unknown = { set: [], remove: [9n] };
    assert.deepEqual(reasons({ type: "reconfigure", id: 1, change: unknown, context }), ["unknown member"]);
    solo.step({ type: "transfer", id: 2, to: 3n });
    const now = solo.engine.status.epoch;
    assert.deepEqual(reasons({ type: "propose", id: 1, epoch: now, data: context }), ["transferring leadership"]);
  });

  it("bounds what is not decided, but takes one value whatever its size", () => {
    const solo = new Solo({ options: { maxUncommittedBytes: 100 } });
    solo.settle();
    assert.equal(solo.propose("x".repeat(200)).accepted.length, 1);
    assert.equal(solo.propose("y").refused[0]?.reason, "too many uncommitted bytes");
    solo.sync();
    solo.accepted(2n, 3);
    assert.equal(solo.propose("y").accepted.length, 1);
  });

  it("promotes a learner when it has caught up", () => {
    const solo = new Solo({ learners: [4n] });
    solo.settle();
    const promote = { set: [{ id: 4n, role: "voter" as const }], remove: [] };
    assert.equal(
      solo.step({ type: "reconfigure", id: 1, change: promote, context }).refused[0]?.reason,
      "learner not ready",
    );
    const answer = { session: 1, beat: 1, sentAt: 0, promiseMs: 0, held: 2, resumes: 0 };
    const asked = ofType(solo.receive(4n, { type: "heartbeatResponse", ...answer }).sent, "accept");
    assert.deepEqual([asked[0]?.to, asked[0]?.message.entries], [4n, []]);
    solo.accepted(4n, 2);
    assert.equal(solo.step({ type: "reconfigure", id: 1, change: promote, context }).accepted.length, 1);
  });

  it("sends a snapshot to a peer that needs what is forgotten, and goes on behind it", () => {
    const solo = new Solo();
    solo.settle([2n]);
    for (let i = 0; i < 4; i++) solo.propose(`${i}`);
    solo.sync();
    solo.accepted(2n, 6);
    solo.step({ type: "applied", index: 6 });
    const snapshot = { index: 5, epoch: 2, membership: createMembership([1n, 2n, 3n]) };
    solo.step({ type: "compact", snapshot, upTo: 5 });
    const answer = { session: 1, beat: 1, sentAt: 0, promiseMs: 0, held: 1, resumes: 0 };
    const wanted = solo.receive(3n, { type: "heartbeatResponse", ...answer });
    assert.deepEqual(wanted.sendSnapshot, [{ to: 3n, index: 5 }]);
    assert.equal(solo.engine.status.peers.get(3n)?.state, "snapshot");
    solo.step({ type: "snapshotSent", to: 3n, index: 5, ok: true });
    const next = solo.receive(3n, { type: "heartbeatResponse", ...answer, held: 5 });
    assert.deepEqual(
      ofType(next.sent, "accept").map(({ message }) => [message.first, message.entries.length]),
      [
        [1, 0],
        [6, 1],
      ],
    );
  });

  it("answers reads by a beat that began after them, or by its lease", () => {
    const solo = new Solo({ options: { leaseReads: true } });
    solo.settle();
    const asked = solo.step({ type: "read", id: 7 });
    const [beat] = ofType(asked.sent, "heartbeat");
    assert.deepEqual(asked.reads, []);
    const answer = { session: 1, sentAt: solo.now, promiseMs: 1000, held: 2, resumes: 0 };
    const number = beat?.message.beat ?? 0;
    assert.deepEqual(solo.receive(2n, { type: "heartbeatResponse", ...answer, beat: number - 1 }).reads, []);
    const answered = solo.receive(3n, { type: "heartbeatResponse", ...answer, beat: number });
    assert.deepEqual(answered.reads, [{ id: 7, index: 2 }]);
    // Two promised, 1000 ms from the sending on; the drift is 100.
    solo.now += 899;
    assert.deepEqual(solo.step({ type: "read", id: 8 }).reads, [{ id: 8, index: 2 }]);
    solo.now += 2;
    assert.deepEqual(solo.step({ type: "read", id: 9 }).reads, []);
  });

  it("helps nobody else while a lease may rest on it, not even after a restart", () => {
    const solo = new Solo({ options: { leaseReads: true }, state: { promiseMs: 1000 } });
    assert.equal(ofType(solo.prepare(2n, 9, 2).sent, "nack").length, 1);
    assert.equal(ofType(solo.prepare(2n, 9, 2, true).sent, "promise").length, 1);
    solo.now += 1001;
    assert.equal(ofType(solo.prepare(3n, 10, 2).sent, "promise").length, 1);
  });

  it("tells a successor to stand when it holds everything", () => {
    const solo = new Solo();
    solo.settle();
    solo.propose();
    assert.deepEqual(ofType(solo.step({ type: "transfer", id: 1, to: 3n }).sent, "timeoutNow"), []);
    solo.sync();
    assert.deepEqual(
      ofType(solo.accepted(3n, 3).sent, "timeoutNow").map(({ to }) => to),
      [3n],
    );
    const target = new Solo();
    target.accept(2n, 5, [noop(5, 2)]);
    const { sent } = target.receive(2n, { type: "timeoutNow" });
    assert.deepEqual(
      ofType(sent, "prepare").map(({ message, envelope }) => [message.transfer, envelope.round]),
      [
        [true, 6],
        [true, 6],
      ],
    );
  });

  it("resigns when its disk hangs", () => {
    const solo = new Solo();
    solo.settle();
    solo.propose();
    const answer = { session: 1, sentAt: 0, promiseMs: 0, held: 2, resumes: 0 };
    for (let i = 0; i < 90 && solo.engine.status.role === "leader"; i++) {
      solo.receive(2n, { type: "heartbeatResponse", ...answer, beat: 1 });
      solo.tick(25);
    }
    assert.deepEqual([solo.engine.status.role, solo.engine.status.diskStalled], ["follower", true]);
  });

  it("does not lead on promises that contradict each other", () => {
    const solo = new Solo({ slots: [[2, 2]], state: { round: 3 } });
    solo.stand();
    solo.sync();
    const { notices } = solo.promise(2n, { slots: [reported(command(1, 2), 2)] });
    assert.equal(solo.engine.status.role, "follower");
    assert.match(notices.map(({ message }) => message).join(), /slot 2 has two values of round 2/);
  });

  it("survives whatever peers say", () => {
    const slot = fc.integer({ min: 1, max: 7 });
    const number = fc.nat({ max: 6 });
    const entries = fc.array(number, { maxLength: 4 }).chain((epochs) =>
      slot.map((first) => ({
        first,
        entries: epochs
          .toSorted((a, b) => a - b)
          .map((epoch, at) => {
            if (epoch === 6) return change(6, first + at, createMembership([1n, 4n]));
            return epoch % 2 === 0 ? command(epoch, first + at) : noop(epoch, first + at);
          }),
      })),
    );
    const session = fc.constantFrom(0, 1, 2);
    const message: fc.Arbitrary<Message> = fc.oneof(
      fc.record({ session, decided: number, values: entries }).map(({ values, ...rest }): Message => {
        return { type: "accept", ...rest, ...values };
      }),
      fc.record({ session, held: number }).map((rest): Message => ({ type: "accepted", ...rest })),
      fc
        .record({ session, beat: number, held: number, resumes: number })
        .map((rest): Message => ({ type: "heartbeatResponse", sentAt: 0, promiseMs: 0, ...rest })),
      fc
        .record({ session, beat: number, decided: number, answer: fc.boolean(), trusted: fc.boolean() })
        .map((rest): Message => ({ type: "heartbeat", toIncarnation: 0, sentAt: 0, ...rest })),
      slot.map((first): Message => ({ type: "survey", first })),
      fc.record({ asked: number, granted: fc.boolean() }).map((rest): Message => ({ type: "surveyResponse", ...rest })),
      fc.record({ first: slot, transfer: fc.boolean() }).map((rest): Message => ({ type: "prepare", ...rest })),
      fc
        .record({
          decided: number,
          reply: fc.nat({ max: 2 }),
          values: entries,
          rounds: fc.array(number, { minLength: 4, maxLength: 4 }),
        })
        .map(({ decided, reply, values, rounds }): Message => {
          const isOpen = (index: number): boolean => index > decided;
          const slots = values.entries.map((entry, at) =>
            reported(entry, isOpen(entry.index) ? 1 + ((rounds[at] ?? 0) % 4) : 0),
          );
          const { first } = values;
          return { type: "promise", first, decided, reply, part: 0, parts: 1, from: first, slots };
        }),
      number.map((asked): Message => ({ type: "nack", asked })),
      fc.constant<Message>({ type: "timeoutNow" }),
      number.map((token): Message => ({ type: "readRequest", token })),
    );
    const act = fc.oneof(
      { weight: 6, arbitrary: fc.record({ from: fc.constantFrom(2n, 3n, 4n), message, ahead: fc.nat({ max: 2 }) }) },
      { weight: 2, arbitrary: fc.constant("sync" as const) },
      { weight: 1, arbitrary: fc.constant("tick" as const) },
      { weight: 1, arbitrary: fc.constant("stand" as const) },
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const solo = new Solo({ slots: [[2, 2], null, [2, 3]], state: { round: 6 } });
        for (const each of acts) {
          if (each === "sync") solo.sync();
          else if (each === "tick") solo.tick(200);
          else if (each === "stand") {
            for (let i = 0; i < 12; i++) solo.tick(200);
            for (const from of [2n, 3n]) {
              solo.receive(from, { type: "surveyResponse", asked: solo.engine.status.epoch + 1, granted: true });
            }
          } else
            solo.receive(each.from, each.message, { round: solo.engine.status.epoch + (each.ahead === 2 ? 1 : 0) });
        }
      }),
      { numRuns: 1500 },
    );
  });
});

describe("invariants", () => {
  const options = { ...defaultEngine, id: 1n, seed: 1 };

  it("stop a member that finds itself in a state that cannot be", () => {
    const broken: [RegExp, (s: PaxosState) => void][] = [
      [/decided is beyond the last slot/, (s) => (s.decided = 9)],
      [/applied is beyond what was given out/, (s) => (s.applied = 9)],
      [/accepted in a round above the promised one/, (s) => s.ballots.goOn(2, 9)],
      [/the last value is of a later epoch than the round/, (s) => s.log.append(noop(9, 2))],
      [/leading without a leadership/, (s) => (s.role = "leader")],
      [/preparing without a candidacy/, (s) => (s.role = "candidate")],
    ];
    for (const [words, breakIt] of broken) {
      const first = genesis(createMembership([1n, 2n]), new Uint8Array(0));
      const s = new PaxosState(options, { ...nothing, ...first }, 0);
      checkBasic(s);
      breakIt(s);
      assert.throws(() => checkBasic(s), words);
    }
  });

  it("stop a member that goes back", () => {
    const s = new PaxosState(options, { ...nothing, ...genesis(createMembership([1n, 2n]), new Uint8Array(0)) }, 0);
    const before = new Before();
    s.round = 5;
    s.proposer = 2n;
    before.remember(s);
    checkChange(before, s);
    s.proposer = 3n;
    assert.throws(() => checkChange(before, s), /one round promised to two/);
    s.round = 4;
    assert.throws(() => checkChange(before, s), /the promised round went back/);
  });
});
