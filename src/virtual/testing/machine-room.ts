/** One or more simulated machines and the queue that drives them: what a test of this room starts from. */
import { SeededRandom } from "../../consensus/random.ts";
import type { Environment, Logger } from "../../environment.ts";
import { VirtualMachine } from "../machine.ts";
import { VirtualNetwork, type VirtualNetworkOptions } from "../network.ts";
import type { VirtualProcess } from "../process.ts";
import { streamFrom } from "../random.ts";
import { Timeline } from "../timeline.ts";
import { settle } from "./settle.ts";

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export class MachineRoom {
  readonly timeline: Timeline = new Timeline(settle);
  readonly random: SeededRandom;
  readonly network: VirtualNetwork;

  constructor(seed = 1, options: Partial<VirtualNetworkOptions> = {}) {
    this.random = new SeededRandom(seed);
    this.network = new VirtualNetwork({ ...options, timeline: this.timeline, random: streamFrom(this.random) });
  }

  machine(name: string): VirtualMachine {
    const { timeline, network } = this;
    return new VirtualMachine({ name, host: name, timeline, network, random: streamFrom(this.random) });
  }

  boot(machine: VirtualMachine): Environment & { process: VirtualProcess } {
    const { environment, process } = machine.boot(quiet);
    return { ...environment, process };
  }

  /** What a promise comes to, with time going on until then. */
  async until<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    if (!(await this.timeline.run(withinMs, () => settled))) throw new Error(`nothing came of it in ${withinMs} ms`);
    return promise;
  }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}
