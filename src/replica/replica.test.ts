import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameKind } from "../transport/transport.ts";
import { put, TestCluster } from "./testing/replica-cluster.ts";

const THREE = [1n, 2n, 3n];

async function three(options = {}): Promise<{ cluster: TestCluster; leader: bigint; followers: bigint[] }> {
  const cluster = await TestCluster.found(THREE, options);
  const leader = await cluster.leader();
  return { cluster, leader, followers: THREE.filter((id) => id !== leader) };
}

test("a write through any member is read by a linearizable read through any other", async () => {
  const { cluster } = await three();
  for (const writer of THREE) {
    const result = await cluster.run(writer, put(`k${writer}`, `v${writer}`));
    assert.equal(result.type, "put");
    for (const reader of THREE) assert.equal(await cluster.read(reader, `k${writer}`), `v${writer}`);
  }
});

test("a cluster of one works alone", async () => {
  const cluster = await TestCluster.found([7n]);
  await cluster.leader();
  assert.equal((await cluster.run(7n, put("a", "1"))).type, "put");
  assert.equal(await cluster.read(7n, "a"), "1");
});

test("commands of one turn travel as one entry", async () => {
  const { cluster, leader } = await three();
  const before = cluster.replica(leader).status().engine.lastIndex;
  const answers = Array.from({ length: 100 }, (_, i) => cluster.propose(leader, put(`k${i}`, "v")));
  await cluster.timeline.run(5_000, () => answers.every((one) => one.length > 0));
  assert.equal(cluster.replica(leader).status().engine.lastIndex, before + 1);
  assert.deepEqual(
    answers.map(([one]) => one?.revision),
    answers.map((_, i) => i + 2),
  );
});

test("when the leader dies, a write that waits is answered by its successor, applied exactly once", async () => {
  const { cluster, leader, followers } = await three();
  const [follower] = followers;
  assert(follower !== undefined);
  await cluster.run(follower, put("a", "0"));
  // Forwarded to a leader that dies before it can answer: in its log, on nobody's, or on a follower's.
  for (const wait of [0, 1, 2, 3, 4]) {
    const current = await cluster.leader();
    const asker = THREE.find((id) => id !== current) ?? 0n;
    const answers = cluster.propose(asker, put("a", `${wait}`));
    await cluster.timeline.run(wait);
    cluster.crash(current);
    await cluster.timeline.run(20_000, () => answers.length > 0);
    assert.equal(answers[0]?.type, "put", JSON.stringify(answers[0]));
    await cluster.start(current);
    await cluster.leader();
  }
  assert.equal(await cluster.read(leader, "a"), "4");
  const { kvs } = cluster
    .replica(follower)
    .keyspace.range({ ...(await import("./testing/replica-cluster.ts")).rangeOf("a") });
  assert.equal(kvs[0]?.version, 6, "six puts, each exactly once");
});

test("a minority refuses writes and linearizable reads, and takes up again when healed", async () => {
  const { cluster, leader, followers } = await three();
  await cluster.run(leader, put("a", "old"));
  cluster.network.isolate(leader);
  const lost = cluster.propose(leader, put("a", "lost"));
  await assert.rejects(cluster.read(leader, "a"), /request timed out/);
  assert.equal(lost[0]?.type, "error");
  assert.equal(cluster.local(leader, "a"), "old");
  const [other] = followers;
  assert(other !== undefined);
  assert.equal((await cluster.run(other, put("a", "new"))).type, "put");
  cluster.network.heal();
  assert.equal(await cluster.read(leader, "a"), "new");
});

test("acknowledged writes survive the crash of all members at once", async () => {
  const { cluster, leader } = await three();
  for (let i = 0; i < 20; i++) await cluster.run(leader, put(`k${i}`, `v${i}`));
  for (const id of THREE) cluster.crash(id);
  for (const id of THREE) await cluster.start(id);
  await cluster.leader();
  for (let i = 0; i < 20; i++) assert.equal(await cluster.read(1n, `k${i}`), `v${i}`);
});

test("a member starts from its snapshot and the log behind it", async () => {
  const { cluster, leader } = await three({ snapshotEntries: 10, catchUpEntries: 0 });
  for (let i = 0; i < 35; i++) await cluster.run(leader, put(`k${i}`, `v${i}`));
  const { disk } = cluster.member(leader);
  assert((disk.snapshot?.meta.index ?? 0) >= 20, "no snapshot was taken");
  assert((disk.entries[0]?.index ?? 0) > 10, "the log was not cut");
  cluster.crash(leader);
  await cluster.start(leader);
  await cluster.leader();
  for (let i = 0; i < 35; i++) assert.equal(await cluster.read(leader, `k${i}`), `v${i}`);
});

test("a member that missed too much gets a snapshot in chunks while writes go on", async () => {
  const { cluster, leader, followers } = await three({ snapshotEntries: 10, catchUpEntries: 2 });
  const [late] = followers;
  assert(late !== undefined);
  cluster.crash(late);
  const big = "x".repeat(300_000);
  for (let i = 0; i < 30; i++) await cluster.run(leader, put(`k${i}`, `${i}${big}`));
  await cluster.start(late);
  for (let i = 30; i < 40; i++) await cluster.run(leader, put(`k${i}`, `${i}${big}`));
  assert.equal(await cluster.read(late, "k39"), `39${big}`);
  assert.equal(await cluster.read(late, "k0"), `0${big}`);
  assert(cluster.replica(late).counters.snapshotsInstalled >= 1);
  const chunks = cluster.network.frames.filter(({ kind, to }) => kind === FrameKind.snapshotChunk && to === late);
  assert(chunks.length > 10, `${chunks.length} chunks`);
});

test("a snapshot's transfer goes on where the link broke", async () => {
  const { cluster, leader, followers } = await three({ snapshotEntries: 10, catchUpEntries: 2 });
  const [late] = followers;
  assert(late !== undefined);
  cluster.crash(late);
  const big = "x".repeat(1_000_000);
  for (let i = 0; i < 30; i++) await cluster.run(leader, put(`k${i}`, `${i}${big}`));
  await cluster.start(late);
  const chunks = (): number => cluster.network.frames.filter(({ kind }) => kind === FrameKind.snapshotChunk).length;
  await cluster.timeline.run(20_000, () => chunks() > 30);
  cluster.network.isolate(late);
  await cluster.timeline.run(500);
  cluster.network.heal();
  assert.equal(await cluster.read(late, "k29"), `29${big}`);
  const all = Math.ceil((30 * 1_000_000) / (256 << 10));
  assert(chunks() < all * 1.5, `${chunks()} chunks for ${all}: it started over`);
});

test("a lease expires through the log, with its keys; a kept one does not", async () => {
  const { cluster, leader, followers } = await three();
  const [follower] = followers;
  assert(follower !== undefined);
  await cluster.run(follower, { type: "leaseGrant", id: 5n, ttl: 2 });
  await cluster.run(follower, { type: "leaseGrant", id: 6n, ttl: 2 });
  await cluster.run(follower, put("short", "v", 5n));
  await cluster.run(follower, put("kept", "v", 6n));
  for (let i = 0; i < 6; i++) {
    assert.equal(await cluster.settle(cluster.replica(follower).renewLease(6n)), 2);
    await cluster.timeline.run(1_000);
  }
  for (const id of THREE) {
    assert.equal(cluster.local(id, "short"), undefined);
    assert.equal(cluster.local(id, "kept"), "v");
  }
  assert.equal(await cluster.settle(cluster.replica(follower).renewLease(5n)), 0);
  assert.equal(await cluster.settle(cluster.replica(leader).leaseTimeToLive(5n)), null);
  const left = await cluster.settle(cluster.replica(follower).leaseTimeToLive(6n));
  assert.equal(left?.grantedTtl, 2);
});

test("leases survive a change of leader with a full term", async () => {
  const { cluster, leader } = await three();
  await cluster.run(leader, { type: "leaseGrant", id: 5n, ttl: 10 });
  await cluster.run(leader, put("a", "v", 5n));
  await cluster.timeline.run(8_000);
  cluster.crash(leader);
  const successor = await cluster.leader();
  await cluster.timeline.run(6_000);
  assert.equal(cluster.local(successor, "a"), "v");
  await cluster.timeline.run(8_000);
  assert.equal(cluster.local(successor, "a"), undefined);
});

test("leadership is handed over on request", async () => {
  const { cluster, leader, followers } = await three();
  const [to] = followers;
  assert(to !== undefined);
  await cluster.settle(cluster.replica(leader).transferLeadership(to));
  assert.equal(await cluster.leader(), to);
  await assert.rejects(cluster.settle(cluster.replica(leader).transferLeadership(to)), /not leader/);
});

test("a member is added as a learner, promoted when it has the log, and removed", async () => {
  const { cluster, leader, followers } = await three();
  const [follower] = followers;
  assert(follower !== undefined);
  for (const id of THREE) {
    await cluster.run(id, { type: "memberAttributes", id, name: `m${id}`, clientUrls: [`http://c${id}`] });
  }
  const peerUrls = ["http://127.0.0.1:4000"];
  const added = await cluster.settle(
    cluster.replica(follower).changeMembership({ type: "add", peerUrls, learner: true }),
  );
  const id = added.member.id;
  assert.equal(added.member.isLearner, true);
  assert.equal(added.members.length, 4);
  const promote = { type: "promote", id } as const;
  await assert.rejects(cluster.settle(cluster.replica(leader).changeMembership(promote)), /in sync with leader/);
  await cluster.join(id);
  await cluster.run(leader, put("a", "v"));
  await cluster.timeline.run(2_000);
  assert.equal(cluster.local(id, "a"), "v");
  await cluster.settle(cluster.replica(follower).changeMembership(promote));
  assert(cluster.replica(leader).status().engine.membership.voters.includes(id));
  await cluster.settle(cluster.replica(follower).changeMembership({ type: "remove", id }));
  await cluster.timeline.run(3_000);
  assert.equal(cluster.member(id).removed, true);
  assert.equal(cluster.replica(leader).status().engine.membership.voters.length, 3);
});

test("a leader that is removed commits its removal and leaves", async () => {
  const { cluster, leader, followers } = await three();
  for (const id of THREE) await cluster.run(id, { type: "memberAttributes", id, name: `m${id}`, clientUrls: [] });
  await cluster.settle(cluster.replica(leader).changeMembership({ type: "remove", id: leader }));
  await cluster.timeline.run(5_000);
  assert.equal(cluster.member(leader).removed, true);
  cluster.crash(leader);
  const [other] = followers;
  assert(other !== undefined);
  assert.equal((await cluster.run(other, put("a", "v"))).type, "put");
});

test("history over its budget is compacted by the leader, on all members alike", async () => {
  const { cluster, leader } = await three({ historyBudgetBytes: 20_000 });
  for (let i = 0; i < 100; i++) await cluster.run(leader, put("a", "x".repeat(1_000)));
  await cluster.timeline.run(3_000);
  const compacted = THREE.map((id) => cluster.replica(id).keyspace.compactRevision);
  assert((compacted[0] ?? 0) > 50, `compacted at ${compacted[0]}`);
  assert.equal(new Set(compacted).size, 1);
  for (const id of THREE) assert(cluster.replica(id).keyspace.historyBytes <= 20_000);
});

test("a watcher is told of a write that is compacted in the same slice", async () => {
  const { cluster, leader } = await three();
  await cluster.run(leader, put("a", "1"));
  const told: string[] = [];
  const request = { key: "a", rangeEnd: "", startRevision: 0, prevKv: false, noPut: false, noDelete: false };
  cluster.replica(leader).watches.watch(request, {
    events: (_watcher, events) => told.push(...events.map(({ kv }) => kv.value)) > 0,
    compacted: () => told.push("compacted"),
  });
  const answers = [
    cluster.propose(leader, put("a", "2")),
    cluster.propose(leader, put("a", "3")),
    cluster.propose(leader, { type: "compact", revision: 4 }),
    cluster.propose(leader, put("a", "4")),
  ];
  await cluster.timeline.run(5_000, () => answers.every((one) => one.length > 0));
  assert.deepEqual(told, ["2", "3", "4"]);
});

test("a renewal of a checkpointed lease is answered when the old checkpoint is forgotten", async () => {
  const { cluster, leader } = await three();
  await cluster.run(leader, { type: "leaseGrant", id: 5n, ttl: 600 });
  await cluster.timeline.run(301_000);
  assert((cluster.replica(leader).keyspace.leases.get(5n)?.remainingTtl ?? 0) > 0, "no checkpoint was written");
  assert.equal(await cluster.settle(cluster.replica(leader).renewLease(5n)), 600);
  assert.equal(cluster.replica(leader).keyspace.leases.get(5n)?.remainingTtl, 0);
});

test("a link to the leader that breaks and comes back within its epoch loses no forwarded write", async () => {
  for (const down of [1, 10, 50, 200]) {
    const { cluster, leader, followers } = await three();
    const [follower] = followers;
    assert(follower !== undefined);
    const epoch = cluster.replica(leader).status().engine.epoch;
    cluster.network.cut(follower, leader);
    const answers = cluster.propose(follower, put("a", "1"));
    await cluster.timeline.run(1);
    cluster.replica(follower).linkLost(leader);
    await cluster.timeline.run(down);
    cluster.network.heal();
    await cluster.timeline.run(3_000, () => answers.length > 0);
    assert.equal(answers[0]?.type, "put", `down for ${down} ms: ${JSON.stringify(answers[0])}`);
    assert.equal(cluster.replica(leader).status().engine.epoch, epoch);
  }
});

test("a leader that was deposed revokes nothing any more", async () => {
  const { cluster, leader, followers } = await three();
  const [follower] = followers;
  assert(follower !== undefined);
  await cluster.run(leader, { type: "leaseGrant", id: 5n, ttl: 4 });
  await cluster.run(leader, put("lock", "held", 5n));
  cluster.network.isolate(leader);
  // The others elect a leader, which gives the lease its full time; the old one lets it expire alone.
  for (let i = 0; i < 8; i++) {
    await cluster.timeline.run(1_000);
    if (i >= 2) await cluster.settle(cluster.replica(follower).renewLease(5n));
  }
  cluster.network.heal();
  await cluster.timeline.run(1_500);
  assert.equal(await cluster.read(follower, "lock"), "held");
});

test("a renewal that was asked of a leader which loses its place is answered by the next one", async () => {
  const { cluster, leader } = await three();
  await cluster.run(leader, { type: "leaseGrant", id: 5n, ttl: 60 });
  cluster.network.isolate(leader);
  const renewal = cluster.replica(leader).renewLease(5n);
  await cluster.timeline.run(3_000);
  cluster.network.heal();
  assert.equal(await cluster.settle(renewal), 60);
});

test("members are planned one after the other: two at once with one address are not both added", async () => {
  const { cluster, leader } = await three();
  for (const id of THREE) await cluster.run(id, { type: "memberAttributes", id, name: `m${id}`, clientUrls: [] });
  const add = { type: "add", peerUrls: ["http://127.0.0.1:4000"], learner: true } as const;
  const both = [cluster.replica(leader).changeMembership(add), cluster.replica(leader).changeMembership(add)];
  const outcomes = await cluster.settle(Promise.allSettled(both));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  assert.equal(cluster.replica(leader).keyspace.members.list().length, 4);
});

test("an address that cannot be used is refused, and one in the log stops nobody", async () => {
  const { cluster, leader } = await three();
  for (const peerUrls of [["https://h:2380"], ["h:2380"], [""], []]) {
    const add = { type: "add", peerUrls, learner: true } as const;
    await assert.rejects(cluster.settle(cluster.replica(leader).changeMembership(add)), /URLs are invalid/);
  }
  await cluster.run(leader, { type: "memberUpdate", id: leader, peerUrls: ["https://h:2380"] });
  assert.equal((await cluster.run(leader, put("a", "1"))).type, "put");
});

test("what is kept for members that lag is bounded in bytes, not only in entries", async () => {
  const { cluster, leader } = await three({ snapshotEntries: 20, catchUpBytes: 5_000_000 });
  const big = "x".repeat(1_000_000);
  for (let i = 0; i < 45; i++) await cluster.run(leader, put("a", big));
  const { firstIndex, lastIndex } = cluster.replica(leader).status().engine;
  assert(lastIndex - firstIndex < 26, `entries ${firstIndex} to ${lastIndex} are held`);
});
