import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryWorld } from "../store/testing/memory-world.ts";
import { Wait } from "./wait.ts";

const never = new Promise<never>(() => undefined);

test("a wait ends with whatever is first: its time, its signal, or what it depends on", async () => {
  const world = new MemoryWorld();
  const { clock } = world.client().store;
  using timed = new Wait(clock, { timeoutMs: 100 });
  await assert.rejects(world.play(timed.for(never)), { code: "TIMEOUT", message: /within 100 ms/ });
  assert.equal(clock.now(), 100);
  assert.throws(() => timed.check(), { code: "TIMEOUT" });

  const controller = new AbortController();
  using signalled = new Wait(clock, { signal: controller.signal, timeoutMs: 100 });
  const given = signalled.for(never);
  controller.abort(new Error("enough"));
  await assert.rejects(world.play(given), (error: { code: string; cause: Error }) => {
    return error.code === "ABORTED" && error.cause.message === "enough";
  });
  await assert.rejects(signalled.for(Promise.resolve(1)), { code: "ABORTED" });
  assert.throws(() => new Wait(clock, { timeoutMs: -1 }), { code: "INVALID_ARGUMENT", message: /timeoutMs is -1/ });
});

test("what is done in time is given, and a process that was paused learns that its time is over", async () => {
  const world = new MemoryWorld();
  const { store, process } = world.client();
  using wait = new Wait(store.clock, { timeoutMs: 1_000 });
  assert.equal(await world.play(wait.for(Promise.resolve(7))), 7);
  assert.equal(wait.call().timeoutMs, 1_000);
  process.pause();
  await world.pass(2_000);
  assert.equal(wait.signal.aborted, false, "no timer could run");
  assert.ok(wait.over);
  assert.throws(() => wait.call(), { code: "TIMEOUT" }, "a store refuses a call that has no time");
  await assert.rejects(wait.for(Promise.resolve(7)), { code: "TIMEOUT" });
});

test("a time longer than any timer is waited for in pieces", async () => {
  const world = new MemoryWorld();
  const { clock } = world.client().store;
  using wait = new Wait(clock, { timeoutMs: 2 ** 32 });
  assert.equal(wait.call().timeoutMs, 2 ** 31 - 1, "a store takes no longer one");
  await world.pass(2 ** 31);
  assert.equal(wait.over, false);
  await world.pass(2 ** 31);
  assert.ok(wait.signal.aborted);
});
