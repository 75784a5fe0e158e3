/**
 * A simulated program that uses a cluster: the production library, from `Quorate` down to its calls, in a process on a
 * machine of its own. It may be killed, started again, paused, and cut off, and its clock may run fast or slow.
 */
import { Quorate } from "../../coordination/quorate.ts";
import type { Clock, Logger } from "../../environment.ts";
import { assert } from "../../errors.ts";
import type { RemoteLimits } from "../../store/remote/options.ts";
import { RemoteStore } from "../../store/remote/remote-store.ts";
import type { VirtualMachine } from "../../virtual/machine.ts";
import type { VirtualProcess } from "../../virtual/process.ts";
import { CLIENT_PORT } from "../world/front.ts";
import { type Keepalive, networkDialler } from "./network-channel.ts";

export interface ProgramOptions {
  readonly machine: VirtualMachine;
  /** Of the members it may talk to, whether they are there or not. */
  readonly hosts: readonly string[];
  readonly limits: Partial<RemoteLimits>;
  readonly keepalive: Keepalive;
  /** Of the session that its recipes share. */
  readonly sessionTtlMs: number;
  readonly logger: Logger;
}

/** One life of a program. */
export interface ProgramLife {
  /** `p1.3`: the third life of the program p1. */
  readonly name: string;
  readonly machine: VirtualMachine;
  readonly process: VirtualProcess;
  readonly clock: Clock;
  readonly quorate: Quorate;
}

export class Program {
  readonly name: string;
  readonly machine: VirtualMachine;
  readonly #options: ProgramOptions;
  #life: ProgramLife | null = null;
  #lives = 0;

  constructor(options: ProgramOptions) {
    this.name = options.machine.name;
    this.machine = options.machine;
    this.#options = options;
  }

  /** Null: it does not run. */
  get life(): ProgramLife | null {
    return this.#life;
  }

  start(): ProgramLife {
    assert(this.#life === null, `${this.name} runs already: kill it before it is started again`);
    const { machine, hosts, limits, keepalive, sessionTtlMs, logger } = this.#options;
    const { environment, process } = machine.boot(logger);
    const { network, clock, random } = environment;
    const diallers = hosts.map((host) => networkDialler({ host, port: CLIENT_PORT }, { network, clock, keepalive }));
    const store = new RemoteStore({ ...limits, diallers, clock, random });
    const quorate = new Quorate(store, { sessionTtlMs });
    const life = { name: `${this.name}.${++this.#lives}`, machine, process, clock, quorate };
    this.#life = life;
    return life;
  }

  /** kill -9. */
  kill(): void {
    this.#life = null;
    this.machine.kill();
  }

  /** Its connections are not even closed. */
  crash(): void {
    this.#life = null;
    this.machine.crash();
  }
}
