/**
 * How fast the simulator is: virtual seconds of a busy cluster of three in one real second, on one core, without faults
 * and with those that the seeds draw.
 *
 *   node bench/simulation.ts [--seeds 10]
 */
import { parseArgs } from "node:util";
import { runSeed, type SeedOptions } from "../src/sim/run-seed.ts";
import { describeEnvironment } from "./environment.ts";
import { figure, table } from "./table.ts";

const { values } = parseArgs({ options: { seeds: { type: "string", default: "10" } } });
const seeds = Number(values.seeds);
if (!Number.isInteger(seeds) || seeds < 1)
  throw new Error(`--seeds is "${values.seeds}": use a whole number from 1 up`);

/** Runs seeds, and says what a second of processor time brought. */
async function measure(name: string, given: Omit<SeedOptions, "seed">): Promise<string[]> {
  let virtualMs = 0;
  let events = 0;
  let calls = 0;
  const before = process.cpuUsage();
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await runSeed({ ...given, members: 3, seed });
    if (result.failure !== null) throw new Error(`seed ${seed} broke ${result.failure.property}`);
    virtualMs += result.virtualMs;
    events += result.events;
    calls += result.calls;
  }
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1_000;
  const virtualSeconds = virtualMs / 1_000;
  return [
    name,
    figure(virtualMs / cpuMs),
    figure((1_000 * seeds) / cpuMs),
    figure(calls / virtualSeconds),
    figure(events / virtualSeconds),
    figure((1_000 * cpuMs) / events),
  ];
}

console.log(describeEnvironment());
await measure("warm-up", { durationMs: 2_000 });
const head = ["", "virtual s / CPU s", "seeds / CPU s", "calls / virtual s", "events / virtual s", "CPU µs / event"];
const rows = [await measure("no faults", { faults: [] }), await measure("as drawn", {})];
console.log(`\n${table([head, ...rows])}`);
