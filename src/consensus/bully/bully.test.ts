/** One member, step by step: what it says and whom it follows. Member 3 of 1 to 5, the highest number leads. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { largestGeneration } from "./messages.ts";
import { five, SoloBully } from "./testing/bully-solo.ts";

describe("an election", () => {
  it("asks everybody higher, and is won by silence", () => {
    const solo = new SoloBully();
    assert.deepEqual(solo.due().said, ["election@0 to 5,4"]);
    assert.equal(solo.status.role, "candidate");
    assert.deepEqual(solo.tick(99).said, []);
    const won = solo.tick(1);
    assert.deepEqual(won.said, ["coordinator@1 to 5,4,2,1"]);
    assert.deepEqual(won.leaderChanged, { leader: 3n, generation: 1 });
    assert.deepEqual(solo.tick(100).said, ["coordinator@1 to 5,4,2,1"]);
  });

  it("is left to the one that answers, and begun anew when that one does not take office", () => {
    const solo = new SoloBully();
    solo.due();
    assert.deepEqual(solo.answer(4n, 1).said, []);
    assert.equal(solo.status.role, "waiting");
    assert.deepEqual(solo.answer(5n, 1).said, []);
    assert.deepEqual(solo.due().said, ["election@0 to 5,4"]);
    assert.equal(solo.status.droppedMessages, 0);
  });

  it("waits longer each time it was answered in vain, up to eight times as long", () => {
    const solo = new SoloBully();
    const waits: number[] = [];
    for (let round = 1; round <= 6; round++) {
      solo.due();
      solo.answer(4n, round);
      waits.push(Math.floor(((solo.bully.effects().wakeAt ?? 0) - solo.now) / 300));
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 8, 8]);
    solo.coordinator(5n, 1);
    solo.step({ type: "linkLost", peer: 5n });
    solo.due();
    solo.answer(4n, 7);
    assert.ok((solo.bully.effects().wakeAt ?? 0) - solo.now <= 400, "a leader ends the row");
  });

  it("takes no answer that is late, to a former life, or from somebody lower", () => {
    const solo = new SoloBully();
    solo.due();
    solo.answer(4n, 1);
    solo.due();
    solo.answer(4n, 1, 77, 9);
    solo.answer(4n, 2, 78, 9);
    solo.answer(2n, 2, 77, 9);
    assert.deepEqual([solo.status.role, solo.status.latestGeneration], ["candidate", 0]);
    assert.equal(solo.status.droppedMessages, 3);
  });

  it("begun by one that is answered already is not begun again because somebody lower asks", () => {
    const solo = new SoloBully();
    assert.deepEqual(solo.election(1n, 6).said, ["answer@0 to 1", "election@0 to 5,4"]);
    assert.deepEqual(solo.election(2n).said, ["answer@0 to 2"]);
    solo.answer(5n, 1);
    assert.deepEqual(solo.election(2n).said, ["answer@0 to 2"]);
  });

  it("of somebody lower does not move a follower that hears its leader", () => {
    const solo = new SoloBully();
    solo.coordinator(5n, 4);
    assert.deepEqual(solo.election(1n).said, ["answer@4 to 1"]);
    assert.equal(solo.status.leader, 5n);
  });

  it("is no business of somebody higher: its owner named other numbers", () => {
    const solo = new SoloBully();
    assert.deepEqual(solo.election(4n).said, []);
    assert.equal(solo.status.droppedMessages, 1);
  });

  it("is not needed for one that is alone or the highest", () => {
    const solo = new SoloBully({ id: 5n });
    assert.deepEqual(solo.due().said, ["coordinator@1 to 4,3,2,1"]);
    const alone = new SoloBully({ members: [{ id: 3n, number: 0 }] });
    assert.deepEqual(alone.due().leaderChanged, { leader: 3n, generation: 1 });
  });
});

describe("a follower", () => {
  it("follows who says that it leads, and hears it in each heartbeat", () => {
    const solo = new SoloBully();
    assert.deepEqual(solo.coordinator(4n, 2).leaderChanged, { leader: 4n, generation: 2 });
    for (let i = 0; i < 5; i++) {
      solo.tick(390);
      assert.equal(solo.coordinator(4n, 2).leaderChanged, null);
    }
    assert.equal(solo.status.leader, 4n);
  });

  it("loses a silent leader, and gives the next in rank time to begin", () => {
    const next = new SoloBully({ id: 4n });
    next.coordinator(5n, 1);
    assert.deepEqual(next.tick(400).leaderChanged, { leader: 0n, generation: 1 });
    assert.deepEqual(next.tick(0).said, ["election@1 to 5"]);
    const other = new SoloBully();
    other.coordinator(5n, 1);
    assert.deepEqual(other.tick(400).leaderChanged, { leader: 0n, generation: 1 });
    assert.deepEqual(other.tick(100).said, []);
    assert.deepEqual(other.tick(100).said, ["election@1 to 5,4"]);
  });

  it("loses a leader whose link broke, and nobody else's link matters", () => {
    const solo = new SoloBully();
    solo.coordinator(5n, 1);
    assert.equal(solo.step({ type: "linkLost", peer: 4n }).leaderChanged, null);
    assert.deepEqual(solo.step({ type: "linkLost", peer: 5n }).leaderChanged, { leader: 0n, generation: 1 });
  });

  it("leaves a leader it hears only for a higher one", () => {
    const solo = new SoloBully();
    solo.coordinator(4n, 3);
    assert.deepEqual(solo.coordinator(5n, 3).leaderChanged, { leader: 5n, generation: 3 });
    assert.equal(solo.coordinator(4n, 8).leaderChanged, null);
    assert.deepEqual([solo.status.leader, solo.status.latestGeneration], [5n, 8]);
  });

  it("goes with its leader to a higher generation, and objects to a lower one", () => {
    const solo = new SoloBully();
    solo.coordinator(5n, 4);
    assert.deepEqual(solo.coordinator(5n, 6).leaderChanged, { leader: 5n, generation: 6 });
    const late = solo.coordinator(5n, 4);
    assert.deepEqual([late.said, late.leaderChanged], [["objection@6 to 5"], null]);
  });

  it("stays with a leader that counts lower than others by now, and tells it", () => {
    const solo = new SoloBully();
    solo.coordinator(5n, 4);
    solo.election(1n, 1, 9);
    solo.tick(300);
    assert.deepEqual(solo.coordinator(5n, 4).said, ["objection@9 to 5"]);
    solo.tick(300);
    assert.equal(solo.status.leader, 5n, "it was heard");
  });

  it("never follows somebody lower, but takes over", () => {
    const solo = new SoloBully();
    assert.deepEqual(solo.coordinator(2n, 7).said, ["election@7 to 5,4"]);
    assert.deepEqual(solo.due().leaderChanged, { leader: 3n, generation: 8 });
  });

  it("that woke up late first hears what it missed", () => {
    const solo = new SoloBully();
    solo.coordinator(5n, 1);
    solo.tick(5000);
    assert.equal(solo.status.leader, 5n);
    solo.coordinator(5n, 1);
    solo.tick(399);
    assert.equal(solo.status.leader, 5n);
    solo.tick(201);
    solo.tick(400);
    assert.equal(solo.status.leader, 0n, "once, where every tick is late");
  });
});

describe("a leader", () => {
  it("answers one that asks, and says that it leads", () => {
    const solo = new SoloBully();
    solo.lead();
    assert.deepEqual(solo.election(1n).said, ["answer@1 to 1", "coordinator@1 to 1"]);
    assert.deepEqual(solo.step({ type: "linkUp", peer: 2n }).said, ["coordinator@1 to 2"]);
    assert.deepEqual(solo.step({ type: "linkUp", peer: 9n }).said, []);
  });

  it("yields to a higher one, but not to its past", () => {
    const solo = new SoloBully();
    solo.election(1n, 1, 6);
    solo.due();
    assert.equal(solo.status.generation, 7);
    assert.deepEqual(solo.coordinator(5n, 6).said, ["objection@7 to 5"]);
    assert.equal(solo.status.role, "leader");
    assert.deepEqual(solo.coordinator(5n, 7).leaderChanged, { leader: 5n, generation: 7 });
  });

  it("that is told of a higher generation goes on above it, at once and then with the heartbeats", () => {
    const solo = new SoloBully();
    solo.lead();
    const told = solo.receive(2n, { type: "objection", toIncarnation: 77 }, { generation: 5 });
    assert.deepEqual([told.said, told.leaderChanged], [["coordinator@6 to 5,4,2,1"], { leader: 3n, generation: 6 }]);
    const again = solo.receive(1n, { type: "objection", toIncarnation: 77 }, { generation: 8 });
    assert.deepEqual(again.said, []);
    assert.deepEqual(solo.due().said, ["coordinator@9 to 5,4,2,1"]);
    solo.receive(1n, { type: "objection", toIncarnation: 76 }, { generation: 20 });
    assert.equal(solo.status.latestGeneration, 9, "said to a former life");
  });

  it("that meets a lower one goes on above it", () => {
    const solo = new SoloBully();
    solo.lead();
    assert.deepEqual(solo.coordinator(2n, 0).said, []);
    assert.deepEqual(solo.coordinator(2n, 1).said, ["coordinator@2 to 5,4,2,1"]);
  });

  it("that was stopped for long leads no more, and listens first", () => {
    const solo = new SoloBully({ id: 5n });
    solo.lead();
    const late = solo.tick(500);
    assert.deepEqual([late.said, late.leaderChanged], [[], { leader: 0n, generation: 1 }]);
    assert.equal(solo.status.role, "listening");
    assert.equal(late.wakeAt, solo.now + 100);
  });

  it("counts no further than one can count", () => {
    const solo = new SoloBully();
    solo.election(1n, 1, largestGeneration);
    solo.due();
    assert.deepEqual([solo.status.role, solo.status.generation], ["leader", largestGeneration]);
    assert.equal(solo.coordinator(2n, largestGeneration).leaderChanged, null);
    assert.equal(solo.due().leaderChanged, null);
  });
});

describe("without preemption", () => {
  it("a member that comes first listens, and follows a lower leader", () => {
    const solo = new SoloBully({ id: 5n, preempt: false });
    assert.equal(solo.bully.effects().wakeAt, solo.now + 400);
    assert.deepEqual(solo.coordinator(2n, 4).leaderChanged, { leader: 2n, generation: 4 });
    assert.equal(solo.coordinator(1n, 9).leaderChanged, null);
    assert.deepEqual(solo.coordinator(3n, 9).leaderChanged, { leader: 3n, generation: 9 });
  });

  it("a leader that asks itself, or restarted, leads no more", () => {
    const solo = new SoloBully({ preempt: false });
    solo.coordinator(2n, 4);
    assert.deepEqual(solo.election(2n, 1, 3).said, ["answer@4 to 2"], "late, of before it led");
    const restarted = solo.receive(2n, { type: "election", round: 1, takesOver: false }, { incarnation: 99 });
    assert.deepEqual(restarted.leaderChanged, { leader: 0n, generation: 4 });
    assert.deepEqual(restarted.said, ["answer@4 to 2", "election@4 to 5,4"]);
  });

  it("a leader in a new life is one all the same, and what that life said before is late", () => {
    const solo = new SoloBully({ preempt: false });
    solo.coordinator(2n, 4, 2);
    assert.equal(solo.coordinator(2n, 4, 99).leaderChanged, null);
    const asked = { type: "election", round: 1, takesOver: false } as const;
    assert.deepEqual(solo.receive(2n, asked, { incarnation: 99, generation: 3 }).said, ["answer@4 to 2"]);
    assert.equal(solo.status.leader, 2n);
  });

  it("one that is content with a lower leader does not hold up a member between that would take over", () => {
    const solo = new SoloBully({ id: 5n, preempt: false });
    solo.coordinator(2n, 4);
    assert.deepEqual(solo.election(3n).said, []);
    assert.deepEqual(solo.election(1n).said, ["answer@4 to 1"]);
    const asks = solo.receive(3n, { type: "election", round: 2, takesOver: false });
    assert.deepEqual(asks.said, ["answer@4 to 3"]);
  });

  it("a leader still yields to a higher one", () => {
    const solo = new SoloBully({ preempt: false });
    solo.lead();
    assert.equal(solo.coordinator(2n, 9).leaderChanged?.leader, 3n);
    assert.equal(solo.coordinator(4n, 20).leaderChanged?.leader, 4n);
  });
});

describe("changed members", () => {
  const without = (...ids: bigint[]) => five.filter(({ id }) => !ids.includes(id));

  it("leave one out that is not named: it says and follows nothing", () => {
    const solo = new SoloBully();
    solo.coordinator(5n, 3);
    const left = solo.step({ type: "members", members: without(3n) });
    assert.deepEqual([left.leaderChanged, left.wakeAt], [{ leader: 0n, generation: 3 }, null]);
    assert.deepEqual(solo.coordinator(5n, 4).said, []);
    assert.deepEqual([solo.status.role, solo.status.droppedMessages], ["outside", 1]);
    assert.deepEqual(solo.tick(10_000).said, []);
    solo.step({ type: "members", members: five });
    assert.deepEqual(solo.coordinator(5n, 4).leaderChanged, { leader: 5n, generation: 4 });
  });

  it("lose a leader that is not named, and are told to new ones by the leader", () => {
    const solo = new SoloBully();
    solo.coordinator(5n, 3);
    assert.equal(solo.step({ type: "members", members: without(5n) }).leaderChanged?.leader, 0n);
    const leader = new SoloBully({ members: without(1n, 4n) });
    leader.lead();
    assert.deepEqual(leader.step({ type: "members", members: five }).said, ["coordinator@1 to 4,1"]);
  });

  it("with other numbers let one take over at once that is higher now", () => {
    const solo = new SoloBully();
    solo.coordinator(5n, 3);
    const members = [...without(3n), { id: 3n, number: 9 }];
    assert.deepEqual(solo.step({ type: "members", members }).leaderChanged, { leader: 3n, generation: 4 });
  });

  it("that cannot be are refused and change nothing", () => {
    const solo = new SoloBully();
    const members = Array.from({ length: 9 }, (_unused, i) => ({ id: BigInt(i + 1), number: i }));
    assert.throws(() => solo.step({ type: "members", members }), /9 members are too many: raise maxMembers \(8\)/);
    assert.deepEqual(solo.due().said, ["election@0 to 5,4"]);
  });
});

describe("bad input", () => {
  it("from the network is dropped and counted, whatever it is", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.bigInt(0n, 7n), fc.uint8Array({ maxLength: 30 }))), (list) => {
        const solo = new SoloBully();
        for (const [from, bytes] of list) solo.step({ type: "message", from, bytes }, 10);
        assert.ok(solo.status.droppedMessages <= list.length);
      }),
    );
    const solo = new SoloBully();
    const notices: string[] = [];
    for (let i = 0; i < 5; i++) {
      const { notices: told } = solo.step({ type: "message", from: 5n, bytes: new Uint8Array([9]) });
      notices.push(...told.map(({ message }) => message));
    }
    solo.coordinator(6n, 1);
    solo.coordinator(3n, 1);
    assert.equal(solo.status.droppedMessages, 7);
    assert.equal(notices.length, 3, "told at the 1st, 2nd and 4th");
    assert.match(notices[0] ?? "", /dropped a message from 5: message version 9/);
    assert.equal(solo.status.leader, 0n);
  });

  it("of its owner is an error: time that goes back", () => {
    const solo = new SoloBully();
    assert.throws(() => solo.bully.step({ type: "tick" }, 999), /time went from 1000 back to 999/);
  });
});
