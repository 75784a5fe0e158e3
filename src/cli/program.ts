/** The command tree. Each verb is a file in `verbs/`; the servers' verbs are loaded when they run. */
import { Command, CommanderError } from "commander";
import { addClientOptions } from "./client-settings.ts";
import { addDev } from "./dev/command.ts";
import { ExitCode, ExitWith, exitCodeOf, oneLine } from "./failure.ts";
import { packageVersion } from "./package-version.ts";
import { addServe } from "./serve/command.ts";
import { addSimulate } from "./simulate/command.ts";
import type { Terminal } from "./terminal.ts";
import { addCounter } from "./verbs/counter.ts";
import { addElect } from "./verbs/elect.ts";
import { addEndpoint } from "./verbs/endpoint.ts";
import { addCompaction, addDel, addGet, addPut, addTxn } from "./verbs/kv.ts";
import { addLease } from "./verbs/lease.ts";
import { addLock } from "./verbs/lock.ts";
import { addMember } from "./verbs/member.ts";
import { addMoveLeader } from "./verbs/move-leader.ts";
import { addSemaphore } from "./verbs/semaphore.ts";
import { addServices } from "./verbs/services.ts";
import { addVersion } from "./verbs/version.ts";
import { addWatch } from "./verbs/watch.ts";

export function createProgram(terminal: Terminal): Command {
  const program = new Command("quorate")
    .description("A replicated, durable key-value cluster that speaks the etcd v3 protocol.")
    .version(packageVersion(), "--version", "print the version")
    .enablePositionalOptions()
    .showSuggestionAfterError(true);
  addClientOptions(program, true);
  addServe(program, terminal);
  addDev(program, terminal);
  addSimulate(program, terminal);
  for (const add of [addGet, addPut, addDel, addTxn, addWatch, addLease, addMember, addEndpoint])
    add(program, terminal);
  for (const add of [addLock, addSemaphore, addElect, addCounter, addServices]) add(program, terminal);
  for (const add of [addMoveLeader, addCompaction, addVersion]) add(program, terminal);
  inherit(program, (command) =>
    command.exitOverride().configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      // Printed in `run`, on one line.
      outputError: () => undefined,
    }),
  );
  return program;
}

function inherit(command: Command, apply: (command: Command) => void): void {
  apply(command);
  for (const child of command.commands) inherit(child, apply);
}

/**
 * Runs a command line (without program and script) to its end.
 * @returns the exit code; everything that went wrong was said on one line
 */
export async function run(words: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  try {
    await program.parseAsync(words, { from: "user" });
    return ExitCode.ok;
  } catch (error) {
    if (error instanceof CommanderError) return fromCommander(error, words, program, terminal);
    if (error instanceof ExitWith) {
      if (error.message !== "") terminal.err(`${error.message}\n`);
      return error.code;
    }
    const code = exitCodeOf(error);
    terminal.err(code === ExitCode.usage ? `quorate: ${oneLine(error)}\n` : `Error: ${oneLine(error)}\n`);
    return code;
  }
}

function fromCommander(error: CommanderError, words: readonly string[], program: Command, terminal: Terminal): number {
  // Help and version were asked for; help is also shown, as an error, for a verb that is incomplete.
  if (error.exitCode === 0) return ExitCode.ok;
  if (error.code === "commander.help") return ExitCode.usage;
  const help = ["quorate", ...verbIn(words, program), "--help"].join(" ");
  const message = error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
  terminal.err(`quorate: ${message} (see ${help})\n`);
  return ExitCode.usage;
}

/** The verb a command line means, as far as it exists: `lease grant`. */
function verbIn(words: readonly string[], program: Command): string[] {
  const verb: string[] = [];
  let at: Command = program;
  for (const word of words) {
    const child = at.commands.find((command) => command.name() === word);
    if (child === undefined) continue;
    verb.push(word);
    at = child;
  }
  return verb;
}
