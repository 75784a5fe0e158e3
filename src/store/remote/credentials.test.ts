import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import * as methods from "../../wire/methods.ts";
import { answered, type ScriptedMember } from "./testing/scripted-member.ts";
import { putOf, ranged, rangeOf, StoreWorld, wasPut } from "./testing/store-world.ts";

const user = { name: "root", password: "secret" };

/** A member that takes only the tokens it gave last. */
function guarded(world: StoreWorld): { member: ScriptedMember; forget: () => void } {
  const [member] = world.members("a:1");
  assert.ok(member !== undefined);
  let given = 0;
  let valid = "";
  const checked =
    (reply: unknown) =>
    (_: never, { metadata }: { metadata: Readonly<Record<string, string>> }) => {
      const token = metadata["authorization"];
      if (token === undefined) throw answered(etcdErrors.userEmpty());
      if (token !== valid) throw answered(etcdErrors.invalidAuthToken());
      return reply;
    };
  member
    .on(methods.authenticate, ({ name, password }: typeof user) => {
      if (name !== user.name || password !== user.password) throw answered(etcdErrors.authFailed());
      valid = `token-${++given}`;
      return { token: valid };
    })
    .on(methods.range, checked(ranged(5)))
    .on(methods.put, checked(wasPut(6)));
  return {
    member,
    forget: () => {
      valid = "none";
    },
  };
}

test("one token serves all calls, and another is asked for once when it is not taken any more", async () => {
  const world = new StoreWorld();
  const { member, forget } = guarded(world);
  const store = world.store([member], { user });
  const readTwice = (): Promise<unknown> =>
    world.play(Promise.all([store.range(rangeOf("a")), store.range(rangeOf("b"))]));
  await readTwice();
  await readTwice();
  assert.equal(member.callsOf(methods.authenticate).length, 1);
  forget();
  await readTwice();
  assert.equal(member.callsOf(methods.authenticate).length, 2);
});

test("a write that was refused for its token is made with another: the refusal came before any effect", async () => {
  const world = new StoreWorld();
  const { member, forget } = guarded(world);
  const store = world.store([member], { user });
  await world.play(store.put(putOf("a", "1")));
  forget();
  await world.play(store.put(putOf("a", "2")));
  assert.equal(member.callsOf(methods.put).length, 3);
  member.on(methods.put, () => {
    throw answered(etcdErrors.authOldRevision());
  });
  await assert.rejects(world.play(store.put(putOf("a", "3"))), { code: "UNAUTHENTICATED", retryable: false });
});

test("a wrong password, and no user where one is needed, are said at once", async () => {
  const world = new StoreWorld();
  const { member } = guarded(world);
  const wrong = world.store([member], { user: { name: "root", password: "guess" } });
  await assert.rejects(world.play(wrong.range(rangeOf("a"))), { code: "UNAUTHENTICATED", message: /user "root"/ });
  await assert.rejects(world.play(world.store([member]).range(rangeOf("a"))), {
    code: "UNAUTHENTICATED",
    message: /give user and password/,
  });
  assert.ok(world.clock.now() < 100);
});

test("a cluster without authentication takes everybody; when it is switched on, a token is asked for", async () => {
  const world = new StoreWorld();
  const { member } = guarded(world);
  const store = world.store([member], { user });
  member.on(methods.authenticate, () => {
    throw answered(etcdErrors.authNotEnabled());
  });
  member.on(methods.range, (_, { metadata }) => {
    assert.equal(metadata["authorization"], undefined);
    return ranged(5);
  });
  await world.play(store.range(rangeOf("a")));
  await world.play(store.range(rangeOf("a")));
  assert.equal(member.callsOf(methods.authenticate).length, 1);
  member.on(methods.authenticate, () => ({ token: "new" }));
  member.on(methods.range, (_, { metadata }) => {
    if (metadata["authorization"] !== "new") throw answered(etcdErrors.userEmpty());
    return ranged(5);
  });
  await world.play(store.range(rangeOf("a")));
});
