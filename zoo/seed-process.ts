/**
 * A child process that runs seeds with a defect in it. It may hang, or die: both are finds, and the next seed gets a
 * new process.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { cpuMsOf } from "./child-cpu.ts";
import type { Defect, Level } from "./defect.ts";
import type { HabitatName } from "./habitats.ts";
import { defectVariable } from "./loader.ts";

export interface Failure {
  readonly property: string;
  readonly message: string;
}

export interface SeedQuestion {
  readonly seed: number;
  readonly habitat: HabitatName;
  /** Name of the engine, as in `src/consensus/engines.ts`. */
  readonly engine: string;
}

export interface SeedAnswer {
  readonly seed: number;
  readonly failure: Failure | null;
  /** What the process has used of the processor since its start, ms. */
  readonly cpuMs: number;
  /** Files of the defect that this process never loaded. */
  readonly unpatched: readonly string[];
}

export interface SeedProcessOptions {
  /** Null: the program as it is. */
  readonly defect: Defect | null;
  readonly level: Level;
  /** Time of the processor for one seed, milliseconds; real time where the system does not tell. */
  readonly patienceMs: number;
}

const program = fileURLToPath(new URL("seed-runner.ts", import.meta.url));
const loader = new URL("loader.ts", import.meta.url).href;
/** Loading the sources takes a second or two; a machine at its limits, a while longer. */
const startMs = 120_000;
const neverEnded: Failure = { property: "never came to rest", message: "no end within the patience, twice" };
/** Of what a dying process wrote, the end says why. */
const lastWords = 2_000;

export class SeedProcess {
  readonly #options: SeedProcessOptions;
  #child: ChildProcess | null = null;
  #said = "";
  /** Of processes that have ended, and of this one at its last answer. */
  #formerCpuMs = 0;
  #cpuMs = 0;

  constructor(options: SeedProcessOptions) {
    this.#options = options;
  }

  /**
   * What is wrong with this seed; null: nothing.
   * @throws Error if the process cannot be started, or does not run the patched files: nothing was measured then
   */
  async run(seed: number, { engine, habitat }: Omit<SeedQuestion, "seed">): Promise<Failure | null> {
    const question = { seed, engine, habitat };
    const failure = await this.#try(question);
    // A machine at its limits is no find: what hangs, hangs twice.
    return failure === neverEnded ? await this.#try(question) : failure;
  }

  /** Seconds of the processor that its seeds have taken, and the loading of what they run. */
  get cpuSeconds(): number {
    return (this.#formerCpuMs + this.#cpuMs) / 1_000;
  }

  stop(): void {
    this.#child?.kill("SIGKILL");
    this.#child = null;
    this.#formerCpuMs += this.#cpuMs;
    this.#cpuMs = 0;
  }

  async #try(question: SeedQuestion): Promise<Failure | null> {
    const { defect, patienceMs } = this.#options;
    this.#child ??= await this.#start();
    const child = this.#child;
    const heard = hear(child, patienceMs);
    child.send(question);
    const { message, end } = await heard;
    if (end !== null) {
      this.stop();
      if (end === "silence") return neverEnded;
      return { property: "the process died", message: `${end}\n${this.#said}` };
    }
    const { failure, cpuMs, unpatched } = message as SeedAnswer;
    this.#cpuMs = cpuMs;
    if (unpatched.length > 0) {
      this.stop();
      throw new Error(
        `seed ${question.seed} ran without ${unpatched.join(", ")}: ${defect?.name} cannot show at this level`,
      );
    }
    return failure;
  }

  async #start(): Promise<ChildProcess> {
    const { defect, level } = this.#options;
    this.#said = "";
    const child = fork(program, [level], {
      execArgv: ["--import", loader],
      env: { ...process.env, [defectVariable]: defect?.name ?? "" },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#said = `${this.#said}${chunk.toString()}`.slice(-lastWords);
    });
    const { end } = await hear(child, startMs);
    if (end === null) return child;
    child.kill("SIGKILL");
    throw new Error(`the process for ${defect?.name ?? "the program as it is"} did not start (${end}):\n${this.#said}`);
  }
}

/** A process that wants the processor gets more of it in any such time, however many there are. */
const IDLE_MS = 20;

/** The next message of a child, or how it ended instead. */
function hear(child: ChildProcess, patienceMs: number): Promise<{ message: unknown; end: string | null }> {
  return new Promise((resolve) => {
    const over = (message: unknown, end: string | null): void => {
      clearInterval(timer);
      child.off("message", onMessage);
      child.off("close", onClose);
      resolve({ message, end });
    };
    const onMessage = (message: unknown): void => over(message, null);
    // Not "exit": what it wrote last may still be on its way.
    const onClose = (code: number | null, signal: string | null): void =>
      over(null, signal === null ? `ended with code ${code}` : `ended by ${signal}`);
    const begun = cpuMsOf(child.pid);
    let before = begun;
    const timer = setInterval(() => {
      const now = cpuMsOf(child.pid);
      const waits = now === null || before === null || now - before < IDLE_MS;
      if (waits || now - (begun ?? 0) >= patienceMs) over(null, "silence");
      before = now;
    }, patienceMs);
    child.once("message", onMessage);
    child.once("close", onClose);
  });
}
