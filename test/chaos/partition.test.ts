/**
 * Members cut apart from each other while clients still reach all of them. The links run through a proxy that stops
 * bytes without a reset, each direction by itself, as a broken network does.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { type ServiceError, status } from "@grpc/grpc-js";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { textOf } from "../support/member-client.ts";
import type { MemberProcess } from "../support/member-process.ts";
import type { ProxiedLinks } from "../support/proxied-links.ts";
import { targetFromEnvironment } from "../support/target.ts";
import { assertEqualHashes, settled } from "./keyspace-copy.ts";

/** etcd gives up on a request after 5 s and two election timeouts; a client must not wait much longer for a refusal. */
const REFUSED_WITHIN_MS = 10_000;
/** Two election timeouts (1 s by default) to notice, one or two to elect, and a busy machine. */
const ELECTED_WITHIN_MS = 10_000;

const isEtcd = targetFromEnvironment() === "etcd";
/** Debian's etcd 3.4 has pre-vote, but not by default. */
const disruptive = isEtcd && "etcd 3.4 has no pre-vote by default";

describe("partitions", { timeout: 240_000 }, () => {
  let cluster: ClusterUnderTest;
  let links: ProxiedLinks;
  let writes = 0;

  before(async () => {
    cluster = await ClusterUnderTest.start({ proxied: true });
    assert.ok(cluster.links !== null);
    links = cluster.links;
  });

  after(() => cluster?.stop());

  afterEach(async (t) => {
    if ("passed" in t && !t.passed) console.error(`${t.name}: the members said\n${cluster?.logs()}`);
    links.heal();
    await cluster.ready();
    await assertEqualHashes(cluster, await settled(cluster));
  });

  /** A write that must succeed; returns its value. */
  async function write(member: MemberProcess, key: string): Promise<string> {
    const value = `value ${++writes}`;
    await eventually(`${member.name} takes writes`, () => member.client.put(key, value, { timeoutMs: 2_000 }), {
      withinMs: ELECTED_WITHIN_MS,
    });
    return value;
  }

  async function serializable(member: MemberProcess, key: string): Promise<string | undefined> {
    const { kvs } = await member.client.get(key, { serializable: true });
    return kvs[0] && textOf(kvs[0].value);
  }

  async function linearizable(member: MemberProcess, key: string): Promise<string | undefined> {
    const { kvs } = await member.client.get(key);
    return kvs[0] && textOf(kvs[0].value);
  }

  /** The server itself must refuse; a client that gave up waiting is not good enough. */
  async function assertRefuses(member: MemberProcess, what: string, call: () => Promise<unknown>): Promise<void> {
    const started = performance.now();
    await assert.rejects(
      call(),
      (error: ServiceError) => {
        // etcd lets a bare Go error slip out where it waited for a leader in vain.
        if (isEtcd && error.code === status.UNKNOWN && error.details === "context deadline exceeded") return true;
        assert.equal(error.code, status.UNAVAILABLE, `${what} on ${member.name}: ${error.message}`);
        assert.match(error.details, /^etcdserver: /);
        return true;
      },
      `${what} succeeded on ${member.name}, which is cut off`,
    );
    assert.ok(performance.now() - started < REFUSED_WITHIN_MS, `${what} took too long to be refused`);
  }

  async function assertCutOff(member: MemberProcess): Promise<void> {
    const timeoutMs = REFUSED_WITHIN_MS + 2_000;
    await Promise.all([
      assertRefuses(member, "a linearizable read", () => member.client.get("before", {}, { timeoutMs })),
      assertRefuses(member, "a write", () => member.client.put(`cut/${member.name}`, "no", { timeoutMs })),
    ]);
  }

  async function assertLeaderless(member: MemberProcess): Promise<void> {
    await eventually(
      `${member.name} knows that it has no leader`,
      async () => assert.equal((await member.client.status()).leader, 0n),
      { withinMs: ELECTED_WITHIN_MS },
    );
  }

  test("a leader cut off from all steps down and refuses; the others elect one and go on; healed, it catches up", async () => {
    const old = await cluster.leader();
    const majority = cluster.others(old);
    const before = await write(old, "before");
    links.cut([old], majority);
    // At once, before anyone noticed: the old leader must not answer from what it believes.
    await assertCutOff(old);
    const after = await write(await cluster.leader(majority), "before");
    await assertLeaderless(old);
    assert.equal(await serializable(old, "before"), before, "a serializable read is answered with what it has");
    for (const member of majority) assert.equal(await linearizable(member, "before"), after);
    links.heal();
    await eventually(
      "the old leader has caught up",
      async () => assert.equal(await serializable(old, "before"), after),
      { withinMs: ELECTED_WITHIN_MS },
    );
    await cluster.ready();
    assert.equal(await linearizable(old, "before"), after);
  });

  test("a follower cut off from all refuses, and the leader does not notice", async () => {
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [MemberProcess];
    const { raftTerm } = await leader.client.status();
    links.cut([follower], cluster.others(follower));
    let slowest = 0;
    let refused = false;
    const refusals = assertCutOff(follower).finally(() => {
      refused = true;
    });
    const writing = (async () => {
      while (!refused) {
        const sent = performance.now();
        await leader.client.put("while a follower is away", String(++writes));
        slowest = Math.max(slowest, performance.now() - sent);
      }
    })();
    await Promise.all([refusals, writing]);
    assert.ok(slowest < 2_000, `a write took ${slowest} ms`);
    const now = await leader.client.status();
    assert.equal(now.raftTerm, raftTerm, "no election");
  });

  test("a follower that comes back disturbs nobody", { skip: disruptive }, async () => {
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [MemberProcess];
    const { raftTerm } = await leader.client.status();
    links.cut([follower], cluster.others(follower));
    await assertLeaderless(follower);
    const value = await write(leader, "while it was away");
    links.heal();
    await eventually(
      "it has caught up",
      async () => assert.equal(await serializable(follower, "while it was away"), value),
      { withinMs: ELECTED_WITHIN_MS },
    );
    const now = await leader.client.status();
    assert.equal(now.raftTerm, raftTerm, "no election");
    assert.equal(now.leader, now.header?.memberId);
  });

  test("a leader that is heard but hears nothing steps down, and the others go on", async () => {
    const old = await cluster.leader();
    const majority = cluster.others(old);
    for (const member of majority) links.cutOneWay(member, old);
    await assertLeaderless(old);
    const next = await cluster.leader(majority);
    assert.notEqual(next.name, old.name);
    const value = await write(next, "one way to the leader");
    links.heal();
    await cluster.ready();
    assert.equal(await linearizable(old, "one way to the leader"), value);
  });

  test("a leader that hears but is not heard is replaced", async () => {
    const old = await cluster.leader();
    const majority = cluster.others(old);
    for (const member of majority) links.cutOneWay(old, member);
    const value = await eventually(
      "another leads and takes a write",
      async () => {
        const next = await cluster.leader(majority);
        return write(next, "one way from the leader");
      },
      { withinMs: 2 * ELECTED_WITHIN_MS },
    );
    for (const member of majority) assert.equal(await linearizable(member, "one way from the leader"), value);
    links.heal();
    await cluster.ready();
    assert.equal(await linearizable(old, "one way from the leader"), value);
  });

  test("a follower that has lost only its leader does not stop the others", { skip: disruptive }, async () => {
    const leader = await cluster.leader();
    const [cutOff, between] = cluster.others(leader) as [MemberProcess, MemberProcess];
    const { raftTerm } = await leader.client.status();
    links.cut([cutOff], [leader]);
    await assertLeaderless(cutOff);
    for (let i = 0; i < 50; i++) {
      await leader.client.put("goes on", String(i), { timeoutMs: 2_000 });
      await between.client.put("goes on too", String(i), { timeoutMs: 2_000 });
    }
    assert.equal((await leader.client.status()).raftTerm, raftTerm, "no election");
  });

  test("all apart: nobody decides anything; healed, everything works", async () => {
    const before = await write(cluster.member(0), "all apart");
    for (const member of cluster.members) links.cut([member], cluster.others(member));
    await Promise.all(cluster.members.map((member) => assertLeaderless(member)));
    await Promise.all(cluster.members.map((member) => assertCutOff(member)));
    for (const member of cluster.members) assert.equal(await serializable(member, "all apart"), before);
    links.heal();
    await cluster.ready();
    for (const member of cluster.members) await write(member, "all apart");
  });
});
