/**
 * The engines side by side, one three-member cluster each with default settings: puts at 1x1 and 50x1, and how long
 * nobody can write after `kill -9` of the leader.
 *
 *   npm run bench -- --engines [--seconds 5] [--repeat 3] [--rounds 5] [--only raft,paxos] [--check]
 *
 * Turns alternate between the engines, so that what else the machine does meets all of them. `--check` ends with exit
 * code 1 if a promise of the project is broken: each engine has at least 0.8 of Raft's puts at 50x1, and at most twice
 * its time without writes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { engines as known } from "../src/consensus/engines.ts";
import { ClusterUnderTest } from "../test/support/cluster.ts";
import { describeEnvironment } from "./environment.ts";
import { h2load, type Measured, nameOf, type Rung } from "./h2load.ts";
import { killLeaderOf } from "./kill-leader.ts";
import { median } from "./median.ts";
import { writePayload } from "./payloads.ts";
import { measureRung, medianRun } from "./rung.ts";
import { figure, table } from "./table.ts";

const YARDSTICK = "raft";
const ALONE: Rung = { connections: 1, streams: 1 };
const MANY: Rung = { connections: 50, streams: 1 };
const LEAST_RATE = 0.8;
const MOST_GAP = 2;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: [...known.keys()].join(",") },
    seconds: { type: "string", default: "5" },
    repeat: { type: "string", default: "3" },
    rounds: { type: "string", default: "5" },
    check: { type: "boolean", default: false },
  },
});
const engines = values.only.split(",");
for (const engine of engines) {
  if (!known.has(engine)) refuse(`--only names "${engine}": choose from ${[...known.keys()].join(", ")}`);
}
const seconds = positive("seconds", values.seconds);
const repeat = positive("repeat", values.repeat);
const rounds = positive("rounds", values.rounds);

console.log(describeEnvironment());
const folder = mkdtempSync(join(tmpdir(), "quorate-engines-"));
const clusters = new Map<string, ClusterUnderTest>();
try {
  for (const engine of engines) {
    const cluster = await ClusterUnderTest.start({ target: "quorate", engine });
    clusters.set(engine, cluster);
    await h2load(
      (await cluster.leader()).endpoint,
      { connections: 10, streams: 10 },
      writePayload(folder, "put"),
      seconds,
    );
  }
  report(await measureAll(ALONE), await measureAll(MANY), await killAll());
} finally {
  for (const cluster of clusters.values()) await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function measureAll(rung: Rung): Promise<Map<string, Measured>> {
  const runs = new Map<string, Measured[]>(engines.map((engine) => [engine, []]));
  for (let turn = 1; turn <= repeat; turn++) {
    for (const [engine, cluster] of clusters) {
      const run = await measureRung(cluster, "put", rung, { folder, seconds });
      runs.get(engine)?.push(run);
      console.error(`${nameOf(rung)}, turn ${turn}, ${engine}: ${figure(run.perSecond)} puts a second`);
    }
  }
  return new Map([...runs].map(([engine, all]) => [engine, medianRun(all)]));
}

async function killAll(): Promise<Map<string, number>> {
  const gaps = new Map<string, number[]>(engines.map((engine) => [engine, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [engine, cluster] of clusters) {
      const gap = await killLeaderOf(cluster);
      gaps.get(engine)?.push(gap);
      console.error(`kill ${round}, ${engine}: ${gap.toFixed(0)} ms without writes`);
    }
  }
  return new Map([...gaps].map(([engine, all]) => [engine, median(all)]));
}

function report(alone: Map<string, Measured>, many: Map<string, Measured>, gaps: Map<string, number>): void {
  const rows = engines.map((engine) => [
    engine,
    figure(alone.get(engine)?.meanMs ?? 0),
    figure(many.get(engine)?.perSecond ?? 0),
    figure(many.get(engine)?.meanMs ?? 0),
    (gaps.get(engine) ?? 0).toFixed(0),
  ]);
  const head = ["", "put 1x1, mean ms", "put 50x1 /s", "mean ms", "without writes after kill -9, ms"];
  console.log(`\n${table([head, ...rows])}\n`);
  const yardstick = { rate: many.get(YARDSTICK)?.perSecond, gap: gaps.get(YARDSTICK) };
  if (yardstick.rate === undefined || yardstick.gap === undefined) return;
  for (const engine of engines.filter((each) => each !== YARDSTICK)) {
    const rate = (many.get(engine)?.perSecond ?? 0) / yardstick.rate;
    promise(
      rate >= LEAST_RATE,
      `${engine}: puts a second, of ${YARDSTICK}'s: at least ${LEAST_RATE}; it is ${rate.toFixed(2)}`,
    );
    const gap = (gaps.get(engine) ?? 0) / yardstick.gap;
    promise(
      gap <= MOST_GAP,
      `${engine}: time without writes, of ${YARDSTICK}'s: at most ${MOST_GAP}; it is ${gap.toFixed(2)}`,
    );
  }
}

function promise(kept: boolean, what: string): void {
  console.log(`${kept ? "kept  " : "BROKEN"}  ${what}`);
  if (!kept && values.check) process.exitCode = 1;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) refuse(`--${option} is "${text}": use a whole number from 1 up`);
  return value;
}

function refuse(line: string): never {
  console.error(`engines: ${line}`);
  process.exit(2);
}
