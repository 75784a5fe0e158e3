/**
 * The segments of the log as they are written: the one that takes batches, those before it, the spare behind it.
 *
 * One `write` at a time; it either makes a batch durable, or rejects. After a rejection with ENOSPC nothing has changed
 * and the same batch may be tried again, after any other the disk cannot be trusted.
 */
import type { Position } from "../consensus/engine.ts";
import type { Clock, Disk, DiskFile, GroupId, Random } from "../environment.ts";
import { BatchEncoder, commitRecordBytes } from "./batch.ts";
import { storageFailed } from "./fault.ts";
import type { TailHint } from "./hard-state.ts";
import { CheckpointFlag, type LogRecord, RecordType, ResetKind } from "./record.ts";
import { encodeSegmentHeader, segmentHeaderBytes, segmentName, segmentSeed } from "./segment.ts";
import { fillWithZeros, type SpareEvents, SpareSegment } from "./spare.ts";
import type { StorageIdentity } from "./storage.ts";

/** A segment made in a hurry (the first one, or while the disk was full) has this size: no long wait for zeros. */
const hastyBytes = 4 * 1024 * 1024;
/** Each segment may be this much larger than the one before it, up to `segmentBytes`: a quiet member stays small. */
const growth = 4;

/** Where a group's log and state are at some point of the stream: what the head of a segment repeats. */
export interface Checkpoint {
  readonly last: Position;
  readonly state: Uint8Array | null;
  readonly untrusted: boolean;
}

/** One piece of work for the log. */
export interface LogItem {
  readonly group: GroupId;
  /** `StorageEvents.durable` tells it; null: nobody asks. */
  readonly number: number | null;
  readonly records: readonly LogRecord[];
  /** Of the records on disk. */
  readonly bytes: number;
  /** The highest index in the records. */
  readonly highest: number;
  /** How things stand behind this item. */
  readonly checkpoint: Checkpoint;
}

interface Sealed {
  readonly sequence: number;
  readonly path: string;
  readonly bytes: number;
  /** The highest index of each group in it. */
  readonly highest: ReadonlyMap<GroupId, number>;
}

interface Active {
  readonly sequence: number;
  readonly path: string;
  readonly file: DiskFile;
  readonly seed: number;
  /** Bytes that were zeroed ahead. */
  readonly capacity: number;
  readonly highest: Map<GroupId, number>;
  /** Where the next batch goes. */
  offset: number;
}

/** What an earlier life left. */
export interface ChainStart {
  /** Oldest first; `end`: behind its last good batch. */
  readonly segments: readonly (Sealed & { readonly end: number })[];
  /** Files that are no part of the log. */
  readonly orphans: readonly string[];
  /** The highest number of a segment, and of a batch, so far; the chain behind the last batch. */
  readonly sequence: number;
  readonly batch: number;
  readonly chain: number;
  readonly checkpoints: ReadonlyMap<GroupId, Checkpoint>;
  /** Groups whose log starts anew; the disk does not say so yet. */
  readonly resets: readonly GroupId[];
}

export interface ChainContext {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the segments are. */
  readonly directory: string;
  readonly identity: StorageIdentity;
  readonly segmentBytes: number;
}

export class SegmentChain {
  readonly #context: ChainContext;
  readonly #spare: SpareSegment;
  readonly #encoder: BatchEncoder = new BatchEncoder();
  readonly #sealed: Sealed[];
  readonly #checkpoints: Map<GroupId, Checkpoint>;
  readonly #released = new Map<GroupId, number>();
  #resets: readonly GroupId[];
  #orphans: readonly string[];
  /** What the first new segment goes on from, until it is made. */
  #goesOnFrom: { sequence: number; offset: number; path: string } | null;
  #active: Active | null = null;
  #sequence: number;
  #batch: number;
  #chain: number;
  /** Settles when the last segment of the last life is cut to its end: it cannot be removed meanwhile. */
  #tidying: Promise<void> = Promise.resolve();

  constructor(context: ChainContext, start: ChainStart, events: SpareEvents) {
    this.#context = context;
    this.#sealed = start.segments.map(({ sequence, path, bytes, highest }) => ({ sequence, path, bytes, highest }));
    const last = start.segments.at(-1);
    this.#goesOnFrom = last === undefined ? null : { sequence: last.sequence, offset: last.end, path: last.path };
    this.#orphans = start.orphans;
    this.#resets = start.resets;
    this.#sequence = start.sequence;
    this.#batch = start.batch;
    this.#chain = start.chain;
    this.#checkpoints = new Map(start.checkpoints);
    this.#spare = new SpareSegment(context.disk, context.clock, context.directory, events);
    this.#prepareSpare(hastyBytes);
  }

  /** Bytes of all segments on disk. */
  get bytes(): number {
    const active = this.#active === null ? 0 : Math.max(this.#active.capacity, this.#active.offset);
    return this.#sealed.reduce((sum, { bytes }) => sum + bytes, active + this.#spare.bytes);
  }

  /** How far the log is durable. */
  get tail(): TailHint {
    return { segment: this.#sequence, batch: this.#batch, chain: this.#chain };
  }

  /** Makes the items durable as one batch. @throws DiskError */
  async write(items: readonly LogItem[], itemBytes: number): Promise<void> {
    const active = await this.#roomFor(itemBytes + commitRecordBytes);
    this.#encoder.begin(active.seed, active.offset, this.#batch + 1);
    for (const item of items) for (const record of item.records) this.#encoder.add(record);
    const encoded = this.#encoder.finish(this.#chain);
    await active.file.writeAndSync(encoded.pieces, active.offset);
    active.offset += encoded.bytes;
    this.#batch++;
    this.#chain = encoded.chain;
    for (const { group, checkpoint, highest } of items) {
      this.#checkpoints.set(group, checkpoint);
      active.highest.set(group, Math.max(highest, active.highest.get(group) ?? 0));
    }
  }

  /** Entries of the group up to this index are not needed any more: removes the segments that hold nothing else. */
  async release(group: GroupId, upTo: number): Promise<void> {
    const { disk, directory } = this.#context;
    this.#released.set(group, Math.max(upTo, this.#released.get(group) ?? 0));
    let removed = false;
    for (;;) {
      // If it fails, the write that it belongs to says so.
      await this.#tidying.catch(() => undefined);
      const [oldest] = this.#sealed;
      // The newest segment stays: its head repeats the states that older ones held.
      if (oldest === undefined || (this.#active === null && this.#sealed.length === 1)) break;
      if (![...oldest.highest].every(([id, index]) => index <= (this.#released.get(id) ?? 0))) break;
      this.#sealed.shift();
      removed = true;
      await disk.remove(oldest.path);
    }
    if (removed) await disk.syncDirectory(directory);
  }

  async close(): Promise<void> {
    await this.#spare.close();
    await this.#active?.file.close();
    this.#active = null;
  }

  /** The segment to write to: the active one while it has room, or a new one. */
  async #roomFor(bytes: number): Promise<Active> {
    const active = this.#active;
    if (active !== null) {
      const end = active.offset + bytes;
      if (end <= active.capacity) return active;
      // Without a spare it is better to grow the file than to wait.
      if (!this.#spare.isReady && end <= 2 * this.#context.segmentBytes) return active;
    }
    return this.#roll();
  }

  /** Makes the next segment: header and first batch are durable before the file gets its name. */
  async #roll(): Promise<Active> {
    const { disk, directory, segmentBytes, random, identity } = this.#context;
    const spare = this.#spare.take();
    const unnamed = spare?.path ?? `${directory}/hasty.new`;
    const capacity = spare?.bytes ?? Math.min(segmentBytes, hastyBytes);
    const file = spare?.file ?? (await disk.open(unnamed, "write"));
    const before = this.#active ?? this.#goesOnFrom;
    const header = {
      sequence: this.#sequence + 1,
      clusterId: identity.clusterId,
      memberId: identity.memberId,
      previousSequence: before?.sequence ?? 0,
      previousEnd: before?.offset ?? 0,
      firstBatch: this.#batch + 1,
      previousChain: this.#chain,
      nonce: random.uint32(),
    };
    const seed = segmentSeed(header);
    this.#encoder.begin(seed, segmentHeaderBytes, header.firstBatch);
    for (const record of this.#head()) this.#encoder.add(record);
    const first = this.#encoder.finish(this.#chain);
    const path = `${directory}/${segmentName(header.sequence)}`;
    try {
      if (spare === null) await fillWithZeros(file, capacity, () => false);
      await file.writeAndSync([encodeSegmentHeader(header), ...first.pieces], 0);
      await disk.rename(unnamed, path);
    } catch (error) {
      if (spare !== null) this.#spare.giveBack(spare);
      else {
        await file.close();
        await disk.remove(unnamed);
      }
      throw error;
    }
    try {
      await disk.syncDirectory(directory);
    } catch (error) {
      // The name is there, whether it stays is not known: unlike a write that did not fit this cannot be tried again.
      await file.close();
      throw storageFailed(`cannot make the new segment ${path} durable`, error);
    }
    const offset = segmentHeaderBytes + first.bytes;
    const replaced = this.#active;
    const active = {
      sequence: header.sequence,
      path,
      file,
      seed,
      capacity,
      highest: new Map<GroupId, number>(),
      offset,
    };
    this.#active = active;
    this.#sequence = header.sequence;
    this.#batch++;
    this.#chain = first.chain;
    this.#resets = [];
    if (replaced === null) {
      this.#tidying = this.#tidy();
      await this.#tidying;
    } else {
      this.#sealed.push({ ...replaced, bytes: Math.max(replaced.capacity, replaced.offset) });
      await replaced.file.close();
    }
    this.#prepareSpare(capacity);
    return active;
  }

  #prepareSpare(lastBytes: number): void {
    this.#spare.prepare(Math.min(this.#context.segmentBytes, growth * lastBytes));
  }

  /** Everything older segments say that is still true, apart from entries. */
  #head(): LogRecord[] {
    const records: LogRecord[] = [];
    const none = new Uint8Array(0);
    for (const [group, { last, state, untrusted }] of this.#checkpoints) {
      const { index, epoch } = last;
      if (this.#resets.includes(group)) {
        records.push({ type: RecordType.snapshot, kind: ResetKind.drop, group, index, epoch, data: none });
      }
      const kind = (state === null ? 0 : CheckpointFlag.hasState) | (untrusted ? CheckpointFlag.untrusted : 0);
      records.push({ type: RecordType.checkpoint, kind, group, index, epoch, data: state ?? none });
    }
    return records;
  }

  /** Once a new segment says where the log of the last life ended, what stands behind that end may go. */
  async #tidy(): Promise<void> {
    const { disk, directory } = this.#context;
    const last = this.#goesOnFrom;
    this.#goesOnFrom = null;
    for (const path of this.#orphans) await disk.remove(path);
    if (this.#orphans.length > 0) await disk.syncDirectory(directory);
    this.#orphans = [];
    if (last === null) return;
    const file = await disk.open(last.path, "write");
    try {
      await file.truncate(last.offset);
      await file.sync();
    } finally {
      await file.close();
    }
    const sealed = this.#sealed.pop();
    if (sealed !== undefined) this.#sealed.push({ ...sealed, bytes: last.offset });
  }
}
