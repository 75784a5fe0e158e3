import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Ballots } from "./ballots.ts";

describe("ballots", () => {
  it("say in which round each slot was accepted", () => {
    const ballots = new Ballots([
      { from: 3, round: 5 },
      { from: 6, round: 0 },
      { from: 7, round: 5 },
    ]);
    assert.deepEqual(
      [2, 3, 5, 6, 7, 99].map((slot) => ballots.at(slot)),
      [0, 5, 5, 0, 5, 5],
    );
    assert.deepEqual([ballots.endOf(3, 9), ballots.endOf(6, 9), ballots.endOf(8, 9)], [5, 6, 9]);
    assert.deepEqual([ballots.nextIn(5, 5), ballots.nextIn(5, 7), ballots.nextIn(4, 0)], [7, 0, 0]);
    assert.equal(ballots.lastRound, 5);
  });

  it("nothing changes while one leader's values come in order", () => {
    const ballots = new Ballots();
    assert.equal(ballots.goOn(1, 4), true);
    assert.equal(ballots.goOn(2, 4), false);
    assert.equal(ballots.goOn(3, 5), true);
    ballots.trim(2);
    assert.deepEqual(ballots.runs, [{ from: 3, round: 5 }]);
    // The last run stays when all its slots are decided: the next value goes on with it.
    ballots.trim(9);
    assert.equal(ballots.goOn(10, 5), false);
  });

  it("are the same as one number a slot", () => {
    const rounds = fc.array(fc.nat({ max: 3 }), { maxLength: 12 });
    const replacement = fc.record({ from: fc.integer({ min: 1, max: 12 }), rounds });
    fc.assert(
      fc.property(rounds, fc.array(replacement, { maxLength: 5 }), (initial, replacements) => {
        const ballots = new Ballots();
        let model = [...initial];
        ballots.replace(1, model);
        for (const { from, rounds: next } of replacements) {
          if (from > model.length + 1) continue;
          const runsBefore = ballots.runs;
          model = [...model.slice(0, from - 1), ...next];
          const changed = ballots.replace(from, next);
          if (!changed) assert.deepEqual(ballots.runs, runsBefore);
          for (const [at, round] of model.entries()) assert.equal(ballots.at(at + 1), round);
        }
        model.forEach((round, at) => {
          let end = at + 1;
          while (end < model.length && model[end] === round) end++;
          assert.equal(ballots.endOf(at + 1, model.length), end);
        });
      }),
    );
  });
});
