/**
 * The snapshots of all groups of a member: found and checked at the start, published by a rename when they are whole and
 * durable, removed when a newer one is published and nobody reads them any more.
 */
import type { SnapshotMeta } from "../consensus/engine.ts";
import type { Disk, GroupId, Logger, Random } from "../environment.ts";
import { QuorateError } from "../errors.ts";
import { asError, corrupt, diskFull, isFull, storageFailed } from "./fault.ts";
import { SnapshotFile } from "./snapshot-reader.ts";
import { SnapshotFileWriter } from "./snapshot-writer.ts";
import type { SnapshotReader, SnapshotWriter, StorageIdentity } from "./storage.ts";

interface Published {
  readonly path: string;
  readonly meta: SnapshotMeta;
  readonly fileBytes: number;
  readers: number;
  /** To be removed with the last reader. */
  outdated: boolean;
}

export interface SnapshotsContext {
  readonly disk: Disk;
  readonly random: Random;
  readonly logger: Logger;
  readonly directory: string;
  readonly identity: StorageIdentity;
  /** Resolves when all that was written to the log before is durable. */
  readonly barrier: () => Promise<void>;
  /** The disk failed in a way that nothing may be believed after. */
  readonly failed: (error: Error) => void;
}

export interface FoundSnapshots {
  /** The newest intact one of each group. */
  readonly newest: ReadonlyMap<GroupId, SnapshotMeta>;
  readonly findings: ReadonlyMap<GroupId, readonly string[]>;
}

export class Snapshots {
  readonly #context: SnapshotsContext;
  readonly #published = new Map<GroupId, Published>();
  /** Files that are outdated and still read, being written, or damaged and kept for a look: path and bytes. */
  readonly #others = new Map<string, number>();
  /** One publication at a time. */
  #publishing: Promise<void> = Promise.resolve();

  constructor(context: SnapshotsContext) {
    this.#context = context;
  }

  get bytes(): number {
    let sum = 0;
    for (const { fileBytes } of this.#published.values()) sum += fileBytes;
    for (const fileBytes of this.#others.values()) sum += fileBytes;
    return sum;
  }

  newest(group: GroupId): SnapshotMeta | null {
    return this.#published.get(group)?.meta ?? null;
  }

  /** Reads and checks what is there. Changes nothing on the disk; see `tidy`. */
  async load(): Promise<FoundSnapshots> {
    const { disk, directory } = this.#context;
    const newest = new Map<GroupId, SnapshotMeta>();
    const findings = new Map<GroupId, string[]>();
    const named: { name: string; group: GroupId; index: number }[] = [];
    for (const name of await disk.list(directory)) {
      const parts = /^(\d+)-(\d+)-(\d+)\.snap$/.exec(name);
      if (parts !== null) named.push({ name, group: Number(parts[1]), index: Number(parts[2]) });
      else this.#others.set(`${directory}/${name}`, 0);
    }
    named.sort((one, other) => other.index - one.index);
    for (const { name, group } of named) {
      const path = `${directory}/${name}`;
      if (newest.has(group)) {
        this.#others.set(path, 0);
        continue;
      }
      try {
        const published = await this.#check(path, group);
        newest.set(group, published.meta);
        this.#published.set(group, published);
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        const found = findings.get(group) ?? [];
        found.push(`skipped a snapshot: ${error.message}`);
        findings.set(group, found);
        this.#others.set(path, 0);
      }
    }
    return { newest, findings };
  }

  /** Removes what `load` found to be of no use: unfinished, outdated and damaged files. */
  async tidy(): Promise<void> {
    for (const path of this.#others.keys()) await this.#remove(path);
  }

  async begin(group: GroupId, meta: SnapshotMeta): Promise<SnapshotWriter> {
    const { disk, random, directory, identity } = this.#context;
    const nonce = random.uint32();
    const name = `${group}-${String(meta.index).padStart(16, "0")}-${meta.epoch}`;
    const path = `${directory}/${name}.${nonce.toString(16).padStart(8, "0")}.new`;
    const header = { clusterId: identity.clusterId, memberId: identity.memberId, group, nonce, meta };
    const tell = (error: unknown): Error => this.#told(error, path);
    const file = await disk.open(path, "create").catch((error: unknown) => {
      throw tell(error);
    });
    this.#others.set(path, 0);
    const writer: SnapshotFileWriter = new SnapshotFileWriter(file, header, {
      publish: () => this.#queue(() => this.#publish(group, meta, path, `${directory}/${name}.snap`, writer.fileBytes)),
      discard: () => this.#remove(path),
      failed: tell,
    });
    await writer.begin();
    return writer;
  }

  async open(group: GroupId): Promise<SnapshotReader | null> {
    const published = this.#published.get(group);
    if (published === undefined) return null;
    published.readers++;
    const closed = (): void => {
      published.readers--;
      if (published.readers === 0 && published.outdated) void this.#remove(published.path);
    };
    try {
      return await SnapshotFile.open(this.#context.disk, published.path, closed);
    } catch (error) {
      closed();
      throw error;
    }
  }

  async #check(path: string, group: GroupId): Promise<Published> {
    const { disk, identity } = this.#context;
    const file = await SnapshotFile.open(disk, path, () => undefined);
    try {
      const { header, meta } = file;
      if (header.group !== group) throw corrupt(`snapshot ${path} is one of group ${header.group}`);
      if (header.clusterId !== identity.clusterId || header.memberId !== identity.memberId) {
        throw corrupt(`snapshot ${path} belongs to another member`);
      }
      await file.verify();
      return { path, meta, fileBytes: file.fileBytes, readers: 0, outdated: false };
    } finally {
      await file.close();
    }
  }

  #queue(work: () => Promise<void>): Promise<void> {
    const done = this.#publishing.then(work);
    this.#publishing = done.catch(() => undefined);
    return done;
  }

  /**
   * Only after all that the log was given before is durable: the entries and the epoch a snapshot rests on are then on
   * disk with it, in the order in which they came to be.
   */
  async #publish(group: GroupId, meta: SnapshotMeta, from: string, to: string, fileBytes: number): Promise<void> {
    const { disk, directory, barrier } = this.#context;
    try {
      await barrier();
      const before = this.#published.get(group);
      if (before !== undefined && before.meta.index >= meta.index) {
        // A newer one was published meanwhile: it covers all that this one does.
        await this.#remove(from);
        return;
      }
      await disk.rename(from, to);
      await disk.syncDirectory(directory);
      this.#others.delete(from);
      this.#published.set(group, { path: to, meta, fileBytes, readers: 0, outdated: false });
      if (before === undefined) return;
      before.outdated = true;
      if (before.readers === 0) await this.#remove(before.path);
      else this.#others.set(before.path, before.fileBytes);
    } catch (error) {
      if (isFull(error)) await this.#remove(from);
      throw this.#told(error, from);
    }
  }

  async #remove(path: string): Promise<void> {
    this.#others.delete(path);
    try {
      await this.#context.disk.remove(path);
    } catch (error) {
      this.#context.logger.warn({ path, error: asError(error).message }, "cannot remove a snapshot that is not needed");
    }
  }

  #told(error: unknown, path: string): Error {
    if (error instanceof QuorateError) return error;
    if (isFull(error)) return diskFull(`no room on the disk for snapshot ${path}; free some and try again`, error);
    const told = storageFailed(`cannot write snapshot ${path}: ${asError(error).message}`, error);
    this.#context.failed(told);
    return told;
  }
}
