import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import * as methods from "../../wire/methods.ts";
import { answered } from "./testing/scripted-member.ts";
import { putOf, StoreWorld, wasPut } from "./testing/store-world.ts";

test("the states of a store, from the present one to the last", async () => {
  const world = new StoreWorld();
  const [member] = world.members("a:1");
  assert.ok(member !== undefined);
  const store = world.store([member]);
  const seen: string[] = [];
  const over = (async () => {
    for await (const state of store.states()) {
      const detail = state.is === "connected" || state.is === "leaderless" ? state.endpoint : state.error?.message;
      seen.push(`${state.is} ${detail ?? ""}`.trim());
    }
  })();
  await world.pass(10);
  member.on(methods.put, () => {
    throw answered(etcdErrors.noLeader());
  });
  await assert.rejects(world.play(store.put(putOf("a", "1"), { timeoutMs: 500 })), { code: "NO_LEADER" });
  member.on(methods.put, () => wasPut(2));
  await world.play(store.put(putOf("a", "1")));
  member.refusal = "away";
  member.breakAll("cut");
  await world.pass(1_000);
  member.refusal = null;
  await world.pass(5_000);
  await store.close();
  await store.close();
  await world.play(over);
  assert.deepEqual(seen, [
    "connecting",
    "connected a:1",
    "leaderless a:1",
    "connected a:1",
    "connecting cut",
    "connecting away",
    "connected a:1",
    "closed",
  ]);
  assert.deepEqual(store.state, { is: "closed", error: null });
  const late: string[] = [];
  for await (const { is } of store.states()) late.push(is);
  assert.deepEqual(late, ["closed"]);
});
