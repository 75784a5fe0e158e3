/**
 * A simulated machine: what stays (disk, clock, place in the network) and the one process that runs on it at a time.
 *
 * The room `virtual/` is the world of `environment.ts` made of nothing: clock, chance, disk and network, driven by one
 * queue of events (`timeline.ts`) and by seeds. What a program may rely on holds here as on a real machine, what it may
 * not rely on happens often. The same seeds give the same events in the same order: each part draws from a stream of its
 * own, nothing reads a real clock, nothing depends on an order that is not fixed. The room knows nothing of Quorate.
 *
 *     timeline.ts   what happens when            process.ts   one life: entered, paused, killed
 *     clock.ts      drift and leaps              disk.ts      disk-call.ts, file.ts, directory.ts, inode.ts (crashes)
 *     network.ts    link.ts (ways and faults), host.ts, dial.ts, connection.ts, pipe.ts (one direction of TCP)
 */
import type { SeededRandom } from "../consensus/random.ts";
import type { Environment, Logger } from "../environment.ts";
import { assert } from "../errors.ts";
import { ClockRate, VirtualClock } from "./clock.ts";
import { VirtualDisk } from "./disk.ts";
import type { VirtualNetwork } from "./network.ts";
import { VirtualProcess } from "./process.ts";
import { streamFrom, VirtualRandom } from "./random.ts";
import type { Timeline } from "./timeline.ts";

export interface VirtualMachineOptions {
  /** For error messages. */
  readonly name: string;
  /** By which others connect to it. */
  readonly host: string;
  readonly timeline: Timeline;
  /** Nobody else's: the machine's parts and lives each take a stream from it. */
  readonly random: SeededRandom;
  readonly network: VirtualNetwork;
}

export class VirtualMachine {
  readonly name: string;
  readonly host: string;
  readonly disk: VirtualDisk;
  readonly #timeline: Timeline;
  readonly #random: SeededRandom;
  readonly #network: VirtualNetwork;
  readonly #rate: ClockRate;
  #process: VirtualProcess | null = null;

  constructor({ name, host, timeline, random, network }: VirtualMachineOptions) {
    this.name = name;
    this.host = host;
    this.#timeline = timeline;
    this.#network = network;
    this.disk = new VirtualDisk(timeline, streamFrom(random));
    this.#random = streamFrom(random);
    this.#rate = new ClockRate(timeline);
    network.host(host);
  }

  /** The process that runs on it; null: none. */
  get process(): VirtualProcess | null {
    return this.#process?.alive ? this.#process : null;
  }

  /** Milliseconds its clock counts in a true one. `now()` goes on from where it is. */
  get rate(): number {
    return this.#rate.rate;
  }

  set rate(rate: number) {
    this.#rate.rate = rate;
  }

  /** What its wall clock is wrong by, either way. */
  get wallShiftMs(): number {
    return this.#rate.wallShiftMs;
  }

  set wallShiftMs(ms: number) {
    this.#rate.wallShiftMs = ms;
  }

  /** Its clocks leap forward, as those of a virtual machine that was suspended. */
  jump(ms: number): void {
    this.#rate.jump(ms);
  }

  /** Starts a process: a clock from 0, chance of its own, the disk as it was left, no connections. */
  boot(logger: Logger): { environment: Environment; process: VirtualProcess } {
    assert(this.process === null, `a process runs on ${this.name}: kill it before the next starts`);
    const process = new VirtualProcess(this.#timeline);
    this.#process = process;
    const environment: Environment = {
      clock: new VirtualClock(this.#timeline, this.#rate, process),
      random: new VirtualRandom(streamFrom(this.#random)),
      disk: this.disk.attach(process),
      network: this.#network.attach(this.host, process),
      logger,
    };
    return { environment, process };
  }

  /** kill -9: the process is gone, what it wrote is not, and its connections are reset. Without a process nothing. */
  kill(): void {
    this.process?.kill();
  }

  /**
   * Power loss: what was not synced is lost or torn. The other ends of its connections are told only with `reset`, as
   * when something on their side of the way noticed.
   */
  crash({ reset = false }: { readonly reset?: boolean } = {}): void {
    if (reset) this.kill();
    this.#network.powerOff(this.host);
    this.kill();
    this.disk.crash();
  }
}
