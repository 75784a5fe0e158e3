/**
 * 50,000 keys of 256 bytes: a killed member comes back from its snapshot and the log after it, a wiped one is caught up
 * by a snapshot streamed to it, both while writes go on. `bench/million.ts` does the same with a million and measures.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Cluster } from "../../src/wire/gen/etcdserverpb/cluster_pb.ts";
import { bulkKey, LatencyProbe, putMany } from "../support/bulk.ts";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import type { MemberProcess } from "../support/member-process.ts";
import { metric } from "../support/metrics.ts";
import { targetFromEnvironment } from "../support/target.ts";
import { assertEqualHashes, copyOf, settled } from "./keyspace-copy.ts";

const KEYS = 50_000;
const PREFIX = "big/";
/** What the project promises for a million keys; a twentieth of them must not need longer. */
const RESTARTED_WITHIN_MS = 10_000;

describe(`${KEYS} keys`, { timeout: 240_000 }, () => {
  let cluster: ClusterUnderTest;

  before(async () => {
    // A leader that keeps few entries for members that lag must send a new one the snapshot.
    const keeps = targetFromEnvironment() === "quorate" ? ["--snapshot-catchup-entries=100"] : [];
    cluster = await ClusterUnderTest.start({ flags: ["--snapshot-count=1000", ...keeps] });
    await putMany({ prefix: PREFIX, count: KEYS, valueBytes: 256, endpoints: cluster.endpoints, keysPerTxn: 7 });
  });

  after(() => cluster?.stop());

  afterEach((t) => {
    if ("passed" in t && !t.passed) console.error(`${t.name}: the members said\n${cluster?.logs()}`);
  });

  async function assertComplete(member: MemberProcess, revision: number): Promise<void> {
    const copy = await copyOf(member, PREFIX, revision);
    assert.equal(copy.size, KEYS);
    for (const number of [0, 1, KEYS >> 1, KEYS - 1]) {
      const key = bulkKey(PREFIX, number);
      assert.equal(copy.get(key)?.value, key.padEnd(256, "v"));
    }
  }

  /** Runs `disturbance` while someone writes all the time; every write must be answered. */
  async function underWrites(endpoint: string, disturbance: () => Promise<void>): Promise<string> {
    const probe = new LatencyProbe(endpoint, "probe");
    const [outcome, latencies] = await disturbance().then(
      async () => [null, await probe.stop()] as const,
      async (error: unknown) => [{ error }, await probe.stop()] as const,
    );
    if (outcome !== null) throw outcome.error;
    const { count, failed, medianMs, p99Ms, maxMs } = latencies;
    assert.equal(failed, 0, "a write failed");
    const milliseconds = [medianMs, p99Ms, maxMs].map((value) => value.toFixed(1));
    return `${count} writes meanwhile: median, 99 %, longest ${milliseconds.join(", ")} ms`;
  }

  test("a killed member is back with everything in time", async (t) => {
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [MemberProcess];
    const report = await underWrites(leader.endpoint, async () => {
      await follower.end("SIGKILL");
      const started = performance.now();
      follower.start();
      await cluster.ready([follower], RESTARTED_WITHIN_MS);
      t.diagnostic(`back after ${(performance.now() - started).toFixed(0)} ms`);
    });
    t.diagnostic(report);
    const revision = await settled(cluster);
    await assertComplete(follower, revision);
    await assertEqualHashes(cluster, revision);
  });

  test("a wiped member, removed and added again, is caught up by a snapshot while writes go on", async (t) => {
    const leader = await cluster.leader();
    const [wiped] = cluster.others(leader) as [MemberProcess];
    let fresh: MemberProcess | undefined;
    const report = await underWrites(leader.endpoint, async () => {
      const id = (await wiped.client.status()).header?.memberId;
      assert.ok(id !== undefined);
      await eventually("it is removed", () => leader.client.call(Cluster.method.memberRemove, { ID: id }), {
        withinMs: 20_000,
        everyMs: 250,
      });
      await cluster.forget(wiped);
      const plan = await cluster.planMember();
      await eventually(
        "it is added",
        () => leader.client.call(Cluster.method.memberAdd, { peerURLs: [plan.peerUrl] }),
        {
          withinMs: 20_000,
          everyMs: 250,
        },
      );
      const started = performance.now();
      fresh = plan.start();
      await cluster.ready([fresh]);
      t.diagnostic(`caught up after ${(performance.now() - started).toFixed(0)} ms`);
    });
    t.diagnostic(report);
    assert.ok(fresh !== undefined);
    // etcd does not tell; it keeps so many entries that it may do without.
    if (cluster.target === "quorate") assert.equal(await metric(fresh, "quorate_snapshots_installed_total"), 1);
    const revision = await settled(cluster);
    await assertComplete(fresh, revision);
    await assertEqualHashes(cluster, revision);
  });

  test("all killed at once, everything is there", async () => {
    const before = await settled(cluster);
    await Promise.all(cluster.members.map((member) => member.end("SIGKILL")));
    for (const member of cluster.members) member.start();
    await cluster.ready();
    const revision = await settled(cluster);
    assert.equal(revision, before);
    for (const member of cluster.members) await assertComplete(member, revision);
    await assertEqualHashes(cluster, revision);
  });
});
