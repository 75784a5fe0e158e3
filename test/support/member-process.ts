/**
 * One member as an operating-system process: started, killed, stopped with SIGSTOP, started again on its data.
 *
 * Each runs as the leader of a process group of its own, so that a signal reaches whatever the command started as well.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { MemberClient } from "./member-client.ts";
import { type MemberSettings, serveCommand, type TargetName } from "./target.ts";

const LOG_LINES_KEPT = 400;

/** Process groups that must not outlive us. */
const running = new Set<number>();

process.once("exit", () => {
  for (const group of running) signalGroup(group, "SIGKILL");
});
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

export class MemberProcess {
  readonly settings: MemberSettings;
  readonly client: MemberClient;
  readonly #target: TargetName;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #log: string[] = [];

  /** `env`: more variables for its process. */
  constructor(target: TargetName, settings: MemberSettings, env: Readonly<Record<string, string>> = {}) {
    this.#target = target;
    this.#env = env;
    this.settings = settings;
    this.client = new MemberClient(this.endpoint);
  }

  get name(): string {
    return this.settings.name;
  }

  /** `127.0.0.1:2379`, for gRPC clients. */
  get endpoint(): string {
    return new URL(this.settings.listenClientUrl).host;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  /** Process id; null while it is not running. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** The newest lines of its output, over all its starts. */
  get log(): string {
    return this.#log.join("\n");
  }

  start(): void {
    if (this.#child !== null) throw new Error(`${this.name} is already running as process ${this.#child.pid}`);
    const { file, args } = serveCommand(this.#target, this.settings);
    const child = spawn(file, args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...environment(), ...this.#env },
    });
    this.#child = child;
    const group = child.pid;
    if (group !== undefined) running.add(group);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => this.#remember(text));
    }
    child.once("error", (error) => this.#remember(`cannot start ${file}: ${error.message}`));
    child.once("exit", (code, signal) => {
      this.#remember(`[ended: ${signal ?? `exit code ${code}`}]`);
      if (group !== undefined) {
        // Whatever the command left behind must not write to the data directory of the next start.
        signalGroup(group, "SIGKILL");
        running.delete(group);
      }
      if (this.#child === child) this.#child = null;
    });
  }

  /** Sends `signal` and waits for the end. SIGKILL is `kill -9`: nothing is flushed, nothing is said. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const ended = once(child, "exit");
    signalGroup(child.pid as number, signal);
    await ended;
  }

  /** SIGSTOP: the process freezes, its connections stay open. */
  pause(): void {
    this.#signal("SIGSTOP");
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  /** Resident memory of all its processes, in bytes. Linux only; 0 while it is not running. */
  residentBytes(): number {
    const group = this.pid;
    if (group === null) return 0;
    let bytes = 0;
    for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
      try {
        const afterName = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1) ?? "";
        if (Number(afterName.split(" ")[2]) !== group) continue;
        const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
        bytes += Number(resident?.[1] ?? 0) * 1024;
      } catch {
        // It ended between the two reads.
      }
    }
    return bytes;
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.pid;
    if (pid === null) throw new Error(`${this.name} is not running, ${signal} cannot be sent`);
    signalGroup(pid, signal);
  }

  #remember(text: string): void {
    this.#log.push(...text.trimEnd().split("\n"));
    if (this.#log.length > LOG_LINES_KEPT) this.#log = this.#log.slice(-LOG_LINES_KEPT);
  }
}

/** Ours, without the variables that both servers would take for settings. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(QUORATE|ETCD)_/.test(name)));
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // The group is gone already.
  }
}
