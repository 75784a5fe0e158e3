import assert from "node:assert/strict";
import { test } from "node:test";
import { runSeed } from "../run-seed.ts";

const DURATION_MS = 1_500;

test("the same seed is the same life of programs, byte for byte", async () => {
  for (const [seed, engine] of [
    [11, "raft"],
    [12, "paxos"],
    [13, "zab"],
  ] as const) {
    const options = { seed, engine, recipes: true, durationMs: DURATION_MS };
    const [first, second] = [await runSeed(options), await runSeed(options)];
    assert.equal(first.failure, null, `${engine}, seed ${seed}: ${first.failure?.message}`);
    assert.equal(second.traceHash, first.traceHash, `seed ${seed} gave two different runs`);
    assert.ok(first.entries > 50, `only ${first.entries} entries: programs have hardly lived`);
  }
});
