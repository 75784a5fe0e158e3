/**
 * Random lives of whole clusters under Zab; more of them with
 *
 *     QUORATE_SEEDS=1000:5000 node --test src/consensus/zab/swarm.test.ts      5000 seeds from 1000 on
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { drawPlan, runSwarm } from "../testing/swarm.ts";
import { zabKind, zabWith } from "./kind.ts";

const [first = 1, count = 200] = (process.env.QUORATE_SEEDS ?? "1:200").split(":").map(Number);

describe("swarm", () => {
  it("the same seed is the same run", () => {
    assert.deepEqual(runSwarm(zabKind, drawPlan(7)), runSwarm(zabKind, drawPlan(7)));
  });

  it(`zab survives seeds ${first} to ${first + count - 1}, every fifth with epochs that are soon used up`, () => {
    assert.ok(Number.isInteger(first) && Number.isInteger(count) && count > 0, "QUORATE_SEEDS is start:count");
    let committed = 0;
    let reads = 0;
    for (let seed = first; seed < first + count; seed++) {
      const kind = seed % 5 === 0 ? zabWith({ entriesPerEpoch: 20 }) : zabKind;
      const result = runSwarm(kind, drawPlan(seed));
      committed += result.committed;
      reads += result.reads;
    }
    // A swarm in which nothing happens proves nothing.
    assert.ok(committed > 10 * count && reads > 5 * count, `${committed} entries and ${reads} reads in ${count} runs`);
  });
});
