import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { settle } from "./testing/settle.ts";
import { type Action, Timeline } from "./timeline.ts";

test("events run in order of time, and in order of scheduling at the same time", async () => {
  const script = fc.array(
    fc.record({ at: fc.integer({ min: 0, max: 20 }), cancel: fc.boolean(), adds: fc.array(fc.integer({ max: 25 })) }),
    { maxLength: 60 },
  );
  await fc.assert(
    fc.asyncProperty(script, async (events) => {
      const timeline = new Timeline(settle);
      const seen: { at: number; order: number }[] = [];
      let order = 0;
      const add = (at: number, adds: readonly number[], cancel: boolean): void => {
        const mine = order++;
        const due = Math.max(at, timeline.now);
        const scheduled = timeline.at(at, () => {
          assert.equal(timeline.now, due);
          assert.ok(!cancel, "a cancelled event ran");
          seen.push({ at: due, order: mine });
          for (const later of adds) add(later, [], false);
        });
        if (cancel) scheduled.cancel();
      };
      for (const { at, adds, cancel } of events) add(at, adds, cancel);
      await timeline.run(30);
      const sorted = [...seen].sort((a, b) => a.at - b.at || a.order - b.order);
      assert.deepEqual(seen, sorted);
      assert.equal(timeline.events, seen.length);
      assert.equal(timeline.now, 30);
    }),
    { numRuns: 200 },
  );
});

test("cancelled events are swept out and leave the others in order", async () => {
  const timeline = new Timeline(settle);
  const seen: number[] = [];
  for (let index = 0; index < 10_000; index++) {
    const at = (index * 7919) % 10_007;
    const event = timeline.at(at + 1, () => seen.push(at));
    if (index % 10 !== 0) event.cancel();
  }
  await timeline.run(20_000);
  assert.equal(seen.length, 1000);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
});

test("promises settle between two events, however long their chains", async () => {
  const timeline = new Timeline(settle);
  const seen: string[] = [];
  const chain = async (): Promise<void> => {
    for (let step = 0; step < 100; step++) await Promise.resolve();
    seen.push("chain");
  };
  timeline.at(1, () => void chain());
  timeline.at(1, () => seen.push("next"));
  await timeline.run(1);
  assert.deepEqual(seen, ["chain", "next"]);
});

test("a run ends when its condition holds, with the events behind it still to come", async () => {
  const timeline = new Timeline(settle);
  let count = 0;
  for (let at = 1; at <= 5; at++) timeline.at(at, () => count++);
  assert.equal(await timeline.run(100, () => count === 3), true);
  assert.equal(timeline.now, 3);
  assert.equal(await timeline.run(1.5, () => count === 5), false);
  assert.equal(timeline.now, 4.5);
  assert.equal(await timeline.run(1, () => count === 5), true);
  assert.equal(timeline.now, 5);
  assert.equal(await timeline.run(1, () => true), true);
  assert.equal(timeline.now, 5);
});

test("what an event throws comes out of the run, and the next run goes on", async () => {
  const timeline = new Timeline(settle);
  let ran = false;
  timeline.at(1, () => {
    throw new Error("broken");
  });
  timeline.at(2, () => {
    ran = true;
  });
  await assert.rejects(timeline.run(5), /broken/);
  await timeline.run(5);
  assert.equal(ran, true);
});

test("waiting events move where they are told, and keep their order at the same time", async () => {
  const timeline = new Timeline(settle);
  const seen: string[] = [];
  class Named implements Action {
    readonly name: string;
    constructor(name: string) {
      this.name = name;
    }
    fire(): void {
      seen.push(`${this.name} at ${timeline.now}`);
    }
  }
  timeline.schedule(5, new Named("a"));
  timeline.schedule(9, new Named("b"));
  timeline.schedule(7, new Named("c"));
  timeline.at(2, () => timeline.reschedule((action) => (action instanceof Named && action.name !== "a" ? 1 : null)));
  timeline.at(2, () => seen.push("2"));
  await timeline.run(10);
  assert.deepEqual(seen, ["b at 2", "c at 2", "2", "a at 5"]);
});

test("bad times and overlapping runs are refused with what is wrong", async () => {
  const timeline = new Timeline(settle);
  assert.throws(() => timeline.at(Number.NaN, () => {}), /NaN/);
  await assert.rejects(timeline.run(-1), /-1 ms/);
  const run = timeline.run(1);
  await assert.rejects(timeline.run(1), /runs already/);
  await run;
});

test("a loop that lets no time pass is found instead of running for ever", async () => {
  const timeline = new Timeline(() => Promise.resolve());
  const again = (): void => void timeline.at(0, again);
  again();
  await assert.rejects(timeline.run(1), /without letting time pass/);
});
