import assert from "node:assert/strict";
import { test } from "node:test";
import { SpareSegment } from "./spare.ts";
import { settle } from "./testing/machine.ts";
import { seeded } from "./testing/seeded.ts";
import { SimulatedClock } from "./testing/simulated-clock.ts";
import { SimulatedDisk } from "./testing/simulated-disk.ts";

const MIB = 1024 * 1024;

async function spare(): Promise<{ spare: SpareSegment; clock: SimulatedClock }> {
  const random = seeded(1);
  const disk = new SimulatedDisk(() => random.next()).attach();
  await disk.makeDirectory("log");
  const clock = new SimulatedClock();
  const failed = (error: unknown): void => assert.fail(String(error));
  return { spare: new SpareSegment(disk, clock, "log", { full() {}, failed }), clock };
}

test("a large spare is made in steps with pauses, so that the log's own syncs get through", async () => {
  const { spare: it, clock } = await spare();
  it.prepare(MIB);
  await settle();
  assert.equal(it.isReady, false);
  for (let i = 0; i < 4; i++) {
    clock.advance(16);
    await settle();
  }
  assert.equal(it.isReady, true);
  assert.equal(it.bytes, MIB);
  await it.close();
});

test("closing waits for no pause, whether one is under way or would be next", async () => {
  const during = await spare();
  during.spare.prepare(MIB);
  await settle();
  await during.spare.close();
  const before = await spare();
  before.spare.prepare(MIB);
  await before.spare.close();
});
