/**
 * `npm run zoo`: how much of the zoo the random simulation catches. README.md says how to read the table.
 *
 *     npm run zoo                                    all defects of all engines, at most 2000 seeds each
 *     npm run zoo -- --only figure-8,lease-revived   these
 *     npm run zoo -- --seeds 300 --jobs 1            quicker, and kinder to the machine
 *     npm run zoo -- --control --seeds 200           the program as it is: nothing may be found
 *
 * Ends with code 1 if a defect escapes (or if the control finds one), with 2 if it could not measure.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { engines } from "../src/consensus/engines.ts";
import { defects } from "./catalogue.ts";
import type { Defect, Level } from "./defect.ts";
import { describeGround, type Ground, homeOf } from "./ground.ts";
import { Controls, type Hunt, hunt } from "./hunt.ts";
import { describeHunt, table } from "./table.ts";

/** What runs where any protocol will do. */
const DEFAULT_ENGINE = "raft";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    room: { type: "string" },
    level: { type: "string" },
    engine: { type: "string" },
    wild: { type: "boolean", default: false },
    seeds: { type: "string", default: "2000" },
    jobs: { type: "string", default: `${availableParallelism()}` },
    rate: { type: "string", default: "0" },
    patience: { type: "string", default: "60" },
    control: { type: "boolean", default: false },
  },
});

const level = readLevel(values.level);
const seeds = numberOf("seeds", values.seeds, 1);
const rateSeeds = numberOf("rate", values.rate, 0);
const jobs = numberOf("jobs", values.jobs, 1);
const patienceMs = 1_000 * numberOf("patience", values.patience, 1);

const home = (defect: Defect): Ground => homeOf(defect, values.engine ?? DEFAULT_ENGINE, { level, wild: values.wild });

process.exitCode = values.control ? await runControl(select()) : await runZoo(select());

async function runZoo(chosen: readonly Defect[]): Promise<number> {
  const started = performance.now();
  const waiting = [...chosen];
  const hunts: Hunt[] = [];
  const unmeasured: string[] = [];
  const controls = new Controls(patienceMs);
  await inParallel(async () => {
    for (let defect = waiting.shift(); defect !== undefined; defect = waiting.shift()) {
      try {
        const over = await hunt(defect, { ground: home(defect), seeds, rateSeeds, patienceMs }, controls);
        hunts.push(over);
        process.stderr.write(`${hunts.length} of ${chosen.length}: ${describeHunt(over)}\n`);
      } catch (error) {
        unmeasured.push(defect.name);
        process.stderr.write(`${defect.name} could not be measured: ${String(error)}\n`);
      }
    }
  });
  controls.stop();
  // As in the catalogue, not as they ended.
  hunts.sort((a, b) => chosen.indexOf(a.defect) - chosen.indexOf(b.defect));
  const escaped = hunts.filter(({ find }) => find === null).map(({ defect }) => defect.name);
  const seconds = Math.round((performance.now() - started) / 1_000);
  const used = hunts.reduce((sum, over) => sum + over.seconds, controls.cpuSeconds);
  console.log(table(hunts, rateSeeds));
  console.log(
    `\n${hunts.length - escaped.length} of ${chosen.length} caught within ${seeds} seeds, ` +
      `in ${seconds} s with ${jobs} processes at a time, ${Math.round(used)} s of the processor`,
  );
  if (escaped.length > 0) console.log(`escaped: ${escaped.join(", ")}`);
  if (unmeasured.length > 0) console.log(`not measured: ${unmeasured.join(", ")}`);
  return unmeasured.length > 0 ? 2 : escaped.length > 0 ? 1 : 0;
}

/** The sound program wherever one of these defects is hunted. */
async function runControl(chosen: readonly Defect[]): Promise<number> {
  const grounds = new Map(chosen.map(home).map((ground) => [JSON.stringify(ground), ground]));
  const waiting = [...grounds.values()];
  let found = 0;
  await inParallel(async () => {
    const controls = new Controls(patienceMs);
    for (let ground = waiting.shift(); ground !== undefined; ground = waiting.shift()) {
      const where = describeGround(ground);
      for (let seed = 1; seed <= seeds; seed++) {
        const failure = await controls.run(ground, seed);
        if (failure === null) continue;
        found++;
        console.log(`${where}, seed ${seed}: ${failure.property}: ${failure.message}`);
      }
      process.stderr.write(`${where}: ${seeds} seeds\n`);
    }
    controls.stop();
  });
  console.log(`${found} of ${grounds.size * seeds} runs fail without any defect`);
  return found > 0 ? 1 : 0;
}

async function inParallel(work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: jobs }, work));
}

function select(): readonly Defect[] {
  const rooms = new Set(defects.map(({ room }) => room as string));
  if (values.room !== undefined && !rooms.has(values.room)) {
    refuse(`--room ${values.room}: there are ${[...rooms].join(", ")}`);
  }
  if (values.engine !== undefined && !engines.has(values.engine)) {
    refuse(`--engine ${values.engine}: there are ${[...engines.keys()].join(", ")}`);
  }
  const names = values.only?.split(",") ?? null;
  for (const name of names ?? []) {
    if (!defects.some((one) => one.name === name)) refuse(`--only ${name}: there is no such defect in the zoo`);
  }
  return defects.filter(
    ({ name, room, engine }) =>
      (names?.includes(name) ?? true) &&
      (values.room === undefined || values.room === room) &&
      (values.engine === undefined || engine === "any" || engine === values.engine),
  );
}

function readLevel(text: string | undefined): Level | null {
  if (text === undefined || text === "cluster" || text === "engine" || text === "protocol") return text ?? null;
  return refuse(`--level ${text}: it is cluster, engine or protocol`);
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
