import assert from "node:assert/strict";
import { test } from "node:test";
import { SpareSegment } from "./spare.ts";
import { Machine } from "./testing/machine.ts";

const MIB = 1024 * 1024;

async function spare(): Promise<{ spare: SpareSegment; machine: Machine }> {
  const machine = new Machine(1);
  const { disk, clock } = machine.boot();
  await disk.makeDirectory("log");
  const failed = (error: unknown): void => assert.fail(String(error));
  return { machine, spare: new SpareSegment(disk, clock, "log", { full() {}, failed }) };
}

test("a large spare is made in steps with pauses, so that the log's own syncs get through", async () => {
  const { spare: it, machine } = await spare();
  it.prepare(MIB);
  await machine.settle();
  assert.equal(it.isReady, false);
  for (let i = 0; i < 4; i++) {
    await machine.pass(16);
  }
  assert.equal(it.isReady, true);
  assert.equal(it.bytes, MIB);
  await it.close();
});

test("closing waits for no pause, whether one is under way or would be next", async () => {
  const during = await spare();
  during.spare.prepare(MIB);
  await during.machine.settle();
  await during.spare.close();
  const before = await spare();
  before.spare.prepare(MIB);
  await before.spare.close();
});
