/**
 * `npm run zoo`: how much of the zoo the random simulation catches. README.md says how to read the table.
 *
 *     npm run zoo                                    all defects, at most 2000 seeds each
 *     npm run zoo -- --only figure-8,lease-revived   these
 *     npm run zoo -- --seeds 300 --jobs 1            quicker, and kinder to the machine
 *     npm run zoo -- --control --seeds 200           the program as it is: nothing may be found
 *
 * Ends with code 1 if a defect escapes (or if the control finds one), with 2 if it could not measure.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { defects } from "./catalogue.ts";
import type { Defect } from "./defect.ts";
import { Control, type Hunt, hunt } from "./hunt.ts";
import type { Level } from "./seed-process.ts";
import { describeHunt, table } from "./table.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    room: { type: "string" },
    level: { type: "string" },
    seeds: { type: "string", default: "2000" },
    jobs: { type: "string", default: `${availableParallelism()}` },
    rate: { type: "string", default: "20" },
    patience: { type: "string", default: "60" },
    control: { type: "boolean", default: false },
  },
});

const level = levelOf(values.level);
const seeds = numberOf("seeds", values.seeds, 1);
const rateSeeds = numberOf("rate", values.rate, 0);
const jobs = numberOf("jobs", values.jobs, 1);
const patienceMs = 1_000 * numberOf("patience", values.patience, 1);

process.exitCode = values.control ? await runControl(level ?? "cluster") : await runZoo(select());

async function runZoo(chosen: readonly Defect[]): Promise<number> {
  const waiting = [...chosen];
  const hunts: Hunt[] = [];
  const unmeasured: string[] = [];
  const controls = { cluster: new Control("cluster", patienceMs), engine: new Control("engine", patienceMs) };
  const work = async (): Promise<void> => {
    for (let defect = waiting.shift(); defect !== undefined; defect = waiting.shift()) {
      const at = defect.engineOnly === true ? "engine" : (level ?? "cluster");
      try {
        const over = await hunt(defect, { level: at, seeds, rateSeeds, patienceMs }, controls[at]);
        hunts.push(over);
        process.stderr.write(`${hunts.length} of ${chosen.length}: ${describeHunt(over)}\n`);
      } catch (error) {
        unmeasured.push(defect.name);
        process.stderr.write(`${defect.name} could not be measured: ${String(error)}\n`);
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  for (const control of Object.values(controls)) control.stop();
  hunts.sort((a, b) => chosen.indexOf(a.defect) - chosen.indexOf(b.defect));
  const escaped = hunts.filter(({ find }) => find === null).map(({ defect }) => defect.name);
  console.log(table(hunts, rateSeeds));
  console.log(`\n${hunts.length - escaped.length} of ${chosen.length} caught within ${seeds} seeds`);
  if (escaped.length > 0) console.log(`escaped: ${escaped.join(", ")}`);
  if (unmeasured.length > 0) console.log(`not measured: ${unmeasured.join(", ")}`);
  return unmeasured.length > 0 ? 2 : escaped.length > 0 ? 1 : 0;
}

async function runControl(at: Level): Promise<number> {
  const control = new Control(at, patienceMs);
  let found = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const failure = await control.run(seed);
    if (failure === null) continue;
    found++;
    console.log(`seed ${seed}: ${failure.property}: ${failure.message}`);
  }
  control.stop();
  console.log(`${found} of ${seeds} seeds fail without any defect`);
  return found > 0 ? 1 : 0;
}

function select(): readonly Defect[] {
  const rooms = new Set(defects.map(({ room }) => room as string));
  if (values.room !== undefined && !rooms.has(values.room)) {
    refuse(`--room ${values.room}: there are ${[...rooms].join(", ")}`);
  }
  const names = values.only?.split(",") ?? null;
  for (const name of names ?? []) {
    if (!defects.some((one) => one.name === name)) refuse(`--only ${name}: there is no such defect in the zoo`);
  }
  return defects.filter(
    ({ name, room }) => (names?.includes(name) ?? true) && (values.room === undefined || values.room === room),
  );
}

function levelOf(text: string | undefined): Level | null {
  if (text === undefined || text === "cluster" || text === "engine") return text ?? null;
  return refuse(`--level ${text}: it is cluster or engine`);
}

function numberOf(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    refuse(`--${name} ${text}: give a whole number of at least ${least}`);
  return value;
}

function refuse(line: string): never {
  process.stderr.write(`zoo: ${line}\n`);
  process.exit(2);
}
