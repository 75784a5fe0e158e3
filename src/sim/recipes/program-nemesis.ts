/** Carries out the faults of programs, each when its time has come, and ends those that last. */
import { describeProgramFault, type ProgramFault } from "../plan/recipe-plan.ts";
import type { Program } from "../programs/program.ts";
import type { World } from "../world/world.ts";
import type { RecipeWorkload } from "./workload.ts";

/** A clock that stands still, as near as one can. */
const STOPPED_RATE = 1e-9;

export class ProgramNemesis {
  /** How many faults of each kind began. */
  readonly begun: Map<string, number> = new Map();
  readonly #world: World;
  readonly #workload: RecipeWorkload;
  readonly #lasting = new Set<() => void>();
  #over = false;

  constructor(world: World, workload: RecipeWorkload) {
    this.#world = world;
    this.#workload = workload;
  }

  start(): void {
    for (const fault of this.#workload.plan.faults) {
      this.#world.timeline.at(fault.at, () => {
        if (!this.#over && this.#world.violation === null) this.#begin(fault);
      });
    }
  }

  /** No fault begins any more, and those that last end. */
  heal(): void {
    this.#over = true;
    for (const undo of this.#lasting) undo();
  }

  #begin(fault: ProgramFault): void {
    const program = this.#workload.programs[fault.target];
    if (program === undefined || program.life === null || program.life.process.paused) return;
    this.#world.trace.note("nemesis", describeProgramFault(fault));
    const name = `program: ${fault.kind}`;
    this.begun.set(name, (this.begun.get(name) ?? 0) + 1);
    const undo = this.#strike(fault, program);
    if (undo === null) return;
    const once = (): void => {
      if (this.#lasting.delete(once)) undo();
    };
    this.#lasting.add(once);
    this.#world.later(fault.forMs, once);
  }

  /** Returns what ends it; null: it was over at once. */
  #strike(fault: ProgramFault, program: Program): (() => void) | null {
    const { network } = this.#world;
    const { machine } = program;
    const hosts = this.#hostsOf(fault);
    switch (fault.kind) {
      case "crash":
      case "kill":
        this.#workload.end(program, fault.kind === "crash");
        return () => this.#workload.begin(program);
      case "pause":
        return this.#pause(program, false);
      case "freeze":
        return this.#pause(program, true);
      case "cutOff":
        return this.#cutOff(machine.host, hosts);
      case "slowWay":
        return this.#slow(machine.host, hosts, fault.amount);
      case "resetWays":
        for (const host of hosts) network.reset(machine.host, host);
        return null;
      case "forgottenWays":
        for (const host of hosts) network.forget(machine.host, host);
        return null;
      case "clockRate":
        machine.rate = fault.amount;
        return () => {
          machine.rate = 1;
        };
    }
  }

  #hostsOf({ members }: ProgramFault): string[] {
    const chosen = this.#world.members.filter(({ slot }) => (members & (1 << slot)) !== 0);
    return chosen.map(({ machine }) => machine.host);
  }

  #pause(program: Program, clockStops: boolean): (() => void) | null {
    const { life, machine } = program;
    if (life === null) return null;
    const { recorder } = this.#workload;
    const { timeline } = this.#world;
    const { rate } = machine;
    recorder.asleep(life, timeline.now, clockStops);
    life.process.pause();
    if (clockStops) machine.rate = STOPPED_RATE;
    return () => {
      if (clockStops) machine.rate = rate;
      recorder.awake(life, timeline.now, clockStops);
      life.process.resume();
    };
  }

  #cutOff(host: string, others: readonly string[]): () => void {
    const { network } = this.#world;
    for (const other of others) {
      network.block(host, other);
      network.block(other, host);
    }
    return () => {
      for (const other of others) {
        network.unblock(host, other);
        network.unblock(other, host);
      }
    };
  }

  #slow(host: string, others: readonly string[], mostMs: number): () => void {
    const { network, plan } = this.#world;
    const links = others.flatMap((other) => [network.link(host, other), network.link(other, host)]);
    const { minDelayMs, maxDelayMs } = plan.cluster;
    for (const link of links) Object.assign(link, { minDelayMs: mostMs / 4, maxDelayMs: mostMs });
    return () => {
      for (const link of links) Object.assign(link, { minDelayMs, maxDelayMs });
    };
  }
}
