import assert from "node:assert/strict";
import { test } from "node:test";
import { entry, Machine, writeOf } from "./testing/machine.ts";

const SEEDS = 60;

/** What a start finds in the log of a group, as it hands it out: acknowledged from then on. */
async function found(machine: Machine): Promise<number> {
  const { storage } = await machine.open();
  const { recovered } = storage.group(0);
  assert.equal(recovered.untrusted, false);
  return recovered.entries.at(-1)?.index ?? 0;
}

/** Writes entry 1, and entry 2 while the disk answers as told; the process dies before it hears that 2 is durable. */
async function killedInTheMiddle(seed: number, hinder: (machine: Machine) => void): Promise<Machine> {
  const machine = new Machine(seed);
  const { storage, durable } = await machine.open();
  const group = storage.group(0);
  group.write(writeOf(1, { entries: [entry(1, 1)] }));
  await machine.settle();
  assert.equal(durable.get(0), 1);
  hinder(machine);
  group.write(writeOf(2, { entries: [entry(2, 1, Buffer.alloc(700, 2))] }));
  await machine.settle();
  assert.equal(durable.get(0), 1);
  machine.kill();
  machine.disk.hangs = () => false;
  machine.disk.fails = () => false;
  return machine;
}

// Scenario 51, and seed 1043 of the simulator: the second start said that entry 2 was durable, and the third had lost it.
for (const [what, hinder] of [
  ["a sync that never came back", (machine: Machine): void => void (machine.disk.hangs = (kind) => kind === "sync")],
  ["a sync that failed", (machine: Machine): void => void (machine.disk.fails = (kind) => kind === "sync")],
] as const) {
  test(`what a start hands out stays, also what a killed process had written before ${what}`, async () => {
    let handedOut = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const machine = await killedInTheMiddle(seed, hinder);
      const first = await found(machine);
      if (first === 2) handedOut++;
      machine.crash();
      assert.equal(await found(machine), first, `seed ${seed}`);
    }
    assert.ok(handedOut > 0, "the situation never came about");
  });
}
