import assert from "node:assert/strict";
import { test } from "node:test";
import { json, plain } from "../kv/codec.ts";
import { put } from "../kv/conditions.ts";
import { Kv } from "../kv/kv.ts";
import { AtomicValue } from "./atomic-value.ts";
import { Participants } from "./testing/participants.ts";

test("a change from A to B and back is noticed, where a comparison of values misses it", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const [mine, theirs] = [new AtomicValue(one.source, "v", plain), new AtomicValue(two.source, "v", plain)];
  await world.play(mine.set("A"));
  const seen = await world.play(mine.get());
  await world.play(theirs.set("B"));
  await world.play(theirs.set("A"));

  // By value nothing seems to have happened.
  const byValue = Kv.on(one.store).if({ key: "value/v//value", value: "A" }).then(put("by-value", "fooled"));
  assert.equal((await world.play(byValue.commit())).succeeded, true);
  // By revision it did.
  assert.equal(await world.play(mine.compareAndSet(seen.revision, "C")), null);
  assert.equal((await world.play(theirs.get())).value, "A");
});

test("one of many who set from the same revision wins", async () => {
  const world = new Participants();
  const attempts = [1, 2, 3].map((n) => {
    const { source, store } = world.join();
    if (n === 2) store.faults.nextWrites("applied");
    return new AtomicValue(source, "v", json<number>()).compareAndSet(0, n);
  });
  const revisions = await world.play(Promise.all(attempts));
  assert.equal(revisions.filter((revision) => revision !== null).length, 1);
});

test("an update sees each other update, and is made once", async () => {
  const world = new Participants();
  const updates = [1, 2, 3, 4].map(async (n) => {
    const { source, store } = world.join();
    const value = new AtomicValue(source, "list", json<number[]>());
    await value.get();
    if (n % 2 === 0) store.faults.nextWrites("applied", "applied");
    await value.update((list) => [...(list ?? []), n]);
  });
  await world.play(Promise.all(updates));
  const { value } = await world.play(new AtomicValue(world.join().source, "list", json<number[]>()).get());
  assert.deepEqual(value?.toSorted(), [1, 2, 3, 4]);
});
