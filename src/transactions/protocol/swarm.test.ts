/**
 * Random lives of both protocols. A fixed set of seeds runs with the unit tests; more with
 *
 *     QUORATE_SEEDS=1000:5000 node --test src/transactions/protocol/swarm.test.ts      5000 seeds from 1000 on
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runLife } from "./testing/swarm.ts";

const [first = 1, count = 300] = (process.env.QUORATE_SEEDS ?? "1:300").split(":").map(Number);

describe("swarm of commit protocols", () => {
  it("the same seed is the same run", () => {
    assert.deepEqual(runLife(7), runLife(7));
  });

  it(`survives seeds ${first} to ${first + count - 1}`, () => {
    assert.ok(Number.isInteger(first) && Number.isInteger(count) && count > 0, "QUORATE_SEEDS is start:count");
    const sums = { committed: 0, aborted: 0, crashes: 0 };
    for (let seed = first; seed < first + count; seed++) {
      const { failure, committed, aborted, crashes } = runLife(seed);
      if (failure !== null) assert.fail(`seed ${seed}: ${failure.property}: ${failure.message}`);
      sums.committed += committed;
      sums.aborted += aborted;
      sums.crashes += crashes;
    }
    // A swarm in which nothing happens proves nothing.
    for (const [what, sum] of Object.entries(sums)) assert.ok(sum > count, `${sum} ${what} in ${count} runs`);
  });
});
