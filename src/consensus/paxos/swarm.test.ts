/**
 * Random lives of whole clusters, as in ../swarm.test.ts: `QUORATE_SEEDS=start:count` runs more of them.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { drawPlan, runSwarm } from "../testing/swarm.ts";
import { paxosKind } from "./kind.ts";

const [first = 1, count = 100] = (process.env.QUORATE_SEEDS ?? "1:100").split(":").map(Number);

describe("paxos swarm", () => {
  it("the same seed is the same run", () => {
    assert.deepEqual(runSwarm(paxosKind, drawPlan(7)), runSwarm(paxosKind, drawPlan(7)));
  });

  it(`paxos survives seeds ${first} to ${first + count - 1}`, () => {
    assert.ok(Number.isInteger(first) && Number.isInteger(count) && count > 0, "QUORATE_SEEDS is start:count");
    let committed = 0;
    let reads = 0;
    for (let seed = first; seed < first + count; seed++) {
      const result = runSwarm(paxosKind, drawPlan(seed));
      committed += result.committed;
      reads += result.reads;
    }
    // A swarm in which nothing happens proves nothing.
    assert.ok(committed > 10 * count && reads > 5 * count, `${committed} entries and ${reads} reads in ${count} runs`);
  });
});
