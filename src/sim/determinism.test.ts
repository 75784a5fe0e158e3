import assert from "node:assert/strict";
import { test } from "node:test";
import { runSeed } from "./run-seed.ts";

/** Runs each twice: what differs came from outside of the simulated world. */
const SEEDS = 200;
/** Long enough for elections, faults and restarts. */
const DURATION_MS = 1_500;

test("the same seed is the same run, byte for byte", async () => {
  const hashes = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const options = { seed, durationMs: DURATION_MS };
    const [first, second] = [await runSeed(options), await runSeed(options)];
    assert.equal(second.traceHash, first.traceHash, `seed ${seed} gave two different runs`);
    assert.equal(second.events, first.events);
    hashes.add(first.traceHash);
  }
  assert.equal(hashes.size, SEEDS, "two seeds gave the same run");
});

test("whether lines are kept changes nothing", async () => {
  const bare = await runSeed({ seed: 7, durationMs: DURATION_MS });
  const told = await runSeed({ seed: 7, durationMs: DURATION_MS, keepLines: 1_000 });
  assert.equal(told.traceHash, bare.traceHash);
  assert.ok(told.trace.length > 100);
});
