/** Runs seeds, shows how far it is, and says what came of it: for a failure, everything that is needed to replay it. */
import { writeFileSync } from "node:fs";
import { describeFault } from "../../sim/faults/fault.ts";
import { faultCount } from "../../sim/plan/draw.ts";
import { describeProgramFault } from "../../sim/plan/recipe-plan.ts";
import { runSeed, type SeedOptions, type SeedResult } from "../../sim/run-seed.ts";
import { shrink } from "../../sim/shrink.ts";
import { table } from "../format/table.ts";
import type { Terminal } from "../terminal.ts";
import { runPool } from "./pool.ts";
import type { Run } from "./run.ts";
import { type SeedSummary, Totals } from "./summary.ts";

/** Lines of the trace that are shown of a failure, and kept for a file. */
const LINES_SHOWN = 60;
const LINES_KEPT = 1_000_000;
/** Failures after which nothing new is begun. */
const MOST_FAILURES = 5;
const PROGRESS_MS = 500;
/** The longest time, in real milliseconds, spent on a smaller failure. */
const SHRINK_MS = 60_000;

/** @returns whether every promise was kept */
export async function simulate(run: Run, terminal: Terminal): Promise<boolean> {
  const totals = new Totals();
  const startedAt = performance.now();
  let next = run.first;
  const bar = progressBar(run.count, totals, terminal, startedAt);
  if (run.count > 1) {
    const last = run.first + run.count - 1;
    terminal.err(`seeds ${run.first} to ${last} on ${run.jobs} thread${run.jobs === 1 ? "" : "s"}\n`);
  }
  await runPool({
    jobs: run.jobs,
    next: () => {
      if (next >= run.first + run.count || totals.failures.length >= MOST_FAILURES) return null;
      return { ...run.given, seed: next++ };
    },
    done: (summary) => {
      totals.add(summary);
      if (summary.failure !== null) bar.clear();
      if (summary.failure !== null) terminal.out(`seed ${summary.seed} broke: ${summary.failure.property}\n`);
    },
  });
  bar.clear();
  report(totals, performance.now() - startedAt, terminal);
  const [failure] = totals.failures;
  if (failure !== undefined) await explain(failure, run, terminal);
  else if (run.traceFile !== null) await trace({ ...run.given, seed: run.first }, run.traceFile, terminal);
  return failure === undefined;
}

function progressBar(count: number, totals: Totals, terminal: Terminal, startedAt: number): { clear: () => void } {
  if (!terminal.isTTY || count === 1) return { clear: () => {} };
  const timer = setInterval(() => {
    const done = totals.seeds / count;
    const filled = Math.floor(done * 30);
    const rate = totals.seeds / ((performance.now() - startedAt) / 1_000);
    const bar = "█".repeat(filled) + "░".repeat(30 - filled);
    terminal.err(`\r${bar} ${totals.seeds} of ${count}, ${rate.toFixed(1)} seeds a second `);
  }, PROGRESS_MS);
  timer.unref();
  return {
    clear: () => {
      clearInterval(timer);
      terminal.err("\r\x1b[K");
    },
  };
}

function report(totals: Totals, realMs: number, terminal: Terminal): void {
  const { seeds, virtualMs, busyMs, calls, answered, entries, events, failures } = totals;
  const hours = virtualMs / 3_600_000;
  const lines = [
    `${seeds} run${seeds === 1 ? "" : "s"}, ${failures.length} failed; ${(seeds / (realMs / 1_000)).toFixed(1)} a second`,
    `${hours.toFixed(2)} virtual hours in ${(realMs / 1_000).toFixed(1)} s: ${(virtualMs / busyMs).toFixed(0)} times as fast as time, on each thread`,
    `${calls} calls of clients, ${answered} answered; ${entries} entries committed; ${events} events`,
  ];
  terminal.out(`${lines.join("\n")}\n`);
  const faults = [...totals.faults].sort(([a], [b]) => (a < b ? -1 : 1));
  if (faults.length > 0) {
    terminal.out(
      `\nfaults\n${table(
        ["FAULT", "TIMES"],
        faults.map(([kind, count]) => [kind, String(count)]),
      )}`,
    );
  }
  const marks = [...totals.marks].sort(([a], [b]) => (a < b ? -1 : 1));
  const reached = marks.filter(([, count]) => count > 0);
  const never = marks.filter(([, count]) => count === 0).map(([name]) => name);
  terminal.out(
    `\nrare paths\n${table(
      ["PATH", "TIMES"],
      reached.map(([name, count]) => [name, String(count)]),
    )}`,
  );
  terminal.out(`never reached: ${never.length === 0 ? "none of those known" : never.join(", ")}\n`);
}

async function explain(failure: SeedSummary, run: Run, terminal: Terminal): Promise<void> {
  const options: SeedOptions = { ...run.given, seed: failure.seed, keepLines: LINES_KEPT };
  let shown = await runSeed(options);
  let replay = options;
  if (shown.traceHash !== failure.traceHash) {
    terminal.out(`\nseed ${failure.seed} gave another run when it was repeated: the simulator is not deterministic\n`);
  }
  if (run.shrink && shown.failure !== null && faultCount(shown.plan) > 0) {
    const until = performance.now() + SHRINK_MS;
    const smaller = await shrink(shown, options, () => performance.now() > until);
    terminal.out(
      `\n${faultCount(smaller.result.plan)} of ${smaller.faults} faults are needed (${smaller.runs} runs)\n`,
    );
    shown = smaller.result;
    replay = smaller.options;
  }
  tell(shown, terminal);
  terminal.out(`\nreplay it with\n  ${commandFor(replay)}\n`);
  if (run.traceFile !== null) writeTrace(shown, run.traceFile, terminal);
}

function tell(result: SeedResult, terminal: Terminal): void {
  const { plan, failure, trace: lines } = result;
  terminal.out(`\nseed ${plan.seed}: ${plan.cluster.members} members, ${JSON.stringify(plan.cluster)}\n`);
  const faults = [...plan.faults.map(describeFault), ...(plan.recipes?.faults.map(describeProgramFault) ?? [])];
  terminal.out(`faults:\n${faults.map((fault) => `  ${fault}\n`).join("")}`);
  terminal.out(`the last of ${lines.length} events:\n${lines.slice(-LINES_SHOWN).join("\n")}\n`);
  if (failure !== null) terminal.out(`\n${failure.property}: ${failure.message}\n`);
}

async function trace(options: SeedOptions, file: string, terminal: Terminal): Promise<void> {
  writeTrace(await runSeed({ ...options, keepLines: LINES_KEPT }), file, terminal);
}

function writeTrace(result: SeedResult, file: string, terminal: Terminal): void {
  const head = `${JSON.stringify(result.plan)}\n`;
  writeFileSync(file, `${head}${result.trace.join("\n")}\nhash ${result.traceHash}\n`);
  terminal.out(`${result.trace.length} lines written to ${file}, hash ${result.traceHash}\n`);
}

/** The command that does the same again. */
export function commandFor({
  seed,
  engine,
  phase2Quorum,
  members,
  durationMs,
  faults,
  keep,
  recipes,
}: SeedOptions): string {
  const words = ["quorate simulate", `--seed ${seed}`];
  if (recipes === true) words.push("--recipes");
  if (engine !== undefined) words.push(`--engine ${engine}`);
  if (phase2Quorum !== undefined) words.push(`--phase2-quorum ${phase2Quorum}`);
  if (members !== undefined) words.push(`--members ${members}`);
  if (durationMs !== undefined) words.push(`--minutes ${durationMs / 60_000}`);
  if (faults !== undefined) words.push(`--faults ${faults.join(",") || "none"}`);
  if (keep !== undefined) words.push(`--keep ${keep.join(",") || "none"}`);
  return words.join(" ");
}
