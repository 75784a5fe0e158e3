/** Situations in which the simulator found a fault, made by hand: so they stay, whatever the seeds stand for later. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Fault } from "./faults/fault.ts";
import { drawPlan } from "./plan/draw.ts";
import type { WorkloadPlan } from "./plan/workload-plan.ts";
import { runPlan, type SeedResult } from "./run-seed.ts";

const once = { forMs: 0, other: 0, amount: 0 };
/** Clusters that differ in their limits, delays and disks. */
const SEEDS = [1, 3, 23];
const KEPT_LINES = 100_000;

/** Clients that do little: what counts is who hears of it. */
const quiet: WorkloadPlan = {
  clients: 2,
  thinkMs: 200,
  keys: 3,
  valueBytes: 8,
  mix: {
    put: 3,
    get: 2,
    range: 0,
    history: 0,
    serializable: 0,
    deleteRange: 0,
    compareAndSet: 0,
    multi: 0,
    compact: 0,
  },
  patienceMs: 2_000,
  watchers: 1,
  readers: 0,
  leaseholders: 0,
  lockers: 0,
};

/** Members with quick elections, and these faults. */
async function run(seed: number, durationMs: number, faults: readonly Fault[], members = 3): Promise<SeedResult> {
  const plan = drawPlan(seed, { members, durationMs, faults: [] });
  const cluster = { ...plan.cluster, electionMs: 300, heartbeatMs: 30, priorities: false };
  const result = await runPlan({ ...plan, cluster, workload: quiet, faults }, KEPT_LINES);
  assert.equal(result.failure, null, `seed ${seed}: ${result.failure?.property}\n${result.failure?.message}`);
  for (const { kind } of faults) assert.ok(result.faults.has(kind), `seed ${seed}: no ${kind} took place`);
  return result;
}

/** Asserts that lines of the trace match these, in this order. */
function assertTold({ trace, seed }: SeedResult, patterns: readonly RegExp[]): void {
  let at = 0;
  for (const pattern of patterns) {
    const found = trace.slice(at).findIndex((line) => pattern.test(line));
    assert.ok(found >= 0, `seed ${seed}: nothing like ${pattern} behind line ${at} of the trace`);
    at += found + 1;
  }
}

suite("found by the simulator", () => {
  // Seed 23: m2 heard the leader, whom its log did not name, had no link to it, and stayed behind for ever.
  test("a member that was away while another was added and took the lead can answer it", async () => {
    for (const seed of SEEDS) {
      const result = await run(seed, 12_000, [
        { ...once, kind: "kill", at: 2_000, forMs: 9_000, target: 2 },
        { ...once, kind: "addLearner", at: 4_000, target: 0 },
        { ...once, kind: "transfer", at: 9_000, target: 3 },
      ]);
      assertTold(result, [/m2 +is killed/, /operator +promote m3: done/, /m3 +leads epoch/, /m2 +starts, life 2/]);
    }
  });

  // Seed 1: m2 knew m0 and m1, which took its connections and told it nothing; it stood for pre-votes for ever.
  test("a member that was removed while it was away is told so by those it knows, and ends", async () => {
    for (const seed of SEEDS) {
      const result = await run(seed, 12_000, [
        { ...once, kind: "kill", at: 2_000, forMs: 7_500, target: 2 },
        { ...once, kind: "remove", at: 3_500, target: 2 },
      ]);
      assertTold(result, [
        /operator +remove m2: done/,
        /m2 +starts, life 2/,
        /m2 +ends: member \w+ was removed from the cluster, as member \w+ says/,
      ]);
    }
  });

  // The same, of one that was connected all the time, but to all others than the leader that removed it.
  test("a member that never got the entry of its removal is told when the others have let go of it", async () => {
    for (const seed of SEEDS) {
      const cut = { ...once, kind: "cutLink", at: 2_500, forMs: 12_000 } as const;
      const result = await run(seed, 14_500, [
        { ...once, kind: "transfer", at: 2_000, target: 0 },
        { ...cut, target: 0, other: 2 },
        { ...cut, target: 2, other: 0 },
        { ...once, kind: "remove", at: 3_500, target: 2 },
      ]);
      assertTold(result, [/operator +remove m2: done/, /m2 +ends: member \w+ was removed from the cluster/]);
    }
  });

  // Seed 102: a change of a cluster of one to two is committed by both, and the second was let in by nobody before that.
  test("the second voter joins, though only it can make its addition good, and its first start is late", async () => {
    for (const seed of SEEDS) {
      const result = await run(
        seed,
        14_000,
        [
          { ...once, kind: "addVoter", at: 2_000, target: 0 },
          { ...once, kind: "crash", at: 2_500, forMs: 1_000, target: 0 },
        ],
        1,
      );
      assertTold(result, [/m0 +loses power/, /m1 +serves/, /operator +add voter m1: done/]);
    }
  });
});
