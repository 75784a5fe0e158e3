import assert from "node:assert/strict";
import { test } from "node:test";
import { streamFrom } from "../virtual/random.ts";
import { Counter } from "./counter.ts";
import { Participants } from "./testing/participants.ts";

const PROGRAMS = 5;
const FOR_MS = 60_000;
/** Longer than an add may take where all add all the time, ms. */
const STARVED_MS = 10_000;

test("nobody starves where many change the same key all the time", async () => {
  const world = new Participants(7);
  let longest = 0;
  const loops = Array.from({ length: PROGRAMS }, async () => {
    const { source, store } = world.join(600_000);
    const random = streamFrom(world.random);
    store.faults.latencyMs = () => random.between(4, 8);
    const counter = new Counter(source, "c");
    while (world.timeline.now < FOR_MS) {
      const begun = world.timeline.now;
      await counter.add();
      longest = Math.max(longest, world.timeline.now - begun);
      await new Promise<void>((resolve) => store.clock.after(random.between(1, 4), resolve));
    }
  });
  await world.play(Promise.all(loops));
  assert.ok(longest < STARVED_MS, `an add took ${longest} ms`);
});
