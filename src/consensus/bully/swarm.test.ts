/**
 * Random lives of whole groups. A fixed set of seeds runs with the unit tests; more with
 *
 *     QUORATE_SEEDS=1000:5000 node --test src/consensus/bully/swarm.test.ts      5000 seeds from 1000 on
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { drawBullyPlan, runBullySwarm } from "./testing/bully-swarm.ts";

const [first = 1, count = 300] = (process.env.QUORATE_SEEDS ?? "1:300").split(":").map(Number);

describe("bully swarm", () => {
  it("the same seed is the same run", () => {
    assert.deepEqual(runBullySwarm(drawBullyPlan(7)), runBullySwarm(drawBullyPlan(7)));
  });

  it(`survives seeds ${first} to ${first + count - 1}`, () => {
    assert.ok(Number.isInteger(first) && Number.isInteger(count) && count > 0, "QUORATE_SEEDS is start:count");
    let changes = 0;
    for (let seed = first; seed < first + count; seed++) changes += runBullySwarm(drawBullyPlan(seed)).changes;
    // A swarm in which nothing happens proves nothing.
    assert.ok(changes > 10 * count, `${changes} changes of leader in ${count} runs`);
  });
});
