/**
 * Runs a command for as long as something is held, and not longer.
 *
 *     ──────────────────────────────┬──── grace ────┬─ reserve ─┬─ held until here; the store may let others in
 *                                   ▼               ▼
 *     renewed: all of it moves   else: SIGTERM   SIGKILL, by this process, and by a shell that sleeps until then in case
 *                                                this one is stopped or dead
 *
 * What was lost already (the lease was revoked, the key deleted) is no time for grace: SIGKILL at once. When the command
 * ends by itself, what it has left in its group is ended too, before what is held is released.
 *
 * Does not promise: anything about processes that left the group (daemons, `setsid`), nor about a machine that sleeps as a
 * whole. What they do late is refused by whoever checks the fence.
 */
import type { Hold } from "../../coordination/hold.ts";
import { ExitCode, oneLine } from "../failure.ts";
import { DeadManSwitch } from "./dead-man-switch.ts";
import { Deadline } from "./deadline.ts";
import { evicted } from "./eviction.ts";
import { ForwardedSignals } from "./forwarded-signals.ts";
import { RESERVE_SHARE } from "./hold-options.ts";
import { ProcessGroup } from "./process-group.ts";

export interface RunOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From SIGTERM to SIGKILL, ms. */
  readonly graceMs: number;
  /** Aborted when it shall be given up soon, with a reason for people: SIGTERM. */
  readonly asked?: AbortSignal;
  /** A note for people, without the end of its line. */
  readonly note: (line: string) => void;
}

/** @returns the command's exit code, or `ExitCode.lost`; nothing of its group runs any more */
export async function runWhileHeld(
  hold: Hold,
  command: readonly [string, ...string[]],
  { env, graceMs, asked, note }: RunOptions,
): Promise<number> {
  hold.assertHeld();
  using forwarded = new ForwardedSignals(hold);
  const group = new ProcessGroup(command, env);
  forwarded.group = group;
  await group.started;
  const killTimers: NodeJS.Timeout[] = [];
  const over = new AbortController();
  let isLost = false;
  /** @param signal SIGTERM: to be followed by SIGKILL after a while */
  const lose = (why: string, signal: "SIGTERM" | "SIGKILL"): void => {
    if (over.signal.aborted) return;
    if (!isLost) note(`quorate: ${why}: ending the command`);
    isLost = true;
    group.signal(signal);
    if (signal === "SIGTERM") killTimers.push(setTimeout(() => group.signal("SIGKILL"), graceMs));
  };
  using guard = new DeadManSwitch(group.id, (error) =>
    note(`quorate: nobody watches over this process: ${oneLine(error)}`),
  );
  const reserveMs = RESERVE_SHARE * hold.session.ttlMs;
  using _deadline = new Deadline(hold.session, graceMs + reserveMs, {
    moved: (leftMs) => guard.arm(leftMs - reserveMs),
    near: () =>
      lose(`${hold.what} could not be kept alive (${hold.session.lastError?.message ?? "no answer"})`, "SIGTERM"),
  });
  const whenOver = (signal: AbortSignal, then: (reason: string) => void): void => {
    if (signal.aborted) then(oneLine(signal.reason));
    else signal.addEventListener("abort", () => then(oneLine(signal.reason)), { once: true });
  };
  whenOver(hold.signal, (reason) => lose(reason, "SIGKILL"));
  if (asked !== undefined) whenOver(asked, (reason) => lose(reason, "SIGTERM"));
  evicted(hold, over.signal).then(
    () => lose(`somebody deleted the key of ${hold.what}`, "SIGKILL"),
    // The store is closed, or lets nobody look: then the lease alone decides.
    () => undefined,
  );
  try {
    const code = await group.ended;
    await endRest(group, graceMs, note);
    if (!hold.held) isLost = true;
    return isLost ? ExitCode.lost : code;
  } finally {
    over.abort();
    for (const timer of killTimers) clearTimeout(timer);
  }
}

/** How long killed processes may take to go before somebody is told, ms. */
const LATE_MS = 5_000;

/** Ends what a command has left behind in its group. */
async function endRest(group: ProcessGroup, graceMs: number, note: (line: string) => void): Promise<void> {
  if (group.isGone) return;
  group.signal("SIGTERM");
  if (await group.gone(graceMs)) return;
  group.signal("SIGKILL");
  if (await group.gone(LATE_MS)) return;
  note(`quorate: processes of group ${group.id} do not end, though killed: waiting for them`);
  await group.gone(Number.POSITIVE_INFINITY);
}
