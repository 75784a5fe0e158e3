/**
 * Several clients of one keyspace in virtual time, each a process of its own that can be paused or killed and whose
 * clock may run fast or slow.
 */
import { SeededRandom } from "../../consensus/random.ts";
import { assert } from "../../errors.ts";
import { ClockRate, VirtualClock } from "../../virtual/clock.ts";
import { VirtualProcess } from "../../virtual/process.ts";
import { streamFrom, VirtualRandom } from "../../virtual/random.ts";
import { settle } from "../../virtual/testing/settle.ts";
import { Timeline } from "../../virtual/timeline.ts";
import { MemoryServer } from "./memory-server.ts";
import { MemoryStore } from "./memory-store.ts";

export interface MemoryClient {
  readonly store: MemoryStore;
  /** `pause`, `resume`, `kill`. */
  readonly process: VirtualProcess;
  /** `rate`, `jump`. */
  readonly rate: ClockRate;
}

/** A promise that a test waits for must settle within this virtual time, ms. */
const PATIENCE_MS = 600_000;

export class MemoryWorld {
  readonly timeline: Timeline = new Timeline(settle);
  readonly random: SeededRandom;
  readonly server: MemoryServer;

  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
    const rate = new ClockRate(this.timeline);
    this.server = new MemoryServer(new VirtualClock(this.timeline, rate, new VirtualProcess(this.timeline)));
  }

  client(): MemoryClient {
    const rate = new ClockRate(this.timeline);
    const process = new VirtualProcess(this.timeline);
    const clock = new VirtualClock(this.timeline, rate, process);
    const random = new VirtualRandom(streamFrom(this.random));
    return { store: new MemoryStore(this.server, { clock, random }), process, rate };
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.timeline.run(ms);
  }

  /** Lets time pass until the promise settles. */
  async play<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    const ended = await this.timeline.run(PATIENCE_MS, () => settled);
    assert(ended, `nothing came of it within ${PATIENCE_MS} virtual milliseconds`);
    return promise;
  }
}
