/** The parts of a simulated machine together: a log that is appended to and sent to another machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Environment } from "../environment.ts";
import type { VirtualMachine } from "./machine.ts";
import { bytes, MachineRoom } from "./testing/machine-room.ts";

/** Appends for ever, and sends what is durable; says what happened when. */
async function work(environment: Environment, name: string, peer: string, say: (what: string) => void): Promise<void> {
  const { clock, disk, network, random } = environment;
  await network.listen({ host: name, port: 1 }, (connection) => {
    connection.onData((chunk) => say(`${name} reads ${chunk.length} of ${chunk[0]} at ${clock.now()}`));
    connection.onClose((reason) => say(`${name} loses ${connection.remote}: ${reason?.message ?? "closed"}`));
  });
  await disk.makeDirectory("data");
  const file = await disk.open("data/log", "write");
  let end = await file.size();
  say(`${name} starts with ${end} bytes at ${clock.now()}`);
  let connection = await network.connect({ host: peer, port: 1 }, 1000).catch(() => null);
  for (;;) {
    const batch = new Uint8Array(1 + (random.uint32() % 2000)).fill(random.uint32());
    await file.writeAndSync([batch], end);
    end += batch.length;
    say(`${name} has ${end} at ${clock.now()}`);
    connection?.write([batch]);
    connection ??= await network.connect({ host: peer, port: 1 }, 1000).catch(() => null);
    await new Promise<void>((resolve) => clock.after(random.uint32() % 3, resolve));
  }
}

async function history(seed: number): Promise<string[]> {
  const seen: string[] = [];
  const room = new MachineRoom(seed, { chunking: true });
  const { timeline } = room;
  const start = (machine: VirtualMachine, peer: string): void => {
    const environment = room.boot(machine);
    environment.process.enter(() => void work(environment, machine.name, peer, (what) => seen.push(what)));
  };
  const a = room.machine("a");
  const b = room.machine("b");
  start(a, "b");
  start(b, "a");
  await timeline.run(50);
  a.crash();
  await timeline.run(20);
  start(a, "b");
  b.rate = 1.2;
  b.process?.pause();
  await timeline.run(30);
  b.process?.resume();
  await timeline.run(30);
  b.kill();
  start(b, "a");
  await timeline.run(50);
  seen.push(`${timeline.events} events`);
  return seen;
}

test("the same seed gives the same history, another one another", async () => {
  const one = await history(1);
  assert.deepEqual(await history(1), one);
  assert.notDeepEqual(await history(2), one);
  assert.ok(one.length > 100);
});

test("what one part of a machine draws shifts nothing that another draws", async () => {
  const drawn = async (busy: boolean): Promise<unknown[]> => {
    const room = new MachineRoom(5);
    const machine = room.machine("a");
    const first = room.boot(machine);
    if (busy) {
      const file = await room.until(first.disk.open("file", "create"));
      for (let round = 0; round < 5; round++) await room.until(file.writeAndSync([bytes("x")], 0));
      await room.until(first.network.connect({ host: "a", port: 1 }, 10).catch(() => null));
    }
    machine.kill();
    const { random } = room.boot(machine);
    return [first.random.uint64(), random.uint32(), random.uint64(), room.boot(room.machine("b")).random.uint32()];
  };
  const quiet = await drawn(false);
  assert.deepEqual(await drawn(true), quiet);
  assert.equal(new Set(quiet).size, 4);
});

test("a machine has one process at a time; killing what is dead and crashing what is down is harmless", async () => {
  const room = new MachineRoom();
  const machine = room.machine("a");
  machine.kill();
  machine.crash();
  const { process, clock } = room.boot(machine);
  assert.throws(() => room.boot(machine), /a process runs on a/);
  assert.equal(machine.process, process);
  let rings = 0;
  clock.after(10, () => rings++);
  machine.jump(20);
  await room.timeline.run(0);
  assert.equal(rings, 1);
  assert.equal(clock.now(), 20);
  machine.wallShiftMs = 1000;
  machine.rate = 3;
  await room.timeline.run(10);
  assert.equal(clock.now(), 50);
  process.kill();
  assert.equal(machine.process, null);
  machine.kill();
  assert.equal(room.boot(machine).clock.wallClock(), 1_700_000_000_000 + 1050);
});
