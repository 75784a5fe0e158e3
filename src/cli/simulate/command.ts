/** The `simulate` verb: whole clusters under every fault, in virtual time, from seeds. */
import { availableParallelism } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import { engines } from "../../consensus/engines.ts";
import { type FaultKind, faultKinds } from "../../sim/faults/fault.ts";
import { programFaultKinds } from "../../sim/plan/recipe-plan.ts";
import { engineName } from "../engine-name.ts";
import { callError, usageError } from "../failure.ts";
import type { Terminal } from "../terminal.ts";
import { example } from "../verbs/example.ts";
import type { Run } from "./run.ts";

interface Settings {
  readonly engine?: string;
  readonly phase2Quorum?: number;
  readonly seed?: number;
  readonly seeds?: number;
  readonly members?: number;
  readonly minutes?: number;
  readonly faults?: readonly FaultKind[];
  readonly keep?: readonly number[];
  readonly jobs: number;
  readonly trace?: string;
  readonly shrink: boolean;
  readonly recipes?: boolean;
}

const MOST_SEEDS = 10_000_000;

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

function minutes(text: string): number {
  const value = Number(text);
  if (!(value > 0) || value > 600) throw new InvalidArgumentError("It must be a number above 0, up to 600.");
  return value;
}

function faultList(text: string): FaultKind[] {
  if (text === "none") return [];
  return text.split(",").map((kind) => {
    if (!Object.hasOwn(faultKinds, kind)) {
      throw new InvalidArgumentError(`There is no fault "${kind}"; see quorate simulate --list-faults.`);
    }
    return kind as FaultKind;
  });
}

function places(text: string): number[] {
  return text === "none" ? [] : text.split(",").map(whole(0, 1_000_000));
}

export function addSimulate(program: Command, terminal: Terminal): void {
  const command = program
    .command("simulate")
    .summary("run whole clusters under every fault, in virtual time")
    .option("--engine <name>", `the consensus protocol: ${[...engines.keys()].join(", ")}`, engineName)
    .option(
      "--phase2-quorum <number>",
      "with paxos: members that must have a write on disk; drawn if not given",
      whole(1, 9),
    )
    .option("--seed <number>", "run this seed, and show what happened", whole(0, 2 ** 32 - 1))
    .option("--seeds <number>", "run so many seeds, from --seed or a random one on", whole(1, MOST_SEEDS))
    .option("--members <number>", "members to begin with; drawn if not given", whole(1, 9))
    .option("--recipes", "programs that use locks, elections, counters and the like, in place of plain clients")
    .option("--minutes <number>", "virtual minutes with faults in each run; a third of one if not given", minutes)
    .option("--faults <list>", "only these kinds of faults, with commas between; `none`: a run without", faultList)
    .option("--keep <list>", "only these faults of the seed, by their numbers: replays a shrunk failure", places)
    .option("--jobs <number>", "threads", whole(1, 1_024), availableParallelism())
    .option("--trace <file>", "write all that happened in the first failed (or the only) run to this file")
    .option("--no-shrink", "do not look for a smaller set of faults that fails, too")
    .option("--list-faults", "say what kinds of faults there are");
  example(command, "Runs clusters of production members on simulated machines and checks what they promise.", [
    "quorate simulate --seeds 1000",
    "quorate simulate --seed 42 --trace 42.log",
    "quorate simulate --recipes --seeds 200 --engine zab",
    "quorate simulate --seeds 100 --members 5 --faults partition,crash,pause",
  ]);
  command.action(async (settings: Settings & { listFaults?: boolean }) => {
    if (settings.listFaults === true) {
      const width = Math.max(...Object.keys(faultKinds).map(({ length }) => length));
      const list = (kinds: object): void => {
        for (const [kind, what] of Object.entries(kinds)) terminal.out(`${kind.padEnd(width)}  ${what}\n`);
      };
      list(faultKinds);
      terminal.out("\nof programs, with --recipes\n");
      list(programFaultKinds);
      return;
    }
    if (settings.keep !== undefined && (settings.seed === undefined || (settings.seeds ?? 1) > 1)) {
      throw usageError("--keep names faults of one seed: give --seed, and no --seeds");
    }
    if (settings.phase2Quorum !== undefined && engines.get(settings.engine ?? "")?.flexibleQuorums !== true) {
      const engine = settings.engine ?? "the default engine";
      throw usageError(
        `--phase2-quorum ${settings.phase2Quorum} is nothing for ${engine}, which commits with a majority: leave it out`,
      );
    }
    const { simulate } = await import("./simulate.ts");
    const clean = await simulate(toRun(settings), terminal);
    if (!clean) throw callError("the simulation found a broken promise");
  });
}

function toRun(settings: Settings): Run {
  const { engine, phase2Quorum, members, faults, keep, minutes: long, recipes } = settings;
  const count = settings.seeds ?? (settings.seed === undefined ? 100 : 1);
  return {
    first: settings.seed ?? Math.floor(Math.random() * 2 ** 31),
    count,
    given: {
      ...(engine === undefined ? {} : { engine }),
      ...(phase2Quorum === undefined ? {} : { phase2Quorum }),
      ...(members === undefined ? {} : { members }),
      ...(long === undefined ? {} : { durationMs: long * 60_000 }),
      ...(faults === undefined ? {} : { faults }),
      ...(keep === undefined ? {} : { keep }),
      ...(recipes === undefined ? {} : { recipes }),
    },
    jobs: Math.min(settings.jobs, count),
    traceFile: settings.trace ?? null,
    shrink: settings.shrink,
  };
}
