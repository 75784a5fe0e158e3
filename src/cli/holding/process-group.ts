import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { ExitCode, ExitWith, oneLine } from "../failure.ts";

/** Milliseconds between two looks whether a group is gone: the system does not tell. */
const LOOK_MS = 20;

/**
 * A command and all that it starts, as far as that does not leave for a group of its own: what can be ended as a whole.
 *
 * It has this process' standard streams, a terminal too, but not its session, so that what a terminal sends to the
 * foreground comes here alone and is handed on on purpose.
 */
export class ProcessGroup {
  /** Of the group, and of the process that leads it; 0: it could not be started. */
  readonly id: number;
  /** Rejects with `ExitWith`: 127 if there is no such command, 126 if it cannot be run. */
  readonly started: Promise<void>;
  /** The exit code of the process that leads it, as a shell would say it: 128 + the signal that ended it. */
  readonly ended: Promise<number>;
  #leads = true;

  /** Starts it at once. */
  constructor(command: readonly [string, ...string[]], env: Readonly<Record<string, string | undefined>>) {
    const [file, ...args] = command;
    const child = spawn(file, args, { detached: true, stdio: "inherit", env });
    this.id = child.pid ?? 0;
    this.started = new Promise((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => reject(cannotStart(file, error)));
    });
    this.ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#leads = false;
        resolve(code ?? exitCodeOfSignal(signal ?? "SIGKILL"));
      });
    });
  }

  /** To all that are in it; nothing happens when it is gone. */
  signal(signal: NodeJS.Signals): void {
    // 0 would be this process' own.
    if (this.id === 0) return;
    try {
      process.kill(-this.id, signal);
    } catch {
      // Gone, or of another user: `gone` waits for it.
    }
  }

  /** Whether nothing of it runs any more. */
  get isGone(): boolean {
    if (this.#leads) return false;
    try {
      process.kill(-this.id, 0);
    } catch (error) {
      // Elsewhere than on Linux a group whose dead nobody has fetched says that it may not be asked.
      const { code } = error as NodeJS.ErrnoException;
      return code !== "EPERM" || process.platform !== "linux";
    }
    return process.platform === "linux" && !hasLiving(this.id);
  }

  /** Resolves when nothing of it runs any more, or, with false, when that takes longer. */
  async gone(withinMs: number): Promise<boolean> {
    const from = performance.now();
    while (!this.isGone) {
      const leftMs = withinMs - (performance.now() - from);
      if (leftMs <= 0) return false;
      await delay(Math.min(LOOK_MS, leftMs));
    }
    return true;
  }
}

function cannotStart(file: string, error: Error & { readonly code?: string }): ExitWith {
  return error.code === "ENOENT"
    ? new ExitWith(ExitCode.notFound, `quorate: ${file}: command not found`)
    : new ExitWith(ExitCode.cannotRun, `quorate: ${file} cannot be run: ${oneLine(error)}`);
}

/** What a shell makes of a signal: 130 for SIGINT. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** Whether a group has a process that is not dead: one that nobody has fetched yet (a zombie) can do no more harm. */
function hasLiving(group: number): boolean {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      // Behind the name, which may have spaces: state, parent, group.
      const [state = "", , groupOf] = (readFileSync(`/proc/${entry}/stat`, "utf8").split(") ").at(-1) ?? "").split(" ");
      if (Number(groupOf) === group && !/^[ZXx]$/.test(state)) return true;
    } catch {
      // It ended meanwhile.
    }
  }
  return false;
}
