import assert from "node:assert/strict";
import { test } from "node:test";
import { QuorateError } from "../../errors.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import * as methods from "../../wire/methods.ts";
import { Listener } from "../testing/heard.ts";
import { answered } from "./testing/scripted-member.ts";
import { putOf, StoreWorld, wasPut } from "./testing/store-world.ts";

test("a call, each attempt that was repeated, and the states of a store are told of", async () => {
  const world = new StoreWorld();
  const { diagnostics, on } = bound(new Listener());
  const members = world.members("a:1", "b:1");
  let asked = 0;
  for (const member of members) {
    member.on(methods.put, () => {
      asked++;
      if (asked === 1) throw answered(etcdErrors.noLeader());
      return wasPut(2);
    });
  }
  const store = world.store(members, { diagnostics });
  await world.play(store.put(putOf("k", "v")));
  await assert.rejects(world.play(store.put(putOf("k", "v"), { signal: AbortSignal.abort() })), { code: "ABORTED" });
  const [retry, ...retries] = on("quorate:retry");
  assert.deepEqual([retry?.what, retry?.error.code, retries.length], ['put "k"', "NO_LEADER", 0]);
  assert.match(retry?.endpoint ?? "", /^[ab]:1$/);
  const [call, ...calls] = on("quorate:call");
  assert.equal(call?.store, store);
  assert.deepEqual([call?.what, call?.error, calls.length], ['put "k"', null, 0]);
  assert.ok((call?.tookMs ?? -1) >= 0);
  await store.close();
  const states = on("quorate:status").map(({ state }) => state.is);
  assert.deepEqual([states[0], states.at(-1)], ["connected", "closed"]);
  assert.ok(states.includes("leaderless") || states.filter((is) => is === "connected").length > 1);
});

test("a call that failed is told of with its error", async () => {
  const world = new StoreWorld();
  const { diagnostics, on } = bound(new Listener());
  const members = world.members("a:1");
  members[0]?.on(methods.put, () => {
    throw answered(etcdErrors.noSpace());
  });
  const store = world.store(members, { diagnostics });
  await assert.rejects(world.play(store.put(putOf("k", "v"))), { code: "NO_SPACE" });
  const [call] = on("quorate:call");
  assert.ok(call?.error instanceof QuorateError);
  assert.equal(call.error.code, "NO_SPACE");
});

function bound(listener: Listener): Pick<Listener, "diagnostics" | "on"> {
  return { diagnostics: listener.diagnostics, on: (name) => listener.on(name) };
}
