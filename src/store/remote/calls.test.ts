import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GrpcStatus } from "../../errors.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import * as methods from "../../wire/methods.ts";
import { answered, failure, type ScriptedMember } from "./testing/scripted-member.ts";
import { putOf, ranged, rangeOf, StoreWorld, wasPut } from "./testing/store-world.ts";

const never = (): Promise<never> => new Promise(() => undefined);
const throwing = (error: Error) => (): never => {
  throw error;
};

/** Three members; which is asked first is drawn, so all get the same script until one is known to be in use. */
function three(world: StoreWorld): ScriptedMember[] {
  return world
    .members("a:1", "b:1", "c:1")
    .map((member) => member.on(methods.range, () => ranged(5, "x")).on(methods.put, () => wasPut(6)));
}

function inUse(members: readonly ScriptedMember[]): ScriptedMember {
  const [used] = members.filter(({ connections }) => connections > 0);
  assert.ok(used !== undefined, "none is in use");
  return used;
}

describe("which member is asked", () => {
  test("one, for as long as it serves; the next when its connection is lost", async () => {
    const world = new StoreWorld();
    const members = three(world);
    const store = world.store(members);
    for (let i = 0; i < 5; i++) await world.play(store.range(rangeOf("a")));
    assert.deepEqual(new Set(members.map(({ calls }) => calls.length)), new Set([0, 5]));
    const first = inUse(members);
    first.refusal = "gone";
    first.breakAll();
    await world.play(store.range(rangeOf("a")));
    assert.equal(first.calls.length, 5);
    assert.equal(
      members.reduce((sum, { calls }) => sum + calls.length, 0),
      6,
    );
  });

  test("one that has no leader is left for another, though it still answers", async () => {
    const world = new StoreWorld();
    const members = three(world);
    const store = world.store(members);
    await world.play(store.range(rangeOf("a")));
    const first = inUse(members);
    first.on(methods.put, throwing(answered(etcdErrors.noLeader())));
    const reply = await world.play(store.put(putOf("a", "1")));
    assert.equal(reply.header.revision, 6);
    assert.equal(first.callsOf(methods.put).length, 1, "it had no effect there, so it is made elsewhere");
    await world.play(store.put(putOf("a", "2")));
    assert.equal(first.callsOf(methods.put).length, 1);
    assert.equal(first.callsOf(methods.put)[0]?.metadata["hasleader"], "true");
  });

  test("a read leaves a member that does not answer half of its time, and finds another", async () => {
    const world = new StoreWorld();
    const members = three(world);
    const store = world.store(members);
    await world.play(store.range(rangeOf("a")));
    inUse(members).frozen = true;
    const began = world.clock.now();
    await world.play(store.range(rangeOf("a"), { timeoutMs: 4_000 }));
    const tookMs = world.clock.now() - began;
    assert.ok(tookMs >= 2_000 && tookMs < 2_100, `${tookMs} ms`);
    await world.play(store.range(rangeOf("a"), { timeoutMs: 4_000 }));
    assert.ok(world.clock.now() - began < 2_200, "the next does not wait for it again");
  });

  test("endpoints that do not answer at all cost a moment, not their time to connect", async () => {
    for (let seed = 0; seed < 10; seed++) {
      const world = new StoreWorld(seed);
      const members = three(world);
      for (const member of members.slice(1)) member.refusal = "hangs";
      await world.play(world.store(members).range(rangeOf("a")));
      assert.ok(world.clock.now() < 600, `${world.clock.now()} ms`);
    }
  });

  test("without any, a call is rejected when its time is over, with what each endpoint said", async () => {
    const world = new StoreWorld();
    const members = three(world);
    for (const member of members) member.refusal = `no entry at ${member.endpoint}`;
    const store = world.store(members);
    await assert.rejects(world.play(store.put(putOf("a", "1"), { timeoutMs: 3_000 })), (error: Error) => {
      assert.equal((error as { code?: string }).code, "UNAVAILABLE");
      for (const { endpoint } of members) assert.match(error.message, new RegExp(`no entry at ${endpoint}`));
      return true;
    });
    assert.equal(world.clock.now(), 3_000);
    const dials = members.reduce((sum, member) => sum + member.dials, 0);
    assert.ok(dials > 6 && dials < 60, `${dials} attempts in 3 s`);
  });

  test("a call waits for the cluster to come up", async () => {
    const world = new StoreWorld();
    const members = three(world);
    for (const member of members) member.refusal = "not yet";
    const store = world.store(members);
    const reply = store.put(putOf("a", "1"));
    await world.pass(1_500);
    for (const member of members) member.refusal = null;
    assert.equal((await world.play(reply)).header.revision, 6);
  });

  test("attempts come with growing pauses, even if one member answers all at once that it cannot", async () => {
    const world = new StoreWorld();
    const members = three(world);
    for (const member of members.slice(1)) member.refusal = "gone";
    const [only] = members;
    only?.on(methods.put, throwing(answered(etcdErrors.noLeader())));
    const store = world.store(members);
    await assert.rejects(world.play(store.put(putOf("a", "1"))), { code: "NO_LEADER", retryable: true });
    assert.equal(store.state.is, "leaderless");
    const attempts = only?.callsOf(methods.put).length ?? 0;
    assert.ok(attempts > 3 && attempts < 25, `${attempts} attempts in 5 s`);
    only?.on(methods.put, () => wasPut(9));
    await world.play(store.put(putOf("a", "1")));
    assert.deepEqual(store.state, { is: "connected", endpoint: "a:1" });
  });
});

describe("a write", () => {
  const cases: [string, Error, boolean][] = [
    ["a connection that breaks under it", failure("UNAVAILABLE", GrpcStatus.unavailable, true), true],
    ["a time out of the member", answered(etcdErrors.timeout()), true],
    ["a time out for the leader's failure", answered(etcdErrors.timeoutDueToLeaderFail()), true],
    ["a member that stops", answered(etcdErrors.serverStopped()), true],
    ["a change of leader", answered(etcdErrors.leaderChanged()), true],
    ["an unknown error", failure("UNKNOWN", GrpcStatus.unknown, true), true],
    ["an answer that cannot be taken", failure("RESPONSE_TOO_LARGE", GrpcStatus.resourceExhausted, true), true],
    ["an answer that cannot be read", failure("MALFORMED_RESPONSE", GrpcStatus.dataLoss, true), true],
    ["a refusal of what is asked", answered(etcdErrors.keyNotProvided()), false],
    ["a lack of space", answered(etcdErrors.noSpace()), false],
    ["a refusal of who asks", answered(etcdErrors.permissionDenied()), false],
    ["a request that cannot be sent", failure("REQUEST_TOO_LARGE", GrpcStatus.invalidArgument, false), false],
  ];
  for (const [what, error, isOpen] of cases) {
    test(`${what} ${isOpen ? "leaves its outcome unknown" : "is passed on"}, and it is never repeated`, async () => {
      const world = new StoreWorld();
      const members = three(world);
      for (const member of members) member.on(methods.put, throwing(error));
      const put = world.play(world.store(members).put(putOf("a", "1")));
      if (isOpen) await assert.rejects(put, { code: "OUTCOME_UNKNOWN", retryable: false, cause: error });
      else await assert.rejects(put, error);
      assert.equal(
        members.reduce((sum, { calls }) => sum + calls.length, 0),
        1,
      );
    });
  }

  test("that did not leave is made at another member", async () => {
    const world = new StoreWorld();
    const members = three(world);
    const store = world.store(members);
    await world.play(store.range(rangeOf("a")));
    const first = inUse(members);
    first.on(methods.put, throwing(failure("UNAVAILABLE", GrpcStatus.unavailable, false)));
    await world.play(store.put(putOf("a", "1")));
    assert.equal(
      members.reduce((sum, member) => sum + member.callsOf(methods.put).length, 0),
      2,
    );
  });

  test("that is not answered in its time has an unknown outcome; one that did not leave has none", async () => {
    const world = new StoreWorld();
    const members = three(world);
    for (const member of members) member.on(methods.put, never);
    const store = world.store(members);
    await assert.rejects(world.play(store.put(putOf("a", "1"), { timeoutMs: 1_000 })), { code: "OUTCOME_UNKNOWN" });
    for (const member of members) {
      member.refusal = "gone";
      member.breakAll();
    }
    await assert.rejects(world.play(store.put(putOf("a", "1"), { timeoutMs: 1_000 })), { code: "UNAVAILABLE" });
  });

  test("that is given up, or whose store is closed, has an unknown outcome once it has left", async () => {
    const world = new StoreWorld();
    const members = three(world);
    for (const member of members) member.on(methods.put, never);
    const store = world.store(members);
    const control = new AbortController();
    const given = store.put(putOf("a", "1"), { signal: control.signal });
    const closed = store.put(putOf("a", "1"));
    await world.pass(100);
    control.abort("enough");
    await assert.rejects(world.play(given), (error: { code?: string; cause?: { code?: string; cause?: unknown } }) => {
      assert.equal(error.code, "OUTCOME_UNKNOWN");
      assert.equal(error.cause?.code, "ABORTED");
      assert.equal(error.cause?.cause, "enough");
      return true;
    });
    await store.close();
    await assert.rejects(world.play(closed), { code: "OUTCOME_UNKNOWN" });
    await assert.rejects(store.put(putOf("a", "1")), { code: "CLOSED" });
    await assert.rejects(store.range(rangeOf("a")), { code: "CLOSED" });
  });

  test("that is given up before it leaves had no effect", async () => {
    const world = new StoreWorld();
    const members = three(world);
    for (const member of members) member.refusal = "hangs";
    const store = world.store(members);
    const control = new AbortController();
    const put = store.put(putOf("a", "1"), { signal: control.signal });
    await world.pass(100);
    control.abort();
    await assert.rejects(world.play(put), { code: "ABORTED" });
    await assert.rejects(store.put(putOf("a", "1"), { signal: control.signal }), { code: "ABORTED" });
    const closed = store.put(putOf("a", "1"));
    await store.close();
    await assert.rejects(world.play(closed), { code: "CLOSED" });
  });
});

describe("a read", () => {
  test("goes on through every failure that another member may not have", async () => {
    const errors = [
      failure("UNAVAILABLE", GrpcStatus.unavailable, true),
      answered(etcdErrors.timeout()),
      answered(etcdErrors.leaderChanged()),
      answered(etcdErrors.serverStopped()),
      answered(etcdErrors.tooManyRequests()),
      failure("INTERNAL", GrpcStatus.internal, true),
    ];
    const world = new StoreWorld();
    const members = three(world);
    for (const member of members) {
      member.on(methods.range, () => {
        const error = errors.shift();
        if (error !== undefined) throw error;
        return ranged(7);
      });
    }
    const reply = await world.play(world.store(members).range(rangeOf("a")));
    assert.equal(reply.header.revision, 7);
    assert.deepEqual(errors, []);
  });

  test("that all fail ends in time, with what was heard last", async () => {
    const world = new StoreWorld();
    const members = three(world);
    const last = answered(etcdErrors.timeout());
    for (const member of members) member.on(methods.range, throwing(last));
    const read = world.play(world.store(members).range(rangeOf("a"), { timeoutMs: 1_000 }));
    await assert.rejects(read, { code: "TIMEOUT", retryable: true, cause: last });
    assert.equal(world.clock.now(), 1_000);
  });

  test("of a revision that is compacted is refused at once", async () => {
    const world = new StoreWorld();
    const members = three(world);
    for (const member of members) member.on(methods.range, throwing(answered(etcdErrors.compacted())));
    await assert.rejects(world.play(world.store(members).range(rangeOf("a", { revision: 2 }))), {
      code: "COMPACTED",
      retryable: false,
    });
    assert.ok(world.clock.now() < 10);
  });
});

describe("what cannot be asked", () => {
  test("is named", async () => {
    const world = new StoreWorld();
    const members = three(world);
    assert.throws(() => world.store([]), { code: "INVALID_ARGUMENT", message: /at least one/ });
    assert.throws(() => world.store(members, { timeoutMs: -1 }), {
      code: "INVALID_ARGUMENT",
      message: /timeoutMs is -1/,
    });
    const store = world.store(members);
    const invalid = { code: "INVALID_ARGUMENT" };
    await assert.rejects(store.range(rangeOf("a"), { timeoutMs: 0 }), invalid);
    await assert.rejects(store.range(rangeOf("a"), { consistency: "eventual" as never }), invalid);
    await assert.rejects(store.range(rangeOf("a"), { consistency: { maxStalenessMs: -1 } }), invalid);
    await assert.rejects(store.grantLease(0.5), invalid);
  });
});
