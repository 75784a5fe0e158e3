/** A member of `quorate dev` as a child process, with its output in a log file. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readSync, renameSync, statSync } from "node:fs";
import { heapOptions } from "../serve/heap.ts";
import { type MemberPlan, serveWords } from "./layout.ts";
import { asReport, stopAll } from "./reports.ts";
import type { MemberEvents, MemberHandle } from "./supervisor.ts";

export interface LaunchSettings {
  readonly plans: readonly MemberPlan[];
  readonly engine: string;
  readonly phase2Quorum?: number | undefined;
  /** The script that runs the command line: `bin/quorate`. */
  readonly script: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A log larger than this is put aside when its member starts; one older log is kept. */
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

export function launchMember(plan: MemberPlan, settings: LaunchSettings, events: MemberEvents): MemberHandle {
  putOldLogAside(plan.logFile);
  const log = openSync(plan.logFile, "a");
  const logStart = statSync(plan.logFile).size;
  const words = [...heapOptions(settings.plans.length), settings.script, ...serveWords(plan, settings.plans, settings)];
  const child = spawn(process.execPath, words, {
    // A process group of its own: Ctrl-C at the terminal reaches only us, and we stop the members in good order.
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    env: memberEnvironment(settings.env),
  });
  closeSync(log);
  let over = false;
  const end = (code: number | null, signal: NodeJS.Signals | null, reason: string | null): void => {
    if (over) return;
    over = true;
    events.ended({ code, signal, reason });
  };
  child.on("message", (message) => {
    const report = asReport(message);
    if (report !== null && !over) events.report(report);
  });
  child.once("error", (error) => end(null, null, `cannot run ${process.execPath}: ${error.message}`));
  child.once("exit", (code, signal) => end(code, signal, lastWord(plan.logFile, logStart)));
  return {
    stop: () => askToStop(child),
    kill: () => void child.kill("SIGKILL"),
  };
}

/** By message, because a signal could not say that the others stop, too; by signal if the channel is gone. */
function askToStop(child: ChildProcess): void {
  if (!child.connected) return void child.kill("SIGTERM");
  child.send(stopAll, (error) => {
    if (error !== null) child.kill("SIGTERM");
  });
}

/** Settings of `serve` in our own environment are not meant for all members alike. */
function memberEnvironment(env: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("QUORATE_")));
}

function putOldLogAside(path: string): void {
  try {
    if (statSync(path).size > LOG_LIMIT_BYTES) renameSync(path, `${path}.old`);
  } catch {
    // There is none yet; opening it says whether it can be written.
  }
}

/** What the member said last on a line for people, from where its output began. */
function lastWord(path: string, from: number): string | null {
  const tail = Buffer.alloc(64 * 1024);
  try {
    const size = statSync(path).size;
    const file = openSync(path, "r");
    try {
      const start = Math.max(from, size - tail.length);
      const length = readSync(file, tail, 0, Math.max(0, Math.min(tail.length, size - start)), start);
      const lines = tail.toString("utf8", 0, length).split("\n");
      return lines.findLast((line) => line.startsWith("quorate: "))?.slice("quorate: ".length) ?? null;
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}
