import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GrpcStatus } from "../../errors.ts";
import * as methods from "../../wire/methods.ts";
import { failure, type ScriptedMember, type ScriptedStream } from "./testing/scripted-member.ts";
import { StoreWorld } from "./testing/store-world.ts";

/** Answers renewals with a time to live of 9 s, `afterMs` later. */
function renewing(member: ScriptedMember, world: StoreWorld, afterMs = 0): void {
  member.opened = (stream: ScriptedStream) => {
    stream.heard = ({ ID }: { ID: bigint }) => {
      world.clock.after(afterMs, () => stream.say({ ID, TTL: ID === 404n ? 0n : 9n }));
    };
  };
}

function two(world: StoreWorld): ScriptedMember[] {
  const members = world.members("a:1", "b:1");
  for (const member of members) renewing(member, world);
  return members;
}

const streamsOf = (members: readonly ScriptedMember[]): number =>
  members.reduce((sum, { streams }) => sum + streams.length, 0);

describe("a renewal", () => {
  test("tells when its question left, and how long the lease holds from then on", async () => {
    const world = new StoreWorld();
    const members = two(world);
    for (const member of members) renewing(member, world, 300);
    const store = world.store(members);
    await world.pass(1_000);
    assert.deepEqual(await world.play(store.keepLeaseAlive(7n)), { ttlSeconds: 9, sentAt: 1_000 });
    assert.ok(world.clock.now() > 1_300);
    assert.deepEqual(await world.play(store.keepLeaseAlive(404n)).then(({ ttlSeconds }) => ttlSeconds), 0);
  });

  test("shares one stream with all others, and gets its own answer", async () => {
    const world = new StoreWorld();
    const members = two(world);
    const store = world.store(members);
    const renewals = await world.play(Promise.all([1n, 404n, 2n, 1n].map((id) => store.keepLeaseAlive(id))));
    assert.deepEqual(
      renewals.map(({ ttlSeconds }) => ttlSeconds),
      [9, 0, 9, 9],
    );
    assert.equal(streamsOf(members), 1);
  });

  test("is asked again elsewhere when its stream breaks, and tells when the answered question left", async () => {
    const world = new StoreWorld();
    const members = two(world);
    let broke = 0;
    for (const member of members) {
      const answers = member.opened;
      member.opened = (stream) => {
        if (broke++ > 0) return answers(stream);
        world.clock.after(200, () => stream.end(failure("UNAVAILABLE", GrpcStatus.unavailable, true)));
      };
    }
    const { sentAt } = await world.play(world.store(members).keepLeaseAlive(7n));
    assert.ok(sentAt >= 200, `sent at ${sentAt}: the one before was never answered`);
  });

  test("leaves a member that does not answer while there is time for another", async () => {
    const world = new StoreWorld();
    const members = two(world);
    const store = world.store(members);
    await world.play(store.keepLeaseAlive(7n));
    const [used] = members.filter(({ connections }) => connections > 0);
    assert.ok(used !== undefined);
    used.frozen = true;
    const began = world.clock.now();
    const { sentAt } = await world.play(store.keepLeaseAlive(7n, { timeoutMs: 3_000 }));
    assert.ok(sentAt - began >= 1_500 && sentAt - began < 1_600, `${sentAt - began} ms`);
  });

  test("given up does not take the next one's answer", async () => {
    const world = new StoreWorld();
    const members = two(world);
    for (const member of members) renewing(member, world, 200);
    const store = world.store(members);
    await world.pass(10);
    const control = new AbortController();
    const first = store.keepLeaseAlive(7n, { signal: control.signal });
    await world.pass(10);
    control.abort();
    await assert.rejects(world.play(first), { code: "ABORTED" });
    const sent = world.clock.now();
    const second = await world.play(store.keepLeaseAlive(7n));
    assert.equal(second.sentAt, sent);
    assert.ok(world.clock.now() >= sent + 200, "its own answer, not the one that was on its way");
    assert.equal(streamsOf(members), 1);
  });

  test("ends with the store", async () => {
    const world = new StoreWorld();
    const members = two(world);
    for (const member of members) member.opened = () => undefined;
    const store = world.store(members);
    const renewal = store.keepLeaseAlive(7n);
    await world.pass(100);
    await store.close();
    await assert.rejects(world.play(renewal), { code: "CLOSED" });
  });
});

describe("a grant", () => {
  test("tells when it left, and what was granted", async () => {
    const world = new StoreWorld();
    const [member] = world.members("a:1");
    assert.ok(member !== undefined);
    member.on(methods.leaseGrant, ({ ID, TTL }: { ID: bigint; TTL: bigint }) => ({ ID: ID || 77n, TTL: TTL + 1n }));
    const store = world.store([member]);
    await world.pass(50);
    assert.deepEqual(await world.play(store.grantLease(5)), { id: 77n, ttlSeconds: 6, sentAt: 50 });
    assert.equal((await world.play(store.grantLease(5, 9n))).id, 9n);
  });

  test("is a write: nobody knows what became of one that was not answered", async () => {
    const world = new StoreWorld();
    const [member] = world.members("a:1");
    assert.ok(member !== undefined);
    const store = world.store([member]);
    const lost = failure("UNAVAILABLE", GrpcStatus.unavailable, true);
    for (const method of [methods.leaseGrant, methods.leaseRevoke]) {
      member.on(method, () => {
        throw lost;
      });
    }
    await assert.rejects(world.play(store.grantLease(5, 9n)), { code: "OUTCOME_UNKNOWN" });
    await assert.rejects(world.play(store.revokeLease(9n)), { code: "OUTCOME_UNKNOWN" });
  });
});
