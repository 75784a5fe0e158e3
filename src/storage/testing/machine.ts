import type { Entry, SnapshotMeta, Write } from "../../consensus/engine.ts";
import type { GroupId, Logger } from "../../environment.ts";
import { openStorage } from "../open-storage.ts";
import type { GroupStorage, Storage, StorageIdentity } from "../storage.ts";
import { type Seeded, seeded } from "./seeded.ts";
import { SimulatedClock } from "./simulated-clock.ts";
import { SimulatedDisk } from "./simulated-disk.ts";

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

/** A simulated machine with one data directory, `data`. */
export class Machine {
  readonly random: Seeded;
  readonly disk: SimulatedDisk;
  clock: SimulatedClock = new SimulatedClock();

  constructor(seed: number) {
    this.random = seeded(seed);
    const faults = seeded(seed ^ 0x5eed);
    this.disk = new SimulatedDisk(() => faults.next());
  }

  async open(options: OpenOptions = {}): Promise<Running> {
    const durable = new Map<GroupId, number>();
    const full: boolean[] = [];
    const failures: Error[] = [];
    // Timers of an earlier life are gone with it.
    this.clock = new SimulatedClock();
    const environment = { disk: this.disk.attach(), clock: this.clock, random: this.random, logger: quiet };
    const storage = await openStorage(environment, "data", {
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
    return orNever(this.open(options));
  }
}

/** Lets everything that does not wait for time come to its end. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What a promise comes to, or null if it never does: on a simulated machine all happens in microtasks. */
export async function orNever<T>(promise: Promise<T>): Promise<T | null> {
  return Promise.race([promise, settle().then(() => null)]);
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
