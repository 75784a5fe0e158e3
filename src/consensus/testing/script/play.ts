/** Plays a scenario: carries its steps out one after the other and records what the engines do. */
import { Bench } from "./bench.ts";
import { commands } from "./commands.ts";
import { describeDifference } from "./difference.ts";
import { expectations } from "./expectations.ts";
import { raftWording } from "./raft-wording.ts";
import { formatScenario, type Scenario, ScriptError, type Step } from "./scenario-file.ts";
import { parseSetup } from "./setup.ts";
import type { Wording } from "./wording.ts";

/** The protocols that scenarios can be written for. */
const wordings: ReadonlyMap<string, Wording> = new Map([["raft", raftWording]]);

export interface Played {
  /** What was recorded, of the steps that ran. */
  readonly outputs: ReadonlyMap<Step, readonly string[]>;
  /** Why a step could not be carried out, or what did not hold; null: the scenario went to its end. */
  readonly failure: { readonly step: Step; readonly error: Error } | null;
}

export function play(scenario: Scenario): Played {
  const outputs = new Map<Step, readonly string[]>();
  const player = new Player();
  for (const step of scenario.parts) {
    if (step.kind === "prose") continue;
    try {
      outputs.set(step, player.carryOut(step.text));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { outputs, failure: { step, error } };
    }
  }
  return { outputs, failure: null };
}

/** What is wrong with a scenario that was played, in words to print; null: it went as recorded. */
export function judge(scenario: Scenario, { outputs, failure }: Played): string | null {
  const found: string[] = [];
  for (const [step, output] of outputs) {
    const difference = describeDifference(step.output, output);
    if (difference !== null) found.push(`line ${step.line}: ${step.text}\n${difference}`);
  }
  if (failure !== null) found.push(`line ${failure.step.line}: ${failure.step.text}\n${failure.error.message}`);
  if (found.length === 0) return null;
  return `${scenario.title}\n${scenario.why}\n\n${found.join("\n\n")}\n`;
}

/** The scenario's file with what was recorded now; steps that did not run keep what they had. */
export function rewrite(scenario: Scenario, { outputs }: Played): string {
  return formatScenario(scenario, (step) => outputs.get(step) ?? step.output);
}

class Player {
  #wording: Wording = raftWording;
  #bench: Bench | null = null;

  /** One step; the lines it leaves. */
  carryOut(line: string): readonly string[] {
    const engine = /^engine (?<name>\w+)$/.exec(line)?.groups?.["name"];
    const cluster = /^cluster (?<setup>.+)$/.exec(line)?.groups?.["setup"];
    if (engine !== undefined) {
      const wording = wordings.get(engine);
      if (wording === undefined)
        throw new ScriptError(`no engine ${engine}: there are ${[...wordings.keys()].join(", ")}`);
      this.#wording = wording;
      return [];
    }
    if (cluster !== undefined) {
      this.#bench = new Bench(this.#wording, parseSetup(cluster));
      this.#bench.settle();
      this.#bench.transcript.take();
      return [];
    }
    const bench = this.#bench;
    if (bench === null) throw new ScriptError("before anything else there must be a cluster: cluster 3 voters");
    const statement = /^expect (?<statement>.+)$/.exec(line)?.groups?.["statement"];
    if (statement === undefined) return act(bench, line);
    expectations.carryOut(bench, statement);
    return [];
  }
}

function act(bench: Bench, line: string): readonly string[] {
  const quietly = line.startsWith("quietly ");
  const { command, slots } = commands.read(quietly ? line.slice("quietly ".length) : line);
  const detail = quietly ? "nothing" : (command.detail ?? "everything");
  bench.transcript.detail = detail;
  const before = bench.standing();
  command.run(bench, slots);
  bench.settle();
  if (detail !== "nothing") return bench.transcript.take();
  return whatChanged(before, bench.standing());
}

/** `3: leader in epoch 2, log to 2, commit 2`, and who takes part where that is news. */
function whatChanged(before: ReturnType<Bench["standing"]>, after: ReturnType<Bench["standing"]>): string[] {
  const lines: string[] = [];
  for (const [id, { words, members }] of after) {
    const changed = members !== "" && members !== before.get(id)?.members;
    if (changed || words !== before.get(id)?.words) lines.push(`${id}: ${words}${changed ? `, ${members}` : ""}`);
  }
  return lines;
}
