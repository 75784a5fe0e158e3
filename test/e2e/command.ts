/** Runs the `quorate` command as a user does: its own process, its own environment. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("../../bin/quorate", import.meta.url));

export interface CommandOutcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandSurroundings {
  /** Variables beside the system's; no QUORATE_* one is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to standard input. Default: nothing. */
  readonly input?: string | Uint8Array;
}

/** A command that runs, and what it has written so far. */
export class RunningCommand {
  static readonly #all = new Set<RunningCommand>();

  /** For the end of a suite: one that a failed test has left would keep the suite from ending. */
  static killAll(): void {
    for (const command of RunningCommand.#all) command.signal("SIGKILL");
  }

  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  #stdout = "";
  #stderr = "";
  readonly #watchers = new Set<() => void>();

  constructor(words: readonly string[], { env = {}, cwd, input }: CommandSurroundings = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("QUORATE_"));
    this.#child = spawn(process.execPath, [script, ...words], {
      env: { ...Object.fromEntries(inherited), ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    RunningCommand.#all.add(this);
    this.#child.once("exit", () => RunningCommand.#all.delete(this));
    this.#ended = once(this.#child, "close").then(() => this.#changed());
    this.#child.stdout.setEncoding("latin1").on("data", (text: string) => {
      this.#stdout += text;
      this.#changed();
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      this.#changed();
    });
    this.#child.stdin.on("error", () => undefined);
    this.#child.stdin.end(input ?? "");
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** One character for each byte. */
  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async ended(): Promise<CommandOutcome> {
    await this.#ended;
    const { exitCode, signalCode } = this.#child;
    return { code: exitCode, signal: signalCode, stdout: this.#stdout, stderr: this.#stderr };
  }

  /** Waits until both streams together match; fails with all of them if the command ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#stdout + this.#stderr);
      if (found !== null) return found;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`ended without saying ${pattern}: ${this.#stdout}${this.#stderr}`);
      }
      await new Promise<void>((resolve) => {
        const seen = (): void => {
          this.#watchers.delete(seen);
          resolve();
        };
        this.#watchers.add(seen);
      });
    }
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/** Runs a command to its end. */
export function quorate(words: readonly string[], surroundings?: CommandSurroundings): Promise<CommandOutcome> {
  return new RunningCommand(words, surroundings).ended();
}
