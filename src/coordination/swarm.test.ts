/**
 * Random lives of programs that use all recipes at once. A fixed set of seeds runs with the unit tests; more with
 *
 *     QUORATE_SEEDS=1000:500 node --test src/coordination/swarm.test.ts      500 seeds from 1000 on
 *
 * A failure names its seed, which alone brings the same run back.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runSwarm } from "./testing/swarm.ts";

const [first = 1, count = 4] = (process.env.QUORATE_SEEDS ?? "1:4").split(":").map(Number);

test("the same seed is the same run", async () => {
  assert.deepEqual(await runSwarm(7), await runSwarm(7));
});

test(`recipes keep their promises with seeds ${first} to ${first + count - 1}`, async () => {
  assert.ok(Number.isInteger(first) && Number.isInteger(count) && count > 0, "QUORATE_SEEDS is start:count");
  for (let seed = first; seed < first + count; seed++) {
    const { grants, adds } = await runSwarm(seed);
    // A swarm in which nothing happens proves nothing.
    for (const [recipe, granted] of Object.entries(grants)) {
      assert.ok(granted > 30, `seed ${seed}: ${recipe} was granted ${granted} times`);
    }
    assert.ok(adds.acknowledged > 100 && adds.unknown > 0, `seed ${seed}: adds ${JSON.stringify(adds)}`);
  }
});
