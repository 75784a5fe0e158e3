/** `semaphore`. */
import type { Command } from "commander";
import type { Quorate } from "../../coordination/quorate.ts";
import type { Semaphore } from "../../coordination/semaphore.ts";
import { addClientOptions, wholeNumber, withQuorate } from "../client-options.ts";
import { usageError } from "../failure.ts";
import { standingOutput } from "../format/standing.ts";
import { holdAndRun } from "../holding/hold-and-run.ts";
import { addHoldOptions, type HoldOptions } from "../holding/hold-options.ts";
import type { Terminal } from "../terminal.ts";

interface SemaphoreOptions extends HoldOptions {
  readonly permits: number;
  readonly take: number;
  readonly list?: boolean;
}

export function addSemaphore(program: Command, terminal: Terminal): void {
  const command = program
    .command("semaphore")
    .summary("run a command while holding permits")
    .argument("<name>", "the semaphore")
    .argument("[command...]", "what to run, behind --")
    .requiredOption("--permits <number>", "how many there are: the same for all who use the name", wholeNumber(1))
    .option("--take <number>", "how many to take, all at once", wholeNumber(1), 1)
    .option("--list", "print who holds permits and who waits, in their order");
  addHoldOptions(command, {
    description: "Waits for permits, runs a command while it holds them, and gives them back.",
    examples: [
      "quorate semaphore encoders --permits 4 -- ffmpeg -i in.mov out.mp4",
      "quorate semaphore encoders --permits 4 --take 2 --timeout 1m -- ./big-job",
      "quorate semaphore encoders --permits 4 --list -w table",
    ],
  });
  addClientOptions(command).action(async (name: string, words: readonly string[], options: SemaphoreOptions) => {
    const { permits, take } = options;
    if (take > permits) throw usageError(`--take ${take} is more than --permits ${permits}: take fewer`);
    const semaphoreOf = (q: Quorate): Semaphore => q.semaphore(name, { permits, label: options.label });
    if (options.list !== true) {
      return await holdAndRun(terminal, command, words, options, {
        name,
        acquire: (q, call) => semaphoreOf(q).acquire({ ...call, permits: take }),
        tryAcquire: (q, call) => semaphoreOf(q).tryAcquire({ ...call, permits: take }),
      });
    }
    if (words.length > 0) throw usageError("--list runs no command: leave one of them out");
    await withQuorate(terminal, command, {}, async ({ q, print }) => {
      const contenders = await semaphoreOf(q).standing();
      print(
        standingOutput(
          name,
          contenders.map(({ permits: some, ...contender }) => ({ ...contender, more: { permits: some } })),
        ),
      );
    });
  });
}
