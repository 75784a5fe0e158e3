import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InvariantViolation, QuorateError } from "../../errors.ts";
import type { EngineOptions, Input } from "../engine.ts";
import { createMembership } from "../membership.ts";
import { defaultEngine } from "../testing/cluster.ts";
import { command, membershipEntry, ofType, Solo } from "../testing/solo.ts";
import { genesis } from "./genesis.ts";
import { Before, checkBasic, checkChange } from "./invariants.ts";
import type { Message } from "./messages.ts";
import { Raft } from "./raft.ts";
import { RaftState } from "./state.ts";

const nothing = { state: null, snapshot: null, entries: [], untrusted: false };

describe("a Raft engine's start", () => {
  it("from genesis gives out entry 1 and knows the members", () => {
    const first = genesis(createMembership([1n, 2n]), new Uint8Array([5]));
    const engine = new Raft({ ...defaultEngine, id: 1n, seed: 1 }, { ...nothing, ...first }, 0);
    assert.deepEqual(engine.effects().committed, first.entries);
    assert.deepEqual([engine.status.epoch, engine.status.membership], [1, createMembership([1n, 2n])]);
    assert.throws(() => genesis(createMembership([]), new Uint8Array()), /no voter/);
  });

  it("from nothing waits to be told", () => {
    const engine = new Raft({ ...defaultEngine, id: 1n, seed: 1 }, nothing, 0);
    for (let now = 0; now < 10_000; now += 50) engine.step({ type: "tick" }, now);
    assert.deepEqual([engine.status.role, engine.status.epoch, engine.status.lastIndex], ["follower", 0, 0]);
    assert.equal(engine.effects().write, null);
  });

  it("gives out what it knew to be committed, at once", () => {
    const solo = new Solo({ epochs: [1, 1, 1], state: { commit: 3 } });
    assert.deepEqual(
      solo.take().committed.map(({ index }) => index),
      [1, 2, 3],
    );
  });

  it("refuses options that cannot work, naming them", () => {
    const wrong: [Partial<EngineOptions>, RegExp][] = [
      [{ id: 0n }, /member id 0/],
      [{ electionTimeoutMs: 150 }, /electionTimeoutMs is 150: it must be at least twice heartbeatIntervalMs \(100\)/],
      [{ electionTimeoutMs: Number.NaN }, /electionTimeoutMs is NaN/],
      [{ maxInflightMessages: 0 }, /maxInflightMessages is 0/],
      [{ leaseReads: true, clockDriftMs: 950 }, /clockDriftMs is 950/],
      [{ clockDriftMs: -1 }, /clockDriftMs is -1/],
      [{ priority: 0.5 }, /priority is 0.5/],
    ];
    for (const [options, pattern] of wrong) {
      const make = (): Raft => new Raft({ ...defaultEngine, id: 1n, seed: 1, ...options }, nothing, 0);
      assert.throws(
        make,
        (error) => error instanceof QuorateError && error.code === "CONFIG" && pattern.test(error.message),
      );
    }
  });

  it("refuses a state that it did not write", () => {
    const make = (): Raft =>
      new Raft({ ...defaultEngine, id: 1n, seed: 1 }, { ...nothing, state: new Uint8Array(3) }, 0);
    assert.throws(make, (error) => error instanceof QuorateError && error.code === "CORRUPT");
  });
});

describe("a Raft engine's effects", () => {
  it("are empty when there is nothing to do", () => {
    const solo = new Solo();
    solo.take();
    const {
      write,
      messages,
      committed,
      reads,
      refused,
      accepted,
      sendSnapshot,
      installSnapshot,
      notices,
      statusChanged,
      wakeAt,
    } = solo.take();
    assert.deepEqual(
      [
        write,
        messages,
        committed,
        reads,
        refused,
        accepted,
        sendSnapshot,
        installSnapshot,
        notices,
        statusChanged,
        wakeAt,
      ],
      [null, [], [], [], [], [], [], null, [], false, null],
    );
  });

  it("tell of each change of status once", () => {
    const solo = new Solo();
    solo.take();
    assert.equal(solo.append(2n, 2, { index: 1, epoch: 1 }, []).statusChanged, true);
    assert.equal(solo.append(2n, 2, { index: 1, epoch: 1 }, [command(2, 2)], 2).statusChanged, false);
    assert.equal(solo.append(3n, 3, { index: 1, epoch: 1 }, []).statusChanged, true);
  });

  it("are the same for the same inputs and seed", () => {
    const run = (): unknown => {
      const solo = new Solo();
      return [solo.settle(), solo.propose(), solo.tick(100), solo.step({ type: "read", id: 1 })];
    };
    assert.deepEqual(run(), run());
  });
});

describe("a Raft engine's assertions", () => {
  it("find wrong use by its owner", () => {
    const wrong: [Input, RegExp][] = [
      [{ type: "durable", write: 5 }, /write 5 cannot be durable/],
      [{ type: "applied", index: 9 }, /applied 9, but only/],
    ];
    for (const [input, pattern] of wrong) {
      assert.throws(
        () => new Solo().step(input),
        (error) => error instanceof InvariantViolation && pattern.test(error.message),
      );
    }
  });

  const state = (): RaftState =>
    new RaftState(
      { ...defaultEngine, id: 1n, seed: 1 },
      { ...nothing, entries: [membershipEntry(1, 1, createMembership([1n, 2n, 3n])), command(1, 2)] },
      0,
    );

  it("bite on a state that cannot be", () => {
    const broken: [(s: RaftState) => void, RegExp][] = [
      [(s) => (s.applied = 3), /applied is beyond what was given out: follower 1 .* applied 3/],
      [(s) => (s.emitted = 2), /gave out more than is committed/],
      [(s) => (s.commit = 5), /commit is beyond the last entry: .* log 1 to 2 .* commit 5/],
      [(s) => (s.epoch = 0), /the last entry is of a later epoch/],
      [(s) => (s.role = "leader"), /leading without a leadership/],
      [(s) => (s.leader = 1n), /leading without believing so/],
      [(s) => (s.role = "candidate"), /another's vote: candidate 1 .* vote 0/],
    ];
    checkBasic(state());
    for (const [harm, pattern] of broken) {
      const s = state();
      harm(s);
      assert.throws(() => checkBasic(s), pattern);
    }
  });

  it("bite on a change that cannot be", () => {
    const broken: [(s: RaftState) => void, RegExp][] = [
      [(s) => s.epoch--, /the epoch went back/],
      [(s) => s.commit--, /commit went back: .* commit 1/],
      [(s) => (s.vote = 3n), /two votes in one epoch: .* vote 3/],
      [(s) => (s.leader = 3n), /two leaders in one epoch: .* leader 3/],
      [(s) => s.emitted--, /what was given out went back/],
    ];
    for (const [harm, pattern] of broken) {
      const s = state();
      Object.assign(s, { commit: 2, emitted: 1, vote: 2n, leader: 2n });
      const before = new Before();
      before.remember(s);
      checkChange(before, s);
      harm(s);
      assert.throws(() => checkChange(before, s), pattern);
    }
  });
});

describe("remote input", () => {
  it("that is garbage is dropped and counted, and told of less and less often", () => {
    const solo = new Solo();
    let told = 0;
    for (let i = 0; i < 100; i++) {
      told += solo.step({ type: "message", from: 2n, bytes: new Uint8Array(i) }).notices.length;
    }
    assert.deepEqual([solo.engine.status.droppedMessages, told], [100, 7]);
  });

  it("in one's own name, or nobody's, is dropped", () => {
    const solo = new Solo();
    const vote: Message = { type: "vote", lastIndex: 9, lastEpoch: 9, transfer: false };
    assert.deepEqual([...solo.receive(1n, vote, { epoch: 5 }).sent, ...solo.receive(0n, vote, { epoch: 5 }).sent], []);
  });

  // Whatever well-formed messages come, in whatever order and role, an engine goes on. Positions are kept small so that
  // they meet what is there.
  const small = fc.nat(8);
  const epoch = fc.integer({ min: 1, max: 8 });
  const peer = fc.constantFrom(2n, 3n, 4n);
  const entries = fc.tuple(small, fc.array(fc.nat(2), { maxLength: 4 }));
  const message = fc.oneof(
    fc.tuple(small, small, entries).map(([prevIndex, commit, [first, steps]]): Message => {
      let at = Math.min(first, 4);
      const list = steps.map((step, i) => command((at = Math.min(8, at + step)), prevIndex + i + 1));
      return { type: "append", session: 1, prevIndex, prevEpoch: Math.min(first, 4), commit, entries: list };
    }),
    fc.tuple(fc.boolean(), small, small, small).map(
      ([ok, index, hintIndex, hintEpoch]): Message => ({
        type: "appendResponse",
        session: 1,
        ok,
        index,
        hintIndex,
        hintEpoch,
        lastIndex: index,
      }),
    ),
    fc.tuple(small, small, fc.boolean(), fc.boolean()).map(
      ([commitIndex, commitEpoch, answer, trusted]): Message => ({
        type: "heartbeat",
        session: 1,
        toIncarnation: 1,
        round: 1,
        sentAt: 0,
        commitIndex,
        commitEpoch,
        answer,
        trusted,
      }),
    ),
    small.map((round): Message => ({ type: "heartbeatResponse", session: 1, round, sentAt: 0, promiseMs: 500 })),
    fc
      .tuple(small, small, fc.boolean(), fc.constantFrom("vote" as const, "preVote" as const))
      .map(([lastIndex, lastEpoch, transfer, type]): Message => ({ type, lastIndex, lastEpoch, transfer })),
    fc
      .tuple(small, fc.boolean())
      .map(([proposedEpoch, granted]): Message => ({ type: "preVoteResponse", proposedEpoch, granted })),
    fc.boolean().map((granted): Message => ({ type: "voteResponse", granted })),
    fc.constant<Message>({ type: "timeoutNow" }),
    small.map((token): Message => ({ type: "readRequest", token })),
  );
  const happening = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        what: fc.constant("message" as const),
        from: peer,
        epoch,
        message,
        incarnation: fc.integer({ min: 1, max: 2 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ what: fc.constant("time" as const), ms: fc.nat(600) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant("sync" as const) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant("propose" as const) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constantFrom("linkLost" as const, "linkUp" as const), from: peer }) },
  );

  it("that is well formed but makes no sense never stops an engine", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
        const solo = new Solo({ epochs: [1, 2] });
        for (const each of happenings) {
          if (each.what === "time") solo.tick(each.ms);
          else if (each.what === "sync") solo.sync();
          else if (each.what === "propose") solo.propose();
          else if (each.what !== "message") solo.step({ type: each.what, peer: each.from });
          else {
            const { message: m } = each;
            const newest = m.type === "append" ? Math.max(m.prevEpoch, m.entries.at(-1)?.epoch ?? 0) : 0;
            solo.receive(each.from, m, { epoch: Math.max(each.epoch, newest), incarnation: each.incarnation });
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  it("a member that speaks of an epoch of its own is answered only if it takes part", () => {
    const solo = new Solo();
    solo.settle();
    solo.receive(9n, { type: "voteResponse", granted: false }, { epoch: 30 });
    assert.equal(solo.engine.status.role, "leader");
    const { notices } = solo.receive(2n, { type: "voteResponse", granted: false }, { epoch: 30 });
    assert.equal(solo.engine.status.role, "follower");
    assert.ok(notices.some(({ message }) => message.includes("2 is in epoch 30")));
    assert.equal(ofType(solo.tick(30).sent, "preVote").length, 2, "and stands again soon");
  });
});
