/** The parts of a simulated machine together: a log that is appended to and sent to another machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../consensus/random.ts";
import type { Environment, Logger } from "../environment.ts";
import { VirtualMachine } from "./machine.ts";
import { VirtualNetwork } from "./network.ts";
import { settle } from "./testing/settle.ts";
import { Timeline } from "./timeline.ts";

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

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
    const bytes = new Uint8Array(1 + (random.uint32() % 2000)).fill(random.uint32());
    await file.writeAndSync([bytes], end);
    end += bytes.length;
    say(`${name} has ${end} at ${clock.now()}`);
    connection?.write([bytes]);
    connection ??= await network.connect({ host: peer, port: 1 }, 1000).catch(() => null);
    await new Promise<void>((resolve) => clock.after(random.uint32() % 3, resolve));
  }
}

async function history(seed: number): Promise<string[]> {
  const seen: string[] = [];
  const timeline = new Timeline(settle);
  const random = new SeededRandom(seed);
  const network = new VirtualNetwork({ timeline, random, chunking: true });
  const machines = ["a", "b"].map(
    (name) => new VirtualMachine({ name, host: name, timeline, network, random: new SeededRandom(random.uint32()) }),
  );
  const start = (machine: VirtualMachine, peer: string): void => {
    const { environment, process } = machine.boot(quiet);
    process.enter(() => void work(environment, machine.name, peer, (what) => seen.push(what)));
  };
  const [a, b] = machines as [VirtualMachine, VirtualMachine];
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
