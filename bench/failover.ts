/**
 * How long nobody can write after `kill -9` of the leader, for etcd and for Quorate with default settings.
 *
 * A put leaves every millisecond, to the two surviving members in turn, whether or not earlier ones were answered: a
 * client that waits for its answer would measure its own patience. The gap is the longest time between two
 * acknowledgements around the kill.
 *
 *   node bench/failover.ts [--rounds 10] [--check]
 *
 * `--check` ends with exit code 1 if the project's promise (0.3 of etcd's median) is not kept.
 */
import { parseArgs } from "node:util";
import { ClusterUnderTest } from "../test/support/cluster.ts";
import type { TargetName } from "../test/support/target.ts";
import { describeEnvironment } from "./environment.ts";
import { killLeaderOf } from "./kill-leader.ts";
import { median } from "./median.ts";
import { table } from "./table.ts";

const PROMISED_RATIO = 0.3;

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "10" }, check: { type: "boolean", default: false } },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`failover: --rounds is "${values.rounds}": use a whole number from 1 up`);
  process.exit(2);
}

console.log(describeEnvironment());
const clusters = new Map<TargetName, ClusterUnderTest>();
const gaps: Record<TargetName, number[]> = { etcd: [], quorate: [] };
try {
  for (const target of ["etcd", "quorate"] as const) clusters.set(target, await ClusterUnderTest.start({ target }));
  for (let round = 1; round <= rounds; round++) {
    for (const [target, cluster] of clusters) {
      const gap = await killLeaderOf(cluster);
      gaps[target].push(gap);
      console.error(`round ${round}, ${target}: ${gap.toFixed(0)} ms without writes`);
    }
  }
} finally {
  for (const cluster of clusters.values()) await cluster.stop();
}
report();

function report(): void {
  const row = (name: string, times: readonly number[]): string[] => [
    name,
    median(times).toFixed(0),
    Math.min(...times).toFixed(0),
    Math.max(...times).toFixed(0),
  ];
  console.log(`\nMilliseconds without writes after kill -9 of the leader, ${rounds} rounds`);
  console.log(table([["", "median", "shortest", "longest"], row("etcd", gaps.etcd), row("Quorate", gaps.quorate)]));
  const ratio = median(gaps.quorate) / median(gaps.etcd);
  const kept = ratio <= PROMISED_RATIO;
  console.log(`\n${kept ? "kept  " : "BROKEN"}  of etcd's median at most ${PROMISED_RATIO}; it is ${ratio.toFixed(2)}`);
  if (!kept && values.check) process.exitCode = 1;
}
