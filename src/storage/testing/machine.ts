import type { Entry, SnapshotMeta, Write } from "../../consensus/engine.ts";
import { SeededRandom } from "../../consensus/random.ts";
import type { Environment, GroupId, Logger } from "../../environment.ts";
import { ClockRate, VirtualClock } from "../../virtual/clock.ts";
import { VirtualDisk } from "../../virtual/disk.ts";
import { VirtualProcess } from "../../virtual/process.ts";
import { streamFrom, VirtualRandom } from "../../virtual/random.ts";
import { settle } from "../../virtual/testing/settle.ts";
import { Timeline } from "../../virtual/timeline.ts";
import { openStorage } from "../open-storage.ts";
import type { GroupStorage, Storage, StorageIdentity } from "../storage.ts";

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const testIdentity: StorageIdentity = { clusterId: 0xc1n, memberId: 0xa1n, engine: "raft" };

export const membership: SnapshotMeta["membership"] = {
  voters: [1n, 2n],
  outgoing: [],
  learners: [3n],
  learnersNext: [],
};

/** A storage in use, and what it told so far. */
export interface Running {
  readonly storage: Storage;
  /** Highest write of each group that was told to be durable. */
  readonly durable: Map<GroupId, number>;
  readonly full: boolean[];
  readonly failures: Error[];
}

export interface OpenOptions {
  readonly segmentBytes?: number;
  readonly repairable?: boolean;
  readonly identity?: StorageIdentity | null;
}

/** Operations take so little time that no timer is ever due because of them, but enough to overtake each other. */
const LATENCY_MS = 0.001;

/**
 * A simulated machine with one data directory, `data`. Its disk works by itself; other time passes only with `pass` and
 * `jump`.
 */
export class Machine {
  readonly disk: VirtualDisk;
  /** The number of the disk operation at which power is lost. */
  crashAt: number = Number.POSITIVE_INFINITY;
  readonly #timeline = new Timeline(settle);
  readonly #rate = new ClockRate(this.#timeline);
  readonly #random: SeededRandom;
  /** Those that may be alive. */
  #processes: VirtualProcess[] = [];
  /** While the timeline runs, and whether it has to again. */
  #running: Promise<unknown> | null = null;
  #runAgain = false;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.disk = new VirtualDisk(this.#timeline, streamFrom(this.#random));
    const range = [0, LATENCY_MS] as const;
    this.disk.latency = { readMs: range, writeMs: range, syncMs: range };
    this.disk.onOperation = (number) => {
      if (number === this.crashAt) this.crash();
      this.#work();
    };
  }

  /** What a new process on it has. */
  boot(): Pick<Environment, "clock" | "disk" | "random" | "logger"> {
    const process = new VirtualProcess(this.#timeline);
    this.#processes.push(process);
    return {
      clock: new VirtualClock(this.#timeline, this.#rate, process),
      disk: this.disk.attach(process),
      random: new VirtualRandom(streamFrom(this.#random)),
      logger: quiet,
    };
  }

  async open(options: OpenOptions = {}): Promise<Running> {
    const durable = new Map<GroupId, number>();
    const full: boolean[] = [];
    const failures: Error[] = [];
    const storage = await openStorage(this.boot(), "data", {
      identity: options.identity === undefined ? testIdentity : options.identity,
      repairable: options.repairable ?? true,
      segmentBytes: options.segmentBytes ?? 8192,
      events: {
        durable: (group, write) => void durable.set(group, write),
        full: (isFull) => void full.push(isFull),
        failed: (error) => void failures.push(error),
      },
    });
    return { storage, durable, full, failures };
  }

  /** `open`, or null if the machine crashed on the way. */
  openOrCrash(options: OpenOptions = {}): Promise<Running | null> {
    return this.orNever(this.open(options));
  }

  /** kill -9: what was written is in the page cache, synced or not. */
  kill(): void {
    for (const process of this.#processes) process.kill();
    this.#processes = [];
  }

  /** Power is lost: no process on it hears of anything any more. */
  crash(): void {
    this.kill();
    this.disk.crash();
  }

  /** Lets everything that does not wait for a timer come to its end. */
  async settle(): Promise<void> {
    await turn();
    while (this.#running !== null) {
      await this.#running;
      await turn();
    }
  }

  /** Lets time pass, with all that is due in it. */
  async pass(ms: number): Promise<void> {
    await this.settle();
    this.#run(ms);
    await this.settle();
  }

  /** Its clocks leap forward, in the middle of whatever the disk does. */
  jump(ms: number): void {
    this.#rate.jump(ms);
    this.#work();
  }

  /** What a promise comes to, or null if it never does unless time passes. */
  orNever<T>(promise: Promise<T>): Promise<T | null> {
    return Promise.race([promise, this.settle().then(() => null)]);
  }

  contentOf(path: string): Buffer {
    return bufferOver(this.disk.contentOf(path));
  }

  /** Changes a file on the medium itself. */
  alter(path: string, change: (content: Buffer) => void): void {
    this.disk.alter(path, (content) => change(bufferOver(content)));
  }

  #work(): void {
    if (this.#running === null) this.#run(LATENCY_MS);
    else this.#runAgain = true;
  }

  #run(ms: number): void {
    this.#runAgain = false;
    this.#running = this.#timeline.run(ms).finally(() => {
      this.#running = null;
      if (this.#runAgain) this.#run(LATENCY_MS);
    });
  }
}

/** Lets every promise that can go on do so. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function bufferOver({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** Entries as a test wants them, and writes with what is not said left out. */
export function entry(index: number, epoch: number, data: string | Uint8Array = `entry ${index} of ${epoch}`): Entry {
  return { index, epoch, kind: 1, data: Buffer.from(data) };
}

export function writeOf(number: number, parts: Partial<Write>): Write {
  return { number, snapshot: null, truncateFrom: null, entries: [], state: null, ...parts };
}

export async function takeSnapshot(group: GroupStorage, meta: SnapshotMeta, content: Uint8Array): Promise<void> {
  const writer = await group.beginSnapshot(meta);
  await writer.write(content);
  await writer.commit();
}

export async function snapshotContent(group: GroupStorage): Promise<Buffer | null> {
  const reader = await group.openSnapshot();
  if (reader === null) return null;
  const content = Buffer.from(await reader.read(0, reader.size));
  await reader.close();
  return content;
}
