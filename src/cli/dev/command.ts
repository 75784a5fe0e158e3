/** The `dev` verb: a whole cluster on this machine, for trying things out. */
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { type Command, InvalidArgumentError } from "commander";
import { engines } from "../../consensus/engines.ts";
import { engineName } from "../engine-name.ts";
import { usageError } from "../failure.ts";
import type { Terminal } from "../terminal.ts";
import { example } from "../verbs/example.ts";
import { checkPorts, type DevSettings, MAX_MEMBERS, planMembers, prepareDataDir } from "./layout.ts";

function between(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

export function addDev(program: Command, terminal: Terminal): void {
  const command = program
    .command("dev")
    .summary("run a whole cluster on this machine, to try things out")
    .option("--members <number>", `how many, from 1 to ${MAX_MEMBERS}`, between(1, MAX_MEMBERS), 3)
    .option(
      "--base-port <port>",
      "client port of the first member; the next are 100 higher each, peer ports 1",
      between(1, 65_534),
      2379,
    )
    .option("--data-dir <path>", "where the members keep their data and logs", ".quorate")
    .option("--engine <name>", `the consensus protocol: ${[...engines.keys()].join(", ")}`, engineName, "raft")
    .option(
      "--phase2-quorum <number>",
      "with paxos: members that must have a write on disk; fewer mean more for an election (default: a majority)",
      between(1, MAX_MEMBERS),
    );
  example(command, "Runs a cluster of several members on this machine until Ctrl-C.", [
    "quorate dev",
    "quorate dev --members 5 --base-port 12379 --data-dir /tmp/five",
  ]);
  command.action(async (settings: DevSettings) => {
    refusePhase2Quorum(settings);
    if (settings.dataDir.trim() === "") throw usageError("--data-dir is empty: give a directory, or leave it out");
    await runDev(settings, terminal);
  });
}

function refusePhase2Quorum({ engine, members, phase2Quorum }: DevSettings): void {
  if (phase2Quorum === undefined) return;
  const asked = `--phase2-quorum ${phase2Quorum}`;
  if (engines.get(engine)?.flexibleQuorums !== true) {
    throw usageError(`${asked} is nothing for --engine ${engine}, which commits with a majority: leave it out`);
  }
  if (phase2Quorum > members) throw usageError(`${asked} is more than --members ${members}: use at most that`);
}

async function runDev(settings: DevSettings, terminal: Terminal): Promise<void> {
  const plans = planMembers(settings);
  // Ports first: a second `quorate dev` must not touch the data of the one that runs.
  await checkPorts(plans);
  prepareDataDir(settings);
  const { launchMember } = await import("./process.ts");
  const { Supervisor } = await import("./supervisor.ts");
  const { SignalGate } = await import("../signal-gate.ts");
  const { banner } = await import("./banner.ts");

  const script = fileURLToPath(new URL("../../../bin/quorate", import.meta.url));
  const { engine, phase2Quorum } = settings;
  const launch = { plans, engine, phase2Quorum, script, env: terminal.env };
  const colours = { ready: "green", news: "cyan", trouble: "yellow" } as const;
  const supervisor = new Supervisor({
    plans,
    launch: (plan, events) => launchMember(plan, launch, events),
    say: (kind, line) =>
      terminal.out(`${terminal.isTTY ? styleText(colours[kind], line, { validateStream: false }) : line}\n`),
    now: () => performance.now(),
    after: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  });
  const signals = new SignalGate(["SIGINT", "SIGTERM", "SIGHUP"]);
  const asked = new Promise<null>((resolve) => signals.onFirst(() => resolve(null)));
  terminal.out(banner(plans, settings, commandShown(script)));
  supervisor.start();
  const refusal = await Promise.race([asked, supervisor.refused]);
  if (refusal === null) terminal.out("Stopping …\n");
  await supervisor.stop();
  if (refusal !== null) throw usageError(refusal);
  terminal.out("Stopped.\n");
  process.exit(0);
}

/** From a checkout the path to `bin/quorate` works; an installed package is found by npx. */
function commandShown(script: string): string {
  if (script.includes("node_modules")) return "npx quorate";
  const path = relative(process.cwd(), script);
  return path.startsWith("..") ? resolve(script) : path;
}
