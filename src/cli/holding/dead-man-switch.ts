import { type ChildProcess, spawn } from "node:child_process";

/**
 * Ends a process group when this process does not say in time that it lives.
 *
 * A process that is killed or stopped can end nobody. So a shell sleeps until the moment up to which the lock is held for
 * certain, and kills the group then; each time that moment moves, another takes its place. It lives outside of the group
 * and of this process' group, so that what is sent to them does not reach it.
 */
export class DeadManSwitch implements Disposable {
  readonly #group: number;
  readonly #failed: (error: Error) => void;
  #sleeper: ChildProcess | null = null;

  /** @param failed told when there is no shell to watch over the group */
  constructor(group: number, failed: (error: Error) => void) {
    this.#group = group;
    this.#failed = failed;
  }

  /** The group has this long to live from now on, ms. */
  arm(leftMs: number): void {
    const before = this.#sleeper;
    const seconds = (Math.max(0, leftMs) / 1000).toFixed(3);
    const script = `sleep "$1" && kill -s KILL -- "-$2"`;
    const sleeper = spawn("sh", ["-c", script, "quorate-guard", seconds, String(this.#group)], {
      detached: true,
      stdio: "ignore",
    });
    sleeper.unref();
    sleeper.once("error", this.#failed);
    this.#sleeper = sleeper;
    // Not before there is another one.
    if (before !== null) end(before);
  }

  [Symbol.dispose](): void {
    if (this.#sleeper !== null) end(this.#sleeper);
    this.#sleeper = null;
  }
}

function end({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has done its work.
  }
}
