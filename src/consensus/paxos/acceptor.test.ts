import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EntryKind } from "../engine.ts";
import { createMembership } from "../membership.ts";
import { decodeHardState } from "./hard-state.ts";
import { change, command, noop, ofType, Solo, type SoloEffects } from "./testing/paxos-solo.ts";

const roundsOf = (effects: SoloEffects): unknown =>
  effects.write?.state === null || effects.write === null ? null : decodeHardState(effects.write.state).runs;

describe("an acceptor", () => {
  /** After the idea of trex's property tests: every relation of ballots and slots there is. */
  it("takes a value exactly in the round it promised or a later one, whatever is in the slot", () => {
    for (const promised of [4, 5, 6]) {
      for (const held of [null, [2, 3], [3, 4], [4, 4]] as const) {
        for (const round of [3, 4, 5, 6, 7]) {
          for (const index of [1, 2, 3, 4, 5]) {
            for (const epoch of [2, 3, 4, 5]) {
              if (epoch > round) continue;
              const what = `promised ${promised}, slot 3 ${String(held)}, accept ${round} ${epoch}/${index}`;
              const solo = new Solo({ state: { round: promised, proposer: 3n }, slots: [[2, 3], held, [4, 4]] });
              const before = solo.slots;
              const value = command(epoch, index, `${epoch}/${index} of ${round}`);
              const effects = solo.accept(2n, round, [value]);
              const stored = [null, [1, 1], [2, 3], held, [4, 4], null] as const;
              // One round, one value; and its leader's list does not fall.
              const isKnown = stored[index]?.[1] === round;
              const falls = stored.some(
                (slot, at) => slot?.[1] === round && (at < index ? slot[0] > epoch : at > index && slot[0] < epoch),
              );
              const isTaken = round >= promised && index > 1 && !isKnown && !falls;
              assert.equal(solo.engine.status.epoch, Math.max(promised, round), what);
              if (round < promised) {
                assert.deepEqual([solo.slots, effects.write], [before, null], what);
                const [nack] = ofType(effects.sent, "nack");
                assert.deepEqual([nack?.envelope.round, nack?.message.asked], [promised, round], what);
              } else if (isTaken) {
                const entry = solo.engine.entryAt(index);
                assert.equal(entry?.kind === EntryKind.command && entry.epoch === epoch, true, what);
                assert.deepEqual(entry?.data, value.data, what);
              } else {
                assert.deepEqual(solo.slots, before, what);
              }
              let last = 0;
              for (let slot = 1; slot <= solo.engine.status.lastIndex; slot++) {
                const now = solo.engine.entryAt(slot)?.epoch ?? 0;
                assert.ok(now >= last, `${what}: ${solo.slots.join()}`);
                last = now;
              }
            }
          }
        }
      }
    }
  });

  it("promises exactly above what it promised, to one proposer a round", () => {
    for (const promised of [4, 5]) {
      for (const proposer of [0n, 2n, 3n]) {
        for (const round of [3, 4, 5, 6]) {
          const solo = new Solo({ state: { round: promised, proposer } });
          const { sent, write } = solo.prepare(2n, round, 2);
          const yes = round > promised || (round === promised && proposer !== 3n);
          const what = `promised ${promised} to ${proposer}, asked ${round}`;
          assert.equal(ofType(sent, "promise").length, yes ? 1 : 0, what);
          assert.equal(ofType(sent, "nack").length, yes ? 0 : 1, what);
          if (!yes || (round === promised && proposer === 2n)) continue;
          // It leaves when it is on disk.
          assert.equal(ofType(sent, "promise")[0]?.after, write?.number, what);
          const state = decodeHardState(write?.state as Uint8Array);
          assert.deepEqual([state.round, state.proposer], [round, 2n], what);
        }
      }
    }
  });

  it("counts an acceptance as a promise", () => {
    const solo = new Solo();
    solo.accept(2n, 5, [noop(5, 2)]);
    solo.sync();
    // The leader is silent and its link broken, so that nothing but the ballot speaks against another.
    solo.step({ type: "linkLost", peer: 2n });
    assert.equal(ofType(solo.prepare(3n, 4, 2).sent, "nack").length, 1);
    assert.equal(ofType(solo.prepare(3n, 5, 2).sent, "nack").length, 1);
    assert.equal(ofType(solo.prepare(3n, 6, 2).sent, "promise").length, 1);
  });

  it("takes slots in any order, and acknowledges what has no gap before it", () => {
    const solo = new Solo();
    const late = solo.accept(2n, 5, [command(5, 4)], 0);
    assert.deepEqual([solo.slots, ofType(late.sent, "accepted")[0]?.message.held], [["-", "-", "5/4"], 1]);
    assert.deepEqual(roundsOf(late), [
      { from: 2, round: 0 },
      { from: 4, round: 5 },
    ]);
    const more = solo.accept(2n, 5, [command(5, 5)]);
    assert.deepEqual(
      more.write?.entries.map(({ index }) => index),
      [5],
    );
    assert.equal(more.write?.state, null);
    const filled = solo.accept(2n, 5, [noop(5, 2), command(5, 3)]);
    assert.deepEqual([solo.slots, filled.write?.truncateFrom], [["=5/2", "5/3", "5/4", "5/5"], 2]);
    assert.deepEqual(ofType(filled.sent, "accepted")[0]?.message.held, 5);
    assert.deepEqual(roundsOf(filled), [{ from: 2, round: 5 }]);
    // In order again: nothing but the values is written.
    const next = solo.accept(2n, 5, [command(5, 6)], 4);
    assert.deepEqual([next.write?.truncateFrom, next.write?.state], [null, null]);
    assert.deepEqual(
      next.committed.map(({ index }) => index),
      [2, 3, 4],
    );
  });

  it("writes no value twice that a new leader proposes again, only its round", () => {
    const solo = new Solo({
      slots: [
        [3, 3],
        [3, 3],
        [3, 3],
      ],
    });
    const again = solo.accept(2n, 5, [command(3, 2), command(3, 3)]);
    assert.deepEqual([again.write?.entries, again.write?.truncateFrom], [[], null]);
    assert.deepEqual(roundsOf(again), [
      { from: 2, round: 5 },
      { from: 4, round: 3 },
    ]);
    assert.deepEqual(ofType(again.sent, "accepted")[0]?.message.held, 3);
    assert.equal(ofType(again.sent, "accepted")[0]?.after, again.write?.number);
    // The leader's own value behind them shows that what was in slot 4 and later was not chosen.
    solo.accept(2n, 5, [noop(5, 4)]);
    assert.deepEqual(solo.slots, ["3/2", "3/3", "=5/4"]);
  });

  it("keeps what may have been chosen behind what it takes", () => {
    const solo = new Solo({
      slots: [
        [3, 3],
        [3, 3],
        [3, 3],
      ],
    });
    solo.accept(2n, 5, [command(3, 2, "other")]);
    assert.deepEqual(solo.slots, ["3/2", "3/3", "3/4"]);
    assert.deepEqual(solo.engine.entryAt(2)?.data, command(3, 2, "other").data);
  });

  it("believes that a slot is decided only of the leader's own value", () => {
    const solo = new Solo({
      slots: [
        [3, 3],
        [3, 3],
      ],
    });
    solo.take();
    const told = solo.receive(
      2n,
      { type: "heartbeat", session: 1, toIncarnation: 0, beat: 1, sentAt: 0, decided: 3, answer: true, trusted: false },
      { round: 5 },
    );
    assert.deepEqual([told.committed, solo.engine.status.commit], [[], 1]);
    assert.equal(ofType(told.sent, "heartbeatResponse")[0]?.message.held, 1);
    // Slot 3 first: still nothing, slot 2 may hold another value.
    assert.deepEqual(solo.accept(2n, 5, [command(3, 3)], 3).committed, []);
    assert.deepEqual(
      solo.accept(2n, 5, [command(3, 2, "other")]).committed.map(({ index }) => index),
      [2, 3],
    );
  });

  it("tells its leader where a gap ends", () => {
    const solo = new Solo();
    solo.accept(2n, 5, [command(5, 4)]);
    const beat = { toIncarnation: 0, beat: 1, sentAt: 0, decided: 0, answer: true, trusted: false } as const;
    const { sent } = solo.receive(2n, { type: "heartbeat", session: 1, ...beat }, { round: 5 });
    const [answer] = ofType(sent, "heartbeatResponse");
    assert.deepEqual([answer?.message.held, answer?.message.resumes], [1, 4]);
  });

  it("drops what contradicts its round, and what is too far ahead", () => {
    const solo = new Solo();
    solo.accept(2n, 5, [command(4, 2)]);
    const dropped = solo.engine.status.droppedMessages;
    assert.deepEqual(solo.accept(2n, 5, [command(5, 2)]).sent, []);
    assert.deepEqual(solo.accept(2n, 5, [command(5, 9_999)]).sent, []);
    assert.deepEqual(solo.accept(2n, 5, [noop(5, 1)]).sent, []);
    assert.equal(solo.engine.status.droppedMessages, dropped + 3);
    assert.deepEqual(solo.slots, ["4/2"]);
    // Another leader of the same round cannot be.
    assert.deepEqual(solo.accept(3n, 5, [command(5, 3)]).sent, []);
  });

  it("saves with the same write that it passed a change of membership", () => {
    const solo = new Solo();
    const effects = solo.accept(2n, 5, [change(5, 2, createMembership([1n, 2n])), noop(5, 3)], 2);
    assert.equal(decodeHardState(effects.write?.state as Uint8Array).decided, 2);
    assert.deepEqual(solo.engine.status.membership, createMembership([1n, 2n]));
  });
});
