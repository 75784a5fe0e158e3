/**
 * The same load on a real etcd and on Quorate, in one run: three members each on loopback, default settings, h2load at
 * the leader, one rung after the other and on each rung first the one, then the other. Only the ratios mean something.
 *
 *   node bench/ladder.ts [--seconds 5] [--only put,range,serializable] [--rungs 1x1,50x1] [--warm-up 5] [--repeat 1]
 *     [--check]
 *
 * `--warm-up` seconds of puts run on both before the first rung: a process that has just started is not what a fleet
 * meets. With `--repeat`, both take turns that often on each rung and the median run of each counts. `--check` ends
 * with exit code 1 if a promise of the project is not kept.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ClusterUnderTest } from "../test/support/cluster.ts";
import type { TargetName } from "../test/support/target.ts";
import { describeEnvironment } from "./environment.ts";
import { h2load, type Measured, nameOf, type Rung } from "./h2load.ts";
import { type Method, writePayload } from "./payloads.ts";
import { measureRung, medianRun } from "./rung.ts";
import { figure, table } from "./table.ts";

const METHODS: readonly Method[] = ["put", "range", "serializable"];
const RUNGS: readonly Rung[] = [
  { connections: 1, streams: 1 },
  { connections: 10, streams: 1 },
  { connections: 50, streams: 1 },
  { connections: 10, streams: 10 },
  { connections: 10, streams: 100 },
];

interface Row {
  readonly method: Method;
  readonly rung: string;
  readonly etcd: Measured;
  readonly quorate: Measured;
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    only: { type: "string", default: METHODS.join(",") },
    rungs: { type: "string", default: RUNGS.map(nameOf).join(",") },
    "warm-up": { type: "string", default: "5" },
    repeat: { type: "string", default: "1" },
    check: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) refuse(`--seconds is "${values.seconds}": use a number above 0`);
const warmUp = Number(values["warm-up"]);
if (!(warmUp >= 0)) refuse(`--warm-up is "${values["warm-up"]}": use a number from 0 up`);
const repeat = Number(values.repeat);
if (!Number.isInteger(repeat) || repeat < 1) refuse(`--repeat is "${values.repeat}": use a whole number from 1 up`);
const methods = choose("--only", values.only, METHODS, (method) => method);
const rungs = choose("--rungs", values.rungs, RUNGS, nameOf);

console.log(describeEnvironment());
const folder = mkdtempSync(join(tmpdir(), "quorate-ladder-"));
const clusters = new Map<TargetName, ClusterUnderTest>();
try {
  for (const target of ["etcd", "quorate"] as const) clusters.set(target, await ClusterUnderTest.start({ target }));
  if (warmUp > 0) {
    for (const cluster of clusters.values()) {
      const { endpoint } = await cluster.leader();
      await h2load(endpoint, { connections: 10, streams: 10 }, writePayload(folder, "put"), warmUp);
    }
  }
  const rows: Row[] = [];
  for (const method of methods) {
    for (const rung of rungs) {
      const runs: Record<TargetName, Measured[]> = { etcd: [], quorate: [] };
      for (let turn = 0; turn < repeat; turn++) {
        for (const target of ["etcd", "quorate"] as const) {
          runs[target].push(
            await measureRung(clusters.get(target) as ClusterUnderTest, method, rung, { folder, seconds }),
          );
        }
      }
      const [etcd, quorate] = [medianRun(runs.etcd), medianRun(runs.quorate)];
      rows.push({ method, rung: nameOf(rung), etcd, quorate });
      console.error(`${method} ${nameOf(rung)}: ${figure(etcd.perSecond)} and ${figure(quorate.perSecond)} a second`);
    }
  }
  report(rows);
} finally {
  for (const cluster of clusters.values()) await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}

function report(rows: readonly Row[]): void {
  const head = ["", "load", "etcd /s", "Quorate /s", "ratio", "etcd mean ms", "Quorate mean ms", "ratio"];
  const lines = rows.map(({ method, rung, etcd, quorate }) => [
    method,
    rung,
    figure(etcd.perSecond),
    figure(quorate.perSecond),
    (quorate.perSecond / etcd.perSecond).toFixed(2),
    figure(etcd.meanMs),
    figure(quorate.meanMs),
    (quorate.meanMs / etcd.meanMs).toFixed(2),
  ]);
  console.log(`\n${table([head, ...lines])}\n`);
  promise(rows, "50x1", "puts a second, of etcd's, at 50x1: at least 0.8", (row) => {
    const ratio = row.quorate.perSecond / row.etcd.perSecond;
    return [ratio, ratio >= 0.8];
  });
  promise(rows, "1x1", "a put's mean latency, of etcd's, at 1x1: at most 1", (row) => {
    const ratio = row.quorate.meanMs / row.etcd.meanMs;
    return [ratio, ratio <= 1];
  });
}

function promise(rows: readonly Row[], rung: string, what: string, judge: (row: Row) => [number, boolean]): void {
  const row = rows.find((candidate) => candidate.method === "put" && candidate.rung === rung);
  if (row === undefined) return;
  const [ratio, kept] = judge(row);
  console.log(`${kept ? "kept  " : "BROKEN"}  ${what}; it is ${ratio.toFixed(2)}`);
  if (!kept && values.check) process.exitCode = 1;
}

function choose<T>(option: string, text: string, all: readonly T[], name: (item: T) => string): T[] {
  return text.split(",").map((word) => {
    const found = all.find((item) => name(item) === word);
    if (found === undefined) refuse(`${option} has "${word}": choose from ${all.map(name).join(", ")}`);
    return found;
  });
}

function refuse(line: string): never {
  console.error(`ladder: ${line}`);
  process.exit(2);
}
