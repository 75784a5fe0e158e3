/** A competitor as an operating-system process, with a network of its own: killed, stopped, cut off. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ClientLinks } from "./client-links.ts";
import type { CompetitorSettings } from "./competitor.ts";

const LOG_LINES_KEPT = 60;
const program = fileURLToPath(new URL("competitor.ts", import.meta.url));

/** Processes that must not outlive us: one that is stopped could not end by itself. */
const running = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class CompetitorProcess {
  readonly name: string;
  readonly links: ClientLinks;
  /** How it ended: `SIGKILL`, `exit code 0`. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #log: string[] = [];

  private constructor(settings: CompetitorSettings, links: ClientLinks) {
    this.name = settings.name;
    this.links = links;
    const child = spawn(process.execPath, [program, JSON.stringify(settings)], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        this.#log = [...this.#log, ...text.trimEnd().split("\n")].slice(-LOG_LINES_KEPT);
      });
    }
    this.ended = once(child, "exit").then(async ([code, signal]) => {
      running.delete(child);
      await links.close();
      return typeof signal === "string" ? signal : `exit code ${code}`;
    });
  }

  static async start(
    settings: Omit<CompetitorSettings, "endpoints">,
    members: readonly string[],
  ): Promise<CompetitorProcess> {
    const links = await ClientLinks.open(members);
    return new CompetitorProcess({ ...settings, endpoints: links.endpoints }, links);
  }

  get isRunning(): boolean {
    return running.has(this.#child);
  }

  /** What it said last, which is nothing unless something went wrong. */
  get log(): string {
    return this.#log.join("\n");
  }

  /** SIGSTOP: it freezes, its connections stay open. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
