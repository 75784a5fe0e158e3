/**
 * A million keys of 256 bytes on three members: put, a member killed and restarted, a member wiped and caught up, all
 * while someone writes and feels every pause; then what it costs in memory and on disk.
 *
 *   node bench/million.ts [--keys 1000000] [--value-bytes 256] [--target quorate|etcd] [--check]
 *
 * `--check` ends with exit code 1 if a restart takes 10 s or the members' hashes differ.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Cluster } from "../src/wire/gen/etcdserverpb/cluster_pb.ts";
import { Maintenance } from "../src/wire/gen/etcdserverpb/maintenance_pb.ts";
import { LatencyProbe, putMany } from "../test/support/bulk.ts";
import { ClusterUnderTest } from "../test/support/cluster.ts";
import { eventually } from "../test/support/eventually.ts";
import type { MemberProcess } from "../test/support/member-process.ts";
import { metric } from "../test/support/metrics.ts";
import type { TargetName } from "../test/support/target.ts";
import { describeEnvironment } from "./environment.ts";
import { PauseReader } from "./pause-reader.ts";
import { figure, table } from "./table.ts";

const RESTART_PROMISE_MS = 10_000;
const PATIENCE_MS = 300_000;
const PREFIX = "million/";

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "1000000" },
    "value-bytes": { type: "string", default: "256" },
    target: { type: "string", default: "quorate" },
    check: { type: "boolean", default: false },
  },
});
const keys = positive("--keys", values.keys);
const valueBytes = positive("--value-bytes", values["value-bytes"]);
const target: TargetName =
  values.target === "etcd" || values.target === "quorate" ? values.target : refuse("--target is quorate or etcd");

console.log(`${describeEnvironment()}\n${target}, ${figure(keys)} keys of ${valueBytes} bytes, three members\n`);
const meter = target === "quorate" ? new PauseReader() : null;
const cluster = await ClusterUnderTest.start({ target, env: meter?.env ?? {} });
try {
  await load();
  await snapshot();
  await restart();
  await wipe();
  await compareHashes();
  await footprint();
} finally {
  await cluster.stop();
  meter?.close();
}

async function load(): Promise<void> {
  const leader = await cluster.leader();
  const probe = await beginProbe(leader);
  const started = performance.now();
  await putMany({ prefix: PREFIX, count: keys, valueBytes, endpoints: cluster.endpoints });
  const took = performance.now() - started;
  say("put all keys", `${(took / 1000).toFixed(1)} s, ${figure((keys * 1000) / took)} keys a second`);
  await endProbe("a writer beside it", probe, leader);
}

/** Little load: a long wait is a pause of the member's own making, or of a machine with too few processors. */
async function snapshot(): Promise<void> {
  const leader = await cluster.leader();
  const probe = await beginProbe(leader);
  // Enough small writes for the leader's own snapshot to come due (snapshot-count counts entries).
  await putMany({
    prefix: "small/",
    count: 30_000,
    valueBytes: 16,
    endpoints: [leader.endpoint],
    inFlight: 2,
    keysPerTxn: 1,
  });
  await endProbe("a writer while 30,000 small puts bring a snapshot about", probe, leader);
}

async function restart(): Promise<void> {
  const leader = await cluster.leader();
  const [follower] = cluster.others(leader) as [MemberProcess];
  const probe = await beginProbe(leader);
  await follower.end("SIGKILL");
  const started = performance.now();
  follower.start();
  await cluster.ready([follower], PATIENCE_MS);
  const took = performance.now() - started;
  say("killed member serves again", `${(took / 1000).toFixed(1)} s`);
  await endProbe("a writer meanwhile", probe, leader);
  judge(`a restart in under ${RESTART_PROMISE_MS / 1000} s`, took < RESTART_PROMISE_MS);
}

async function wipe(): Promise<void> {
  const leader = await cluster.leader();
  const [wiped] = cluster.others(leader) as [MemberProcess];
  const probe = await beginProbe(leader);
  const id = (await wiped.client.status()).header?.memberId ?? 0n;
  const patience = { withinMs: 30_000, everyMs: 250 };
  await eventually("it is removed", () => leader.client.call(Cluster.method.memberRemove, { ID: id }), patience);
  await cluster.forget(wiped);
  const plan = await cluster.planMember();
  const peerURLs = [plan.peerUrl];
  await eventually("it is added", () => leader.client.call(Cluster.method.memberAdd, { peerURLs }), patience);
  const started = performance.now();
  const fresh = plan.start();
  await cluster.ready([fresh], PATIENCE_MS);
  say("wiped member caught up", `${((performance.now() - started) / 1000).toFixed(1)} s`);
  await endProbe("a writer meanwhile", probe, leader);
}

async function compareHashes(): Promise<void> {
  const revision = (await cluster.member(0).client.get("settled?")).header?.revision ?? 0n;
  await cluster.ready();
  const hashes = await Promise.all(
    cluster.members.map(async ({ client }) => {
      const started = performance.now();
      const { hash } = await client.call(Maintenance.method.hashKV, { revision }, { timeoutMs: PATIENCE_MS });
      return { hash, took: performance.now() - started };
    }),
  );
  const slowest = Math.max(...hashes.map(({ took }) => took));
  say("HashKV on all members", `${hashes.map(({ hash }) => hash.toString(16)).join(" ")}, ${slowest.toFixed(0)} ms`);
  judge("the same hash on all members", new Set(hashes.map(({ hash }) => hash)).size === 1);
}

async function footprint(): Promise<void> {
  const rows = await Promise.all(
    cluster.members.map(async (member) => [
      member.name,
      mebibytes(member.residentBytes()),
      target === "quorate" ? mebibytes(await metric(member, "nodejs_heap_size_used_bytes")) : "-",
      mebibytes(diskBytes(member.settings.dataDir)),
    ]),
  );
  console.log(`\n${table([["MiB", "resident", "heap used", "disk"], ...rows])}`);
}

function diskBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
}

function mebibytes(bytes: number): string {
  return figure(bytes / 2 ** 20);
}

async function beginProbe(leader: MemberProcess): Promise<LatencyProbe> {
  await meter?.take(leader);
  return new LatencyProbe(leader.endpoint, "probe");
}

async function endProbe(what: string, probe: LatencyProbe, leader: MemberProcess): Promise<void> {
  const { count, failed, medianMs, p99Ms, maxMs } = await probe.stop();
  const times = [medianMs, p99Ms, maxMs].map((time) => time.toFixed(1)).join(", ");
  say(what, `${figure(count)} puts, ${failed} failed; median, 99 %, longest ${times} ms`);
  const pauses = await meter?.take(leader);
  if (pauses === undefined) return;
  const { turnMs, collectionMs } = pauses;
  say("  the leader's longest turn; garbage collection", `${turnMs.toFixed(1)} ms; ${collectionMs.toFixed(1)} ms`);
}

function say(what: string, result: string): void {
  console.log(`${`${what}:`.padEnd(58)} ${result}`);
}

function judge(what: string, kept: boolean): void {
  console.log(`${kept ? "kept  " : "BROKEN"}  ${what}`);
  if (!kept && values.check) process.exitCode = 1;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) refuse(`${option} is "${text}": use a whole number from 1 up`);
  return value;
}

function refuse(line: string): never {
  console.error(`million: ${line}`);
  process.exit(2);
}
