import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InvariantViolation, QuorateError } from "../../errors.ts";
import type { EngineOptions, Input } from "../engine.ts";
import { createMembership } from "../membership.ts";
import { defaultEngine, joined } from "../testing/cluster.ts";
import { genesis } from "./genesis.ts";
import { encodeHardState, noHardState } from "./hard-state.ts";
import { encodeMessage, type Message } from "./messages.ts";
import { ofType, Solo } from "./testing/solo.ts";
import { Zab } from "./zab.ts";

const nothing = { state: null, snapshot: null, entries: [], untrusted: false };

describe("a Zab engine's start", () => {
  it("from genesis gives out entry 1 and knows the members", () => {
    const first = genesis(createMembership([1n, 2n]), new Uint8Array([5]));
    const engine = new Zab({ ...defaultEngine, id: 1n, seed: 1 }, { ...nothing, ...first }, 0);
    assert.deepEqual(engine.effects().committed, first.entries);
    assert.deepEqual([engine.status.epoch, engine.status.membership], [1, createMembership([1n, 2n])]);
  });

  it("from nothing waits to be told", () => {
    const engine = new Zab({ ...defaultEngine, id: 1n, seed: 1 }, nothing, 0);
    for (let now = 0; now < 10_000; now += 50) engine.step({ type: "tick" }, now);
    const { role, epoch, lastIndex } = engine.status;
    assert.deepEqual([role, epoch, lastIndex], ["follower", 0, 0]);
    const { write, messages } = engine.effects();
    assert.deepEqual([write, messages], [null, []]);
  });

  // Simulator, seed 200596 (with Paxos): a damaged log ended before a write that had replaced entries.
  it("does not believe that a log which lost its last writes holds what was committed", () => {
    const solo = new Solo({ epochs: [1, 1, 1], state: { commit: 4 }, start: { untrusted: true } });
    assert.deepEqual([solo.engine.status.commit, solo.take().committed], [0, []]);
  });

  it("alone, leads without being asked", () => {
    const solo = new Solo({ voters: [1n] });
    solo.tick(1);
    for (let i = 0; i < 3; i++) solo.sync();
    assert.deepEqual([solo.engine.status.role, solo.engine.status.settled], ["leader", true]);
  });

  it("refuses options and limits that cannot work, naming them", () => {
    const config = (pattern: RegExp) => (error: unknown) =>
      error instanceof QuorateError && error.code === "CONFIG" && pattern.test(error.message);
    const make = (options: Partial<EngineOptions>, entriesPerEpoch: number): Zab =>
      new Zab({ ...defaultEngine, id: 1n, seed: 1, ...options }, nothing, 0, { entriesPerEpoch });
    assert.throws(() => make({ id: 0n }, 9), config(/member id 0/));
    for (const wrong of [1, 2.5, Number.NaN]) {
      assert.throws(() => make({}, wrong), config(new RegExp(`entriesPerEpoch is ${wrong}: it must be an integer`)));
    }
  });

  it("refuses a state that it did not write", () => {
    const make = (): Zab => new Zab({ ...defaultEngine, id: 1n, seed: 1 }, { ...nothing, state: new Uint8Array(3) }, 0);
    assert.throws(make, (error) => error instanceof QuorateError && error.code === "CORRUPT");
  });

  it("takes part from a snapshot's epoch on, if the state behind it did not reach the disk", () => {
    const snapshot = { index: 9, epoch: 6, membership: createMembership([1n, 2n]) };
    const state = encodeHardState({ ...noHardState, acceptedEpoch: 4, acceptedFrom: 2n, currentEpoch: 4 });
    const solo = new Solo({ voters: [], start: { state, snapshot, entries: [] } });
    assert.equal(solo.engine.status.epoch, 6);
    assert.equal(ofType(solo.invite(2n, 6).sent, "ackEpoch").length, 0, "it accepted 6 from nobody");
    assert.equal(ofType(solo.invite(2n, 6, { leads: true }).sent, "ackEpoch").length, 1);
  });
});

describe("a Zab engine's effects", () => {
  it("are empty when there is nothing to do", () => {
    const solo = new Solo();
    solo.take();
    const { sent: _, ...effects } = solo.take();
    const lists = ["messages", "committed", "reads", "accepted", "refused", "sendSnapshot", "notices"] as const;
    for (const list of lists) assert.deepEqual(effects[list], []);
    assert.deepEqual(
      [effects.write, effects.installSnapshot, effects.statusChanged, effects.wakeAt],
      [null, null, false, null],
    );
  });

  it("are the same for the same inputs and seed", () => {
    const run = (): unknown => {
      const solo = new Solo();
      return [solo.settle(), solo.propose(), solo.tick(100), solo.step({ type: "read", id: 1 })];
    };
    assert.deepEqual(run(), run());
  });
});

describe("a Zab engine's assertions", () => {
  it("find wrong use by its owner", () => {
    const wrong: ((solo: Solo) => unknown)[] = [
      (solo) => solo.tick(-1),
      (solo) => solo.step({ type: "durable", write: 99 }),
      (solo) => solo.step({ type: "applied", index: 99 }),
      (solo) => {
        const snapshot = { index: 9, epoch: 1, membership: createMembership([1n]) };
        return solo.step({ type: "compact", snapshot, upTo: 9 });
      },
    ];
    for (const use of wrong) assert.throws(() => use(new Solo()), InvariantViolation);
  });

  it("hold whatever peers say, in any order", () => {
    const nat = fc.nat(6);
    const position = fc.record({ index: nat, epoch: nat });
    const history = fc.record({ epoch: nat, last: position });
    const entries = fc
      .tuple(nat, fc.nat(3))
      .map(([epoch, count]) => Array.from({ length: count }, () => ({ epoch, kind: 1 as const })));
    const message: fc.Arbitrary<Message> = fc.oneof(
      fc.record({
        type: fc.constant("notification" as const),
        round: nat,
        vote: fc.record({ leader: fc.bigInt(0n, 4n), history, priority: nat }),
        settled: fc.boolean(),
      }),
      fc.record({ type: fc.constant("followerInfo" as const), session: nat, refuses: fc.boolean() }),
      fc.record({ type: fc.constant("leaderInfo" as const), session: nat, transfer: fc.boolean() }),
      fc.record({ type: fc.constant("ackEpoch" as const), session: nat, history, counts: fc.boolean() }),
      fc.record({
        type: fc.constant("ack" as const),
        session: nat,
        ok: fc.boolean(),
        adopted: fc.boolean(),
        position,
      }),
      fc.record({
        type: fc.constant("ping" as const),
        session: nat,
        toIncarnation: fc.constant(0),
        round: nat,
        sentAt: nat,
        commitIndex: nat,
        commitEpoch: nat,
        expect: nat,
        answer: fc.boolean(),
        trusted: fc.boolean(),
      }),
      fc.record({
        type: fc.constant("pong" as const),
        session: nat,
        round: nat,
        sentAt: nat,
        promiseMs: nat,
      }),
      fc.record({ type: fc.constant("handOver" as const) }),
      fc
        .record({
          type: fc.constant("propose" as const),
          session: nat,
          toIncarnation: fc.constant(0),
          counter: nat,
          prevIndex: nat,
          prevEpoch: nat,
          commit: nat,
          newLeader: fc.boolean(),
          entries,
        })
        .map(({ entries: list, ...rest }) => ({
          ...rest,
          entries: list.map((entry, i) => ({ ...entry, index: rest.prevIndex + i + 1, data: new Uint8Array(1) })),
        })),
    );
    const head = fc.record({ epoch: nat, leads: fc.boolean(), untrusted: fc.boolean() });
    const heard = fc.tuple(fc.constant("message" as const), fc.constantFrom(2n, 3n, 4n), head, message);
    const step = fc.oneof(
      { weight: 8, arbitrary: heard },
      fc.constantFrom<Input>({ type: "tick" }, { type: "linkLost", peer: 2n }, { type: "linkUp", peer: 3n }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const solo = new Solo({ epochs: [1, 2] });
        for (const each of steps) {
          if (!Array.isArray(each)) solo.step(each);
          else {
            const [, from, envelope, said] = each;
            const { incarnation } = solo;
            const meant = "toIncarnation" in said ? { ...said, toIncarnation: incarnation } : said;
            const whole = { incarnation: 7, priority: 0, stalled: false, ...envelope };
            solo.step({ type: "message", from, bytes: joined(encodeMessage(whole, meant)) });
          }
          solo.now += 40;
          solo.sync();
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("bytes that are no message", () => {
  it("are dropped, counted, and told of ever more seldom", () => {
    const solo = new Solo();
    let told = 0;
    for (let i = 0; i < 100; i++) {
      const { notices } = solo.step({ type: "message", from: 2n, bytes: new Uint8Array([9, 9]) });
      told += notices.length;
    }
    assert.deepEqual([solo.engine.status.droppedMessages, told], [100, 7]);
  });
});
