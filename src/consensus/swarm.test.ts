/**
 * Random lives of whole clusters. A fixed set of seeds runs with the unit tests; more with
 *
 *     QUORATE_SEEDS=1000:5000 node --test src/consensus/swarm.test.ts      5000 seeds from 1000 on
 *
 * A failure names its seed, which alone brings the same run back.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { raftProtocol } from "./testing/raft-protocol.ts";
import { drawPlan, runSwarm } from "./testing/swarm.ts";

const [first = 1, count = 200] = (process.env.QUORATE_SEEDS ?? "1:200").split(":").map(Number);

describe("swarm", () => {
  it("the same seed is the same run", () => {
    assert.deepEqual(runSwarm(raftProtocol, drawPlan(7)), runSwarm(raftProtocol, drawPlan(7)));
  });

  it(`raft survives seeds ${first} to ${first + count - 1}`, () => {
    assert.ok(Number.isInteger(first) && Number.isInteger(count) && count > 0, "QUORATE_SEEDS is start:count");
    let committed = 0;
    let reads = 0;
    for (let seed = first; seed < first + count; seed++) {
      const result = runSwarm(raftProtocol, drawPlan(seed));
      committed += result.committed;
      reads += result.reads;
    }
    // A swarm in which nothing happens proves nothing.
    assert.ok(committed > 10 * count && reads > 5 * count, `${committed} entries and ${reads} reads in ${count} runs`);
  });
});
