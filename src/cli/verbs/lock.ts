/** `lock`. */
import type { Command } from "commander";
import type { Mutex } from "../../coordination/mutex.ts";
import type { Quorate } from "../../coordination/quorate.ts";
import type { Side } from "../../coordination/read-write-lock.ts";
import { addClientOptions, withQuorate } from "../client-options.ts";
import { usageError } from "../failure.ts";
import { type Stander, standingOutput } from "../format/standing.ts";
import { holdAndRun } from "../holding/hold-and-run.ts";
import { addHoldOptions, type HoldOptions } from "../holding/hold-options.ts";
import type { Terminal } from "../terminal.ts";

interface LockOptions extends HoldOptions {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly list?: boolean;
}

export function addLock(program: Command, terminal: Terminal): void {
  const command = program
    .command("lock")
    .summary("run a command while holding a lock")
    .argument("<name>", "the lock")
    .argument("[command...]", "what to run, behind --")
    .option("--read", "the side of a read-write lock that many hold")
    .option("--write", "the side of a read-write lock that one holds")
    .option("--list", "print who holds it and who waits, in their order");
  addHoldOptions(command, {
    description:
      "Waits for its turn, runs a command while it holds the lock, and releases it. A name's read-write lock is another one than its plain one, which `etcdctl lock lock/NAME/` takes, too.",
    examples: [
      "quorate lock backup -- /usr/local/bin/backup --full",
      "quorate lock backup --timeout 0 -- sh -c 'deploy --fence \"$QUORATE_FENCE\"'",
      "quorate lock index --read -- ./search",
      "quorate lock --list backup -w table",
    ],
  });
  addClientOptions(command).action(async (name: string, words: readonly string[], options: LockOptions) => {
    if (options.read === true && options.write === true) {
      throw usageError("--read and --write contradict each other: give one of them");
    }
    if (options.list === true) return await list(terminal, command, name, words, options);
    await holdAndRun(terminal, command, words, options, {
      name,
      acquire: (q, call) => lockOf(q, name, options).acquire(call),
      tryAcquire: (q, call) => lockOf(q, name, options).tryAcquire(call),
    });
  });
}

function isReadWrite({ read, write }: LockOptions): boolean {
  return read === true || write === true;
}

function lockOf(q: Quorate, name: string, options: LockOptions): Mutex | Side {
  const { label } = options;
  if (!isReadWrite(options)) return q.lock(name, { label });
  const both = q.readWriteLock(name, { label });
  return options.read === true ? both.read : both.write;
}

async function list(
  terminal: Terminal,
  command: Command,
  name: string,
  words: readonly string[],
  options: LockOptions,
): Promise<void> {
  if (words.length > 0) throw usageError("--list runs no command: leave one of them out");
  await withQuorate(terminal, command, {}, async ({ q, print }) => {
    print(standingOutput(name, await (isReadWrite(options) ? sides(q, name) : standing(q, name))));
  });
}

async function standing(q: Quorate, name: string): Promise<Stander[]> {
  const { holder, waiting } = await q.lock(name).standing();
  return [
    ...(holder === null ? [] : [{ ...holder, holds: true }]),
    ...waiting.map((contender) => ({ ...contender, holds: false })),
  ];
}

async function sides(q: Quorate, name: string): Promise<Stander[]> {
  const contenders = await q.readWriteLock(name).standing();
  return contenders.map(({ side, ...contender }) => ({ ...contender, more: { side } }));
}
