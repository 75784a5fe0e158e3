/** What `lock`, `semaphore` and `elect` have in common: get something, hold it for a command or until Ctrl-C, release it. */
import type { Command } from "commander";
import type { Hold } from "../../coordination/hold.ts";
import type { Quorate } from "../../coordination/quorate.ts";
import { hasCode } from "../../kv/wait.ts";
import { stayAlive } from "../../node/stay-alive.ts";
import type { CallOptions } from "../../store/store.ts";
import { textOf } from "../../wire/byte-string.ts";
import { type LibraryContext, withQuorate } from "../client-options.ts";
import { formatDuration } from "../duration.ts";
import { ExitCode, ExitWith, oneLine, usageError } from "../failure.ts";
import { hexId, table } from "../format/table.ts";
import type { Terminal } from "../terminal.ts";
import { evicted } from "./eviction.ts";
import { graceOf, type HoldOptions } from "./hold-options.ts";
import { Interrupt } from "./interrupt.ts";
import { exitCodeOfSignal } from "./process-group.ts";
import { runWhileHeld } from "./run-while-held.ts";

export interface Holding<H extends Hold> {
  /** As it stands on the command line. */
  readonly name: string;
  acquire(q: Quorate, call: CallOptions): Promise<H>;
  /** Null: not free now. */
  tryAcquire?(q: Quorate, call: CallOptions): Promise<H | null>;
  /** Aborted when it shall be given up soon. */
  asked?(hold: H): AbortSignal;
}

/** How long a release waits for a store that does not answer, ms. */
const RELEASE_TIMEOUT_MS = 5_000;

/**
 * @param words the command to run and its arguments; none: hold it until Ctrl-C
 * @throws ExitWith always: the exit code of the command, or of what went wrong
 */
export async function holdAndRun<H extends Hold>(
  terminal: Terminal,
  command: Command,
  words: readonly string[],
  options: HoldOptions,
  holding: Holding<H>,
): Promise<never> {
  const graceMs = graceOf(options);
  if (words.length > 0 && process.platform === "win32") {
    throw usageError("a command cannot be run here: Windows has no process groups that could be ended as a whole");
  }
  using interrupt = new Interrupt();
  const from = performance.now();
  try {
    await withQuorate(terminal, command, { ttlMs: options.ttl, signal: interrupt.signal }, async (context) => {
      const hold = await acquire(context, options, holding, interrupt.signal);
      try {
        interrupt.signal.throwIfAborted();
        const [file, ...args] = words;
        if (file === undefined) return await holdUntil(interrupt, hold, context, holding.name);
        const asked = holding.asked?.(hold);
        const env = { ...terminal.env, ...variables(holding.name, hold) };
        const note = (line: string): void => terminal.err(`${line}\n`);
        const code = await runWhileHeld(hold, [file, ...args], {
          env,
          graceMs,
          note,
          ...(asked === undefined ? {} : { asked }),
        });
        throw new ExitWith(code);
      } finally {
        await release(hold, terminal);
      }
    });
  } catch (error) {
    if (error instanceof ExitWith) throw error;
    if (interrupt.first !== null) throw new ExitWith(exitCodeOfSignal(interrupt.first));
    if (hasCode(error, "USAGE")) throw error;
    if (isTooLate(error, options, from)) throw notInTime(holding.name, options);
    throw new ExitWith(ExitCode.unavailable, `Error: ${oneLine(error)}`);
  }
  throw new ExitWith(ExitCode.ok);
}

async function acquire<H extends Hold>(
  { q }: LibraryContext,
  options: HoldOptions,
  holding: Holding<H>,
  signal: AbortSignal,
): Promise<H> {
  const { timeout } = options;
  if (timeout !== 0)
    return await holding.acquire(q, { signal, ...(timeout === undefined ? {} : { timeoutMs: timeout }) });
  const hold = await holding.tryAcquire?.(q, { signal });
  if (hold === undefined) throw usageError("--timeout 0 cannot be had here: give the time that it may take");
  if (hold === null) throw notInTime(holding.name, options);
  return hold;
}

/** A call within it may have been out of time, too: only the whole counts. */
function isTooLate(error: unknown, { timeout }: HoldOptions, from: number): boolean {
  return hasCode(error, "TIMEOUT") && timeout !== undefined && performance.now() - from >= timeout;
}

function notInTime(name: string, { timeout = 0 }: HoldOptions): ExitWith {
  const why = timeout === 0 ? "is not free" : `was not to be had within ${formatDuration(timeout)}`;
  return new ExitWith(ExitCode.notInTime, `quorate: ${JSON.stringify(name)} ${why}`);
}

/** Prints what is held, and waits for Ctrl-C. @throws ExitWith if it is lost before */
async function holdUntil(interrupt: Interrupt, hold: Hold, { print }: LibraryContext, name: string): Promise<void> {
  const { fence, session } = hold;
  const key = textOf(hold.key);
  print({
    plain: () => `${fence}\n`,
    table: () => table(["NAME", "FENCE", "LEASE", "KEY"], [[name, String(fence), hexId(session.id), key]]),
    json: () => ({ name, fence, lease: session.id, key }),
  });
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const over = new AbortController();
  interrupt.signal.addEventListener("abort", () => resolve(null), { once: true });
  hold.signal.addEventListener("abort", () => resolve(oneLine(hold.signal.reason)), { once: true });
  evicted(hold, over.signal).then(
    () => resolve(`somebody deleted the key of ${hold.what}`),
    () => undefined,
  );
  // Neither signals nor leases hold a process.
  const lost = await stayAlive(promise);
  over.abort();
  if (lost !== null) throw new ExitWith(ExitCode.lost, `quorate: ${lost}`);
}

function variables(name: string, hold: Hold): Readonly<Record<string, string>> {
  return {
    QUORATE_LOCK_NAME: name,
    QUORATE_LOCK_KEY: textOf(hold.key),
    QUORATE_FENCE: String(hold.fence),
    QUORATE_LEASE: hexId(hold.session.id),
  };
}

async function release(hold: Hold, terminal: Terminal): Promise<void> {
  if (!hold.held) return;
  try {
    await hold.release({ timeoutMs: RELEASE_TIMEOUT_MS });
  } catch (error) {
    terminal.err(`quorate: ${hold.what} may be held until its lease ends: ${oneLine(error)}\n`);
  }
}
