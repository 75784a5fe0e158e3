/** `program.ts` as a process, and what it is told. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Instruction, Outcome } from "./program.ts";

const file = fileURLToPath(new URL("./program.ts", import.meta.url));

export class ProgramProcess {
  readonly #child: ChildProcess;
  readonly #waiting: ((outcome: Outcome) => void)[] = [];
  readonly #ended: Promise<number | null>;
  #log = "";

  constructor() {
    this.#child = fork(file, { serialization: "advanced", stdio: ["ignore", "pipe", "pipe", "ipc"] });
    this.#ended = once(this.#child, "exit").then(([code]) => {
      const outcome: Outcome = { is: "failed", code: "ENDED", message: `the program ended (${code}): ${this.#log}` };
      for (const resolve of this.#waiting.splice(0)) resolve(outcome);
      return code as number | null;
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (text: Buffer) => {
        this.#log += text.toString();
      });
    }
    this.#child.on("message", (outcome: Outcome) => this.#waiting.shift()?.(outcome));
  }

  /** Resolves with its exit code once it has ended; null: by a signal. */
  get ended(): Promise<number | null> {
    return this.#ended;
  }

  async tell(instruction: Instruction): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#waiting.push(resolve);
    this.#child.send(instruction);
    const outcome = await promise;
    if (outcome.is === "done") return outcome.value;
    throw Object.assign(new Error(`${instruction.is}: ${outcome.message}`), { code: outcome.code });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
