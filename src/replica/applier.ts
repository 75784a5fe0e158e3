/**
 * Feeds committed entries to the keyspace, in order, in slices that leave the event loop free, and replaces the keyspace
 * when a snapshot from the leader is to be installed. It alone knows which index the keyspace stands at.
 */
import { type Entry, EntryKind, type SnapshotMeta } from "../consensus/engine.ts";
import { decodeMembershipEntry, emptyMembership, type Membership } from "../consensus/membership.ts";
import type { Clock } from "../environment.ts";
import { InvariantViolation, unreachable } from "../errors.ts";
import { CommandKind, decodeCommand } from "../keyspace/command.ts";
import { type CommandResult, type Keyspace, KeyspaceLoader } from "../keyspace/keyspace.ts";
import type { GroupStorage } from "../storage/storage.ts";
import { type BatchName, decodeBatch } from "./batch.ts";

/** One slice of applying ends after this long; the rest goes on in the next turn. */
const SLICE_MS = 8;
const LOAD_CHUNK_BYTES = 1 << 20;

export interface ApplierEvents {
  batchApplied(name: BatchName, results: readonly CommandResult[]): void;
  /** After each entry, whatever it is. */
  entryApplied(entry: Entry): void;
  membershipApplied(membership: Membership, context: Uint8Array): void;
  /** A member's name or addresses changed. */
  membersChanged(): void;
  leaseGranted(id: bigint, ttlSeconds: number): void;
  leaseRevoked(id: bigint): void;
  /** History is about to go: watchers must be told of what they have not seen. */
  compacting(): void;
  compacted(): void;
  installed(meta: SnapshotMeta): void;
  failed(error: unknown): void;
  /** There is something to do again. */
  wake(): void;
}

type Work =
  | { readonly type: "entry"; readonly entry: Entry }
  | { readonly type: "install"; readonly meta: SnapshotMeta };

export class Applier {
  #keyspace: Keyspace;
  #index: number;
  #epoch: number;
  #membership: Membership;
  #work: Work[] = [];
  #next = 0;
  #installing = false;
  /** A loaded snapshot that is newer than the one that was to be installed: it waits until the engine knows of it. */
  #ahead: Loaded | null = null;
  /** The highest index that the engine has given out, as an entry or a snapshot. */
  #given: number;
  readonly #clock: Clock;
  readonly #storage: GroupStorage;
  /** Nothing is left of compacted history, as far as is known. */
  #isSwept = true;
  readonly #events: ApplierEvents;

  /** `keyspace` is the state at `snapshot`, or empty. */
  constructor(options: {
    clock: Clock;
    storage: GroupStorage;
    keyspace: Keyspace;
    snapshot: SnapshotMeta | null;
    events: ApplierEvents;
  }) {
    this.#clock = options.clock;
    this.#storage = options.storage;
    this.#keyspace = options.keyspace;
    this.#index = options.snapshot?.index ?? 0;
    this.#given = this.#index;
    this.#epoch = options.snapshot?.epoch ?? 0;
    this.#membership = options.snapshot?.membership ?? emptyMembership;
    this.#events = options.events;
  }

  get keyspace(): Keyspace {
    return this.#keyspace;
  }

  get index(): number {
    return this.#index;
  }

  /** Epoch of the last applied entry. */
  get epoch(): number {
    return this.#epoch;
  }

  /** What a snapshot taken now stands for. */
  get position(): SnapshotMeta {
    return { index: this.#index, epoch: this.#epoch, membership: this.#membership };
  }

  committed(entries: readonly Entry[]): void {
    for (const entry of entries) this.#work.push({ type: "entry", entry });
    this.#given = Math.max(this.#given, entries.at(-1)?.index ?? 0);
  }

  /** The snapshot is on disk; it replaces the state when what was committed before is applied. */
  install(meta: SnapshotMeta): void {
    this.#given = Math.max(this.#given, meta.index);
    this.#work.push({ type: "install", meta });
  }

  /** Applies a slice; true: there is more to do now. */
  run(): boolean {
    if (this.#ahead !== null && this.#ahead.meta.index <= this.#given) this.#adopt(this.#ahead);
    if (this.#installing || this.#next === this.#work.length) return false;
    const until = this.#clock.now() + SLICE_MS;
    while (this.#next < this.#work.length) {
      const work = this.#work[this.#next++];
      if (work === undefined) break;
      if (work.type === "install") {
        this.#install(work.meta);
        break;
      }
      this.#apply(work.entry);
      if (this.#clock.now() >= until) break;
    }
    if (this.#next >= this.#work.length) {
      this.#work = [];
      this.#next = 0;
    } else if (this.#next > 1024) {
      this.#work = this.#work.slice(this.#next);
      this.#next = 0;
    }
    return !this.#installing && this.#next < this.#work.length;
  }

  /** Drops up to so many records of compacted history; true: there is more. */
  sweep(records: number): boolean {
    if (this.#isSwept) return false;
    this.#isSwept = !this.#keyspace.sweep(records);
    return !this.#isSwept;
  }

  #apply(entry: Entry): void {
    if (entry.index !== this.#index + 1)
      throw new InvariantViolation(`entry ${entry.index} is to be applied behind entry ${this.#index}`);
    if (entry.epoch < this.#epoch)
      throw new InvariantViolation(`entry ${entry.index} has epoch ${entry.epoch} behind epoch ${this.#epoch}`);
    this.#index = entry.index;
    this.#epoch = entry.epoch;
    switch (entry.kind) {
      case EntryKind.noop:
        break;
      case EntryKind.membership: {
        const { membership, context } = decodeMembershipEntry(entry.data);
        this.#membership = membership;
        if (context.length > 0) this.#keyspace.applyMembership(context);
        this.#events.membershipApplied(membership, context);
        break;
      }
      case EntryKind.command: {
        const { name, commands } = decodeBatch(entry.data);
        this.#events.batchApplied(
          name,
          commands.map((command) => this.#command(command)),
        );
        break;
      }
      case EntryKind.hole:
        throw new InvariantViolation(`entry ${entry.index} is to be applied, but it is a hole`);
      default:
        return unreachable(entry.kind, "kind of entry");
    }
    this.#events.entryApplied(entry);
  }

  #command(command: Uint8Array): CommandResult {
    if (command[0] === CommandKind.compact) this.#events.compacting();
    const result = this.#keyspace.apply(command);
    if (result.type === "leaseGrant") this.#events.leaseGranted(result.id, result.ttl);
    else if (result.type === "compact") {
      this.#isSwept = false;
      this.#events.compacted();
    } else if (command[0] === CommandKind.leaseRevoke && result.type === "done") {
      const revoke = decodeCommand(command);
      if (revoke.type === "leaseRevoke") this.#events.leaseRevoked(revoke.id);
    } else if (command[0] === CommandKind.memberUpdate || command[0] === CommandKind.memberAttributes) {
      this.#events.membersChanged();
    }
    return result;
  }

  #install(meta: SnapshotMeta): void {
    if (meta.index <= this.#index) return;
    this.#installing = true;
    loadSnapshot(this.#storage, meta.index).then(
      (loaded) => {
        // A newer one may have arrived meanwhile. The engine must not hear that it is applied before it knows of it.
        if (loaded.meta.index > this.#given) this.#ahead = loaded;
        else this.#adopt(loaded);
        this.#events.wake();
      },
      (error: unknown) => this.#events.failed(error),
    );
  }

  #adopt({ meta, keyspace }: Loaded): void {
    this.#ahead = null;
    this.#installing = false;
    this.#keyspace = keyspace;
    this.#index = meta.index;
    this.#epoch = meta.epoch;
    this.#membership = meta.membership;
    // What it covers is done.
    this.#work = this.#work.slice(this.#next).filter((work) => indexOf(work) > meta.index);
    this.#next = 0;
    this.#events.installed(meta);
  }
}

interface Loaded {
  readonly meta: SnapshotMeta;
  readonly keyspace: Keyspace;
}

function indexOf(work: Work): number {
  return work.type === "entry" ? work.entry.index : work.meta.index;
}

/** Reads the published snapshot at `meta`, which is the newest, back into a keyspace. */
export async function loadKeyspace(storage: GroupStorage, meta: SnapshotMeta): Promise<Keyspace> {
  const loaded = await loadSnapshot(storage, meta.index);
  const found = loaded.meta.index;
  if (found !== meta.index)
    throw new InvariantViolation(`the newest snapshot is at index ${found}, the one at ${meta.index} was wanted`);
  return loaded.keyspace;
}

/** Reads the newest published snapshot, of at least `index`, back into a keyspace. */
async function loadSnapshot(storage: GroupStorage, index: number): Promise<Loaded> {
  const reader = await storage.openSnapshot();
  if (reader === null) throw new InvariantViolation(`the snapshot at index ${index} is not on disk any more`);
  try {
    const { meta, size } = reader;
    if (meta.index < index)
      throw new InvariantViolation(
        `the newest snapshot is at index ${meta.index}, one of at least ${index} was wanted`,
      );
    const loader = new KeyspaceLoader();
    for (let offset = 0; offset < size; ) {
      const chunk = await reader.read(offset, LOAD_CHUNK_BYTES);
      if (chunk.length <= 0)
        throw new InvariantViolation(`the snapshot at index ${meta.index} ends at ${offset} of ${size} bytes`);
      loader.push(chunk);
      offset += chunk.length;
    }
    return { meta, keyspace: loader.finish() };
  } finally {
    await reader.close();
  }
}
