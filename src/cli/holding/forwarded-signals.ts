import type { Hold } from "../../coordination/hold.ts";
import type { ProcessGroup } from "./process-group.ts";

/** What others send to this process, and mean for the command that it runs. */
const FORWARDED: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Hands signals on to a process group for as long as it is in force; begun before the group, so that none is missed. */
export class ForwardedSignals implements Disposable {
  /** Null: not started yet. */
  group: ProcessGroup | null = null;
  readonly #handlers: readonly (readonly [NodeJS.Signals, () => void])[];

  constructor(hold: Hold) {
    this.#handlers = [
      ...FORWARDED.map((signal) => [signal, () => this.group?.signal(signal)] as const),
      // Ctrl-Z: stopped alone, this process could not end a command that has lost what it was run for.
      ["SIGTSTP", () => stopWith(this.group, hold)] as const,
    ];
    for (const [signal, handler] of this.#handlers) process.on(signal, handler);
  }

  [Symbol.dispose](): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler);
  }
}

/** Stops the group and this process; both go on when this one is told to, unless what they hold was lost meanwhile. */
function stopWith(group: ProcessGroup | null, hold: Hold): void {
  group?.signal("SIGSTOP");
  process.kill(process.pid, "SIGSTOP");
  group?.signal(hold.held ? "SIGCONT" : "SIGKILL");
}
