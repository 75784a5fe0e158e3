/** `elect`. */
import type { Command } from "commander";
import type { Election, Leader } from "../../coordination/election.ts";
import type { Hold } from "../../coordination/hold.ts";
import type { Quorate } from "../../coordination/quorate.ts";
import type { RankedElection, RankedLeadership } from "../../coordination/ranked-election.ts";
import { byteStringOfText } from "../../wire/byte-string.ts";
import { addClientOptions, type Output, wholeNumber, withQuorate } from "../client-options.ts";
import { usageError } from "../failure.ts";
import { standingOutput } from "../format/standing.ts";
import { hexId, printable, table } from "../format/table.ts";
import { holdAndRun } from "../holding/hold-and-run.ts";
import { addHoldOptions, graceOf, type HoldOptions, RESERVE_SHARE } from "../holding/hold-options.ts";
import type { Terminal } from "../terminal.ts";

interface ElectOptions extends HoldOptions {
  readonly value?: string;
  readonly number?: number;
  readonly highest?: boolean;
  readonly observe?: boolean;
  readonly list?: boolean;
}

export function addElect(program: Command, terminal: Terminal): void {
  const command = program
    .command("elect")
    .summary("run a command while leading")
    .argument("<name>", "the election")
    .argument("[command...]", "what to run, behind --")
    .option("--value <text>", "what to proclaim to those who observe (default: the label)")
    .option("--number <number>", "in an election in which the highest number leads: this one's", wholeNumber(LEAST))
    .option("--highest", "with --observe: an election in which the highest number leads")
    .option("--observe", "print the leader, and each change, until Ctrl-C")
    .option("--list", "print who leads and who is next, in their order");
  addHoldOptions(command, {
    description:
      "Waits until it leads, runs a command for as long as it does, and resigns. Who came first leads; with --number who has the highest does, and gets SIGTERM when a higher one comes.",
    examples: [
      "quorate elect scheduler -- ./scheduler --primary",
      "quorate elect scheduler --number 7 --grace 3s -- ./scheduler --primary",
      "quorate elect --observe scheduler",
    ],
  });
  addClientOptions(command).action(async (name: string, words: readonly string[], options: ElectOptions) => {
    check(words, options);
    if (options.observe === true) return await observe(terminal, command, name, options);
    if (options.list === true) return await list(terminal, command, name);
    const { number, value = options.label } = options;
    if (number === undefined) {
      return await holdAndRun<Hold>(terminal, command, words, options, {
        name,
        acquire: (q, call) => q.election(name).campaign(value, call),
      });
    }
    // The office is another's after that: what is killed after the grace has to be gone.
    const handOverMs = graceOf(options) + RESERVE_SHARE * options.ttl;
    await holdAndRun<RankedLeadership>(terminal, command, words, options, {
      name,
      acquire: (q, call) => q.rankedElection(name, { handOverMs }).campaign({ number, value }, call),
      asked: (office) => office.challenged,
    });
  });
}

const LEAST = Number.MIN_SAFE_INTEGER;

function check(words: readonly string[], { observe: observes, list: lists, highest, number }: ElectOptions): void {
  const only = observes === true ? "--observe" : lists === true ? "--list" : null;
  if (observes === true && lists === true) {
    throw usageError("--observe and --list contradict each other: give one of them");
  }
  if (only !== null && words.length > 0) throw usageError(`${only} runs no command: leave one of them out`);
  if (only !== null && number !== undefined) throw usageError(`${only} is no candidate: leave --number out`);
  if (highest === true && observes !== true)
    throw usageError("--highest goes with --observe: a candidate gives --number");
}

function electionOf(q: Quorate, name: string, { highest }: ElectOptions): Election | RankedElection {
  return highest === true ? q.rankedElection(name) : q.election(name);
}

async function observe(terminal: Terminal, command: Command, name: string, options: ElectOptions): Promise<void> {
  await withQuorate(terminal, command, {}, async ({ q, print }) => {
    for await (const leader of electionOf(q, name, options).observe()) print(leaderOutput(name, leader));
  });
}

function leaderOutput(name: string, leader: Leader | null): Output {
  const row =
    leader === null
      ? ["nobody", "", ""]
      : [String(leader.fence), hexId(leader.lease), printable(byteStringOfText(leader.value))];
  return {
    plain: () =>
      leader === null
        ? "nobody leads\n"
        : `${leader.fence}, ${hexId(leader.lease)}, ${byteStringOfText(leader.value)}\n`,
    table: () => table(["FENCE", "LEASE", "VALUE"], [row]),
    json: () => ({
      name,
      leader: leader === null ? null : { fence: leader.fence, lease: leader.lease, value: leader.value },
    }),
  };
}

async function list(terminal: Terminal, command: Command, name: string): Promise<void> {
  await withQuorate(terminal, command, {}, async ({ q, print }) => {
    const standing = await q.election(name).standing();
    print(
      standingOutput(
        name,
        standing.map((contender, index) => ({ ...contender, holds: index === 0 })),
      ),
    );
  });
}
