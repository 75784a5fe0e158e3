import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../coordination/session.ts";
import { MemoryWorld } from "../../store/testing/memory-world.ts";
import { Deadline } from "./deadline.ts";

async function watched(graceMs: number) {
  const world = new MemoryWorld();
  const { store, process } = world.client();
  const session = await world.play(Session.open(store, { ttlMs: 10_000 }));
  const lefts: number[] = [];
  const near: { readonly at: number; readonly held: boolean }[] = [];
  const deadline = new Deadline(session, graceMs, {
    moved: (leftMs) => void lefts.push(leftMs),
    near: () => void near.push({ at: store.clock.now(), held: session.check() }),
  });
  return { world, store, process, session, deadline, lefts, near };
}

test("it moves with each renewal, and is told of soon after", async () => {
  const { world, lefts, near } = await watched(3_000);
  await world.pass(60_000);
  // Three renewals in each time to live.
  assert.ok(lefts.length >= 17 && lefts.length <= 20, `told ${lefts.length} times`);
  // Found out within a tenth of the time to live.
  for (const left of lefts) assert.ok(left > 8_500 && left <= 10_000, `${left} ms are left`);
  assert.deepEqual(near, []);
});

test("it is near, once and in time, when renewals do not get through", async () => {
  const { world, store, session, near } = await watched(3_000);
  store.faults.refuse(60_000);
  const { heldUntil } = session;
  await world.pass(30_000);
  assert.deepEqual(
    near.map(({ at, held }) => [heldUntil - at, held]),
    [[3_000, true]],
  );
});

test("who was paused beyond it is told as soon as it goes on", async () => {
  const { world, process, near } = await watched(1_000);
  process.pause();
  await world.pass(30_000);
  assert.deepEqual(near, []);
  process.resume();
  await world.pass(100);
  assert.deepEqual(
    near.map(({ held }) => held),
    [false],
  );
});

test("nothing is told after its end", async () => {
  const { world, store, deadline, near } = await watched(1_000);
  deadline[Symbol.dispose]();
  store.faults.refuse(60_000);
  await world.pass(30_000);
  assert.deepEqual(near, []);
});
