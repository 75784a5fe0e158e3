import { hostname } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { formatDuration, parseDuration } from "../duration.ts";
import { usageError } from "../failure.ts";
import { example } from "../verbs/example.ts";

/** What the options of a verb that holds something say. */
export interface HoldOptions {
  /** How long others wait when this process dies, ms. */
  readonly ttl: number;
  /** How long to wait for it, ms; 0: only if it is free now. Undefined: as long as it takes. */
  readonly timeout?: number;
  /** From SIGTERM to SIGKILL when it is lost, ms. Undefined: a third of the time to live. */
  readonly grace?: number;
  readonly label: string;
}

export interface HoldHelp {
  readonly description: string;
  readonly examples: readonly string[];
}

/** The options of verbs that hold something, maybe while they run a command, and what their help says about that. */
export function addHoldOptions(command: Command, { description, examples }: HoldHelp): Command {
  command
    .addOption(
      new Option("--ttl <duration>", "how long others wait when this process dies (a bare number: seconds)")
        .argParser(duration(1_000))
        .default(10_000, "10s"),
    )
    .option("--timeout <duration>", "how long to wait; 0: only if it is free now (default: for ever)", duration(0))
    .option("--grace <duration>", "from SIGTERM to SIGKILL (default: a third of --ttl)", duration(0))
    .option("--label <text>", "what others see of who holds or waits", `${hostname()}:${process.pid}`);
  return example(command, description, examples).addHelpText("after", holdHelp);
}

const holdHelp = `
The command runs in a process group of its own, with QUORATE_LOCK_NAME, QUORATE_LOCK_KEY, QUORATE_FENCE and QUORATE_LEASE
in its environment. SIGINT, SIGTERM and SIGHUP are handed on to it. Without a command it is held until Ctrl-C, and the
fence is printed.

When it cannot be kept alive, the group gets SIGTERM while there is still --grace left, and SIGKILL before anybody else can
hold it, also when this process was stopped or killed. What the command leaves behind in its group is ended before it is
released. Processes that left the group (daemons, setsid) are not seen, and a machine that sleeps as a whole wakes up too
late: let what the command writes to refuse fences that are smaller than one it has seen.

Exit codes: the command's own (128 + the signal that ended it), or
  2    this command line cannot be used
  69   the cluster cannot be reached, or refused; the command was not run
  74   it was lost, and the command was ended
  75   it was not to be had within --timeout; the command was not run
  126  the command cannot be run
  127  there is no such command
  128+ the signal that came while it was waited for`;

/**
 * A part of the time to live, in which killed processes go: signals take their time on a busy machine. Between SIGKILL and
 * the moment up to which it is held for certain.
 */
export const RESERVE_SHARE = 0.05;

/** @throws QuorateError USAGE if the grace leaves no time to renew in */
export function graceOf({ ttl, grace }: HoldOptions): number {
  if (grace === undefined) return ttl / 3;
  if (grace <= ttl / 2) return grace;
  throw usageError(
    `--grace ${formatDuration(grace)} is more than half of --ttl ${formatDuration(ttl)}: give a longer --ttl, or less grace`,
  );
}

/** `10s`, `1m30s`, or whole seconds as etcdctl takes them. */
function duration(leastMs: number): (text: string) => number {
  return (text) => {
    const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : parseDuration(text);
    if (ms === null || ms < leastMs || ms > LONGEST_MS) {
      throw new InvalidArgumentError(
        `It must be a time from ${formatDuration(leastMs)} to ${formatDuration(LONGEST_MS)}, such as 10s or 1m30s.`,
      );
    }
    return ms;
  };
}

const LONGEST_MS = 86_400_000;
