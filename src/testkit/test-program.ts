import type { Program } from "../sim/programs/program.ts";

/**
 * The program that a `Quorate` of a test cluster belongs to: a process on a machine of its own. The test's own code is not
 * in it: what is paused or dies is the library beneath, with its timers and connections.
 */
export class TestProgram {
  readonly #program: Program;

  /** @internal Clusters make their programs. */
  constructor(program: Program) {
    this.#program = program;
  }

  /** `p1`, `p2`, …: in the order in which they connected. */
  get name(): string {
    return this.#program.name;
  }

  /**
   * It stands still (SIGSTOP, a long garbage collection): hears nothing, and renews nothing. When it goes on, what it held
   * beyond its lease is lost, which `signal` and `held` say at once.
   */
  pause(): void {
    this.#program.life?.process.pause();
  }

  resume(): void {
    this.#program.life?.process.resume();
  }

  /** It dies (kill -9). What it held is free when its lease has ended. None of its calls is answered any more. */
  kill(): void {
    this.#program.kill();
  }

  /** Milliseconds that its clock counts in a true one: 1 unless it is set. */
  get clockRate(): number {
    return this.#program.machine.rate;
  }

  set clockRate(rate: number) {
    this.#program.machine.rate = rate;
  }
}
