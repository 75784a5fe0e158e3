/**
 * The log on disk: one stream of batches for all groups of a member, in a chain of segments.
 *
 * One batch is under way at a time; what arrives meanwhile goes into the next one, so one sync covers all of it. A write
 * that does not fit is tried again until it does, in its place in the order. A sync that fails ends it all: what the
 * disk has then is unknown, and asking again may be answered with a lie.
 */
import type { Position } from "../consensus/engine.ts";
import type { Clock, Disk, DiskFile, GroupId, Logger, Random } from "../environment.ts";
import { BatchEncoder, commitRecordBytes, type EncodedBatch } from "./batch.ts";
import { asError, isFull, storageFailed } from "./fault.ts";
import type { HardStateFile, TailHint } from "./hard-state.ts";
import { CheckpointFlag, type LogRecord, RecordType, ResetKind } from "./record.ts";
import { encodeSegmentHeader, segmentHeaderBytes, segmentName, segmentSeed } from "./segment.ts";
import { fillWithZeros, retryMs, SpareSegment, spareName } from "./spare.ts";
import type { StorageEvents, StorageIdentity } from "./storage.ts";

/** A batch takes queued items until it has this many bytes. */
const batchBytes = 4 * 1024 * 1024;
/** A segment that had to be made in a hurry (the first one, or while the disk was full) is no larger than this. */
const hastyBytes = 4 * 1024 * 1024;
/** After a batch the tail hint is written within this time. */
const hintDelayMs = 1000;

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
  offset: number;
}

export interface WalStart {
  readonly segments: readonly (Sealed & { readonly end: number })[];
  readonly orphans: readonly string[];
  readonly sequence: number;
  readonly batch: number;
  readonly chain: number;
  readonly checkpoints: ReadonlyMap<GroupId, Checkpoint>;
  /** Groups whose log starts anew; the disk does not say so yet. */
  readonly resets: readonly GroupId[];
}

export interface WalContext {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where the segments are. */
  readonly directory: string;
  readonly identity: StorageIdentity;
  readonly segmentBytes: number;
  readonly events: StorageEvents;
  readonly hardState: HardStateFile;
}

type Condition =
  | { readonly is: "open" }
  /** Writes what is queued, takes nothing more. */
  | { readonly is: "closing" }
  | { readonly is: "closed" }
  | { readonly is: "failed"; readonly error: Error };

interface Waiter {
  readonly after: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Wal {
  readonly #context: WalContext;
  readonly #spare: SpareSegment;
  readonly #encoder: BatchEncoder = new BatchEncoder();
  readonly #sealed: Sealed[];
  readonly #checkpoints: Map<GroupId, Checkpoint>;
  readonly #released = new Map<GroupId, number>();
  #resets: readonly GroupId[];
  #orphans: readonly string[];
  /** What the first new segment goes on from, until it is made. */
  #goesOnFrom: { sequence: number; end: number; path: string } | null;
  #active: Active | null = null;
  #sequence: number;
  #batch: number;
  #chain: number;

  #condition: Condition = { is: "open" };
  #queue: LogItem[] = [];
  /** Items taken since the start, and how many of them are durable. */
  #accepted = 0;
  #finished = 0;
  #waiters: Waiter[] = [];
  #running = false;
  /** Settles when the batch under way, if any, is through. */
  #run: Promise<void> = Promise.resolve();
  #wakeRetry: (() => void) | null = null;
  #appendFull = false;
  #spareFull = false;
  #toldFull = false;
  #hinted = false;
  #hinting: Promise<void> = Promise.resolve();

  constructor(context: WalContext, start: WalStart) {
    this.#context = context;
    this.#sealed = start.segments.map(({ sequence, path, bytes, highest }) => ({ sequence, path, bytes, highest }));
    const last = start.segments.at(-1);
    this.#goesOnFrom = last === undefined ? null : { sequence: last.sequence, end: last.end, path: last.path };
    this.#orphans = start.orphans;
    this.#resets = start.resets;
    this.#sequence = start.sequence;
    this.#batch = start.batch;
    this.#chain = start.chain;
    this.#checkpoints = new Map(start.checkpoints);
    this.#spare = new SpareSegment(context.disk, context.clock, context.directory, context.segmentBytes, {
      full: (isFull) => {
        this.#spareFull = isFull;
        this.#tellFull();
        if (!isFull) this.#wakeRetry?.();
      },
      failed: (error) => this.fail(asError(error)),
    });
    this.#spare.prepare();
  }

  /** Bytes of all segments on disk. */
  get bytes(): number {
    const active = this.#active === null ? 0 : Math.max(this.#active.capacity, this.#active.offset);
    return this.#sealed.reduce((sum, { bytes }) => sum + bytes, active + this.#spare.bytes);
  }

  /** Queues an item. Once the log failed or was closed it will never be durable, and nothing says otherwise. */
  append(item: LogItem): void {
    if (this.#condition.is !== "open") return;
    this.#queue.push(item);
    this.#accepted++;
    if (this.#running) return;
    this.#running = true;
    // Behind the rest of this turn's work: groups that write in the same turn share the batch.
    this.#run = Promise.resolve().then(() => this.#storeQueue());
  }

  /** Resolves when all that was appended before is durable. */
  barrier(): Promise<void> {
    if (this.#condition.is === "failed") return Promise.reject(this.#condition.error);
    if (this.#finished === this.#accepted) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ after: this.#accepted, resolve, reject }));
  }

  /** Entries of the group up to this index are not needed any more: removes the segments that hold nothing else. */
  async release(group: GroupId, upTo: number): Promise<void> {
    this.#released.set(group, Math.max(upTo, this.#released.get(group) ?? 0));
    let removed = false;
    try {
      for (;;) {
        const [oldest] = this.#sealed;
        // The newest segment stays: its head repeats the states that older ones held.
        if (oldest === undefined || (this.#active === null && this.#sealed.length === 1)) break;
        const done = [...oldest.highest].every(([id, index]) => index <= (this.#released.get(id) ?? 0));
        if (!done || this.#condition.is === "failed") break;
        this.#sealed.shift();
        removed = true;
        await this.#context.disk.remove(oldest.path);
      }
      if (removed) await this.#context.disk.syncDirectory(this.#context.directory);
    } catch (error) {
      this.fail(asError(error));
      throw error;
    }
  }

  /** Poisons the log: nothing further becomes durable. */
  fail(cause: Error): void {
    if (this.#condition.is === "failed" || this.#condition.is === "closed") return;
    const error = storageFailed(`the log in ${this.#context.directory} failed: ${cause.message}`, cause);
    this.#condition = { is: "failed", error };
    this.#queue = [];
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    this.#wakeRetry?.();
    this.#context.logger.error({ error: cause.message, directory: this.#context.directory }, "the log on disk failed");
    this.#context.events.failed(error);
  }

  /** Writes what is queued and closes the files. A full disk gets one more chance. */
  async close(): Promise<void> {
    if (this.#condition.is === "closed") return;
    if (this.#condition.is === "open") {
      const done = this.barrier();
      this.#condition = { is: "closing" };
      this.#wakeRetry?.();
      await done.catch(() => undefined);
    }
    // Never close a file under a write: its number might be another file's by then.
    await this.#run;
    await this.#hinting;
    if (this.#condition.is === "closing") {
      await this.#writeHint();
      this.#condition = { is: "closed" };
    }
    await this.#spare.close();
    await this.#active?.file.close();
  }

  async #storeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      const items = this.#takeBatch();
      try {
        if (!(await this.#store(items))) break;
        this.#completed(items);
      } catch (error) {
        this.fail(asError(error));
        break;
      }
    }
    this.#running = false;
  }

  #takeBatch(): LogItem[] {
    let bytes = 0;
    let count = 0;
    for (const item of this.#queue) {
      if (count > 0 && bytes + item.bytes > batchBytes) break;
      bytes += item.bytes;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** Makes the items durable, waiting for room as long as it takes. False: the log was closed or failed meanwhile. */
  async #store(items: readonly LogItem[]): Promise<boolean> {
    const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
    if (bytes === 0) return true;
    for (;;) {
      try {
        const active = await this.#roomFor(bytes + commitRecordBytes);
        const encoded = this.#encode(items, active);
        await active.file.writeAndSync(encoded.pieces, active.offset);
        active.offset += encoded.bytes;
        this.#batch++;
        this.#chain = encoded.chain;
        this.#appendFull = false;
        this.#tellFull();
        return !this.#failed;
      } catch (error) {
        if (!isFull(error)) throw error;
      }
      this.#appendFull = true;
      this.#tellFull();
      if (this.#condition.is !== "open") return this.#giveUp();
      await this.#pause();
      if (this.#failed) return false;
    }
  }

  get #failed(): boolean {
    return this.#condition.is === "failed";
  }

  #giveUp(): boolean {
    const waiting = this.#queue.length;
    this.#context.logger.warn(
      { waiting },
      "closed on a full disk: writes that nobody was told are durable are dropped",
    );
    const error = storageFailed("the store was closed while the disk was full");
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    return false;
  }

  /** Waits for the next try: a while, or until there is a spare segment, or the log is closed. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#context.clock.after(retryMs, () => this.#wakeRetry?.());
      this.#wakeRetry = () => {
        this.#wakeRetry = null;
        timer.cancel();
        resolve();
      };
    });
  }

  #encode(items: readonly LogItem[], active: Active): EncodedBatch {
    this.#encoder.begin(active.seed, active.offset, this.#batch + 1);
    for (const item of items) for (const record of item.records) this.#encoder.add(record);
    return this.#encoder.finish(this.#chain);
  }

  #completed(items: readonly LogItem[]): void {
    this.#finished += items.length;
    const highest = this.#active?.highest;
    const told = new Map<GroupId, number>();
    for (const item of items) {
      this.#checkpoints.set(item.group, item.checkpoint);
      highest?.set(item.group, Math.max(item.highest, highest.get(item.group) ?? 0));
      if (item.number !== null) told.set(item.group, item.number);
    }
    while ((this.#waiters[0]?.after ?? Number.POSITIVE_INFINITY) <= this.#finished) this.#waiters.shift()?.resolve();
    for (const [group, number] of told) this.#context.events.durable(group, number);
    this.#hintSoon();
  }

  /** The segment to write to: the active one while it has room, or a new one. @throws DiskError */
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
    const unnamed = `${directory}/${spare === null ? "hasty.new" : spareName}`;
    const capacity = spare === null ? Math.min(segmentBytes, hastyBytes) : segmentBytes;
    const file = spare ?? (await disk.open(unnamed, "write"));
    const from = this.#active ?? this.#goesOnFrom;
    const sequence = this.#sequence + 1;
    const header = {
      sequence,
      clusterId: identity.clusterId,
      memberId: identity.memberId,
      previousSequence: from?.sequence ?? 0,
      previousEnd: from === null ? 0 : "offset" in from ? from.offset : from.end,
      firstBatch: this.#batch + 1,
      previousChain: this.#chain,
      nonce: random.uint32(),
    };
    const seed = segmentSeed(header);
    this.#encoder.begin(seed, segmentHeaderBytes, header.firstBatch);
    for (const record of this.#head()) this.#encoder.add(record);
    const first = this.#encoder.finish(this.#chain);
    const path = `${directory}/${segmentName(sequence)}`;
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
    const before = this.#active;
    const offset = segmentHeaderBytes + first.bytes;
    const active: Active = { sequence, path, file, seed, capacity, highest: new Map(), offset };
    this.#active = active;
    this.#sequence = sequence;
    this.#batch++;
    this.#chain = first.chain;
    this.#resets = [];
    if (before === null) await this.#tidy();
    else {
      this.#sealed.push({ ...before, bytes: Math.max(before.capacity, before.offset) });
      await before.file.close();
    }
    this.#spare.prepare();
    return active;
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
      await file.truncate(last.end);
      await file.sync();
    } finally {
      await file.close();
    }
    const sealed = this.#sealed.pop();
    if (sealed !== undefined) this.#sealed.push({ ...sealed, bytes: last.end });
  }

  #tellFull(): void {
    const isFull = this.#appendFull || this.#spareFull;
    if (isFull === this.#toldFull || this.#condition.is === "failed") return;
    this.#toldFull = isFull;
    const { logger, directory, events } = this.#context;
    if (isFull) logger.warn({ directory }, "no room on the disk: writes wait until there is");
    else logger.info({ directory }, "the disk has room again");
    events.full(isFull);
  }

  #hintSoon(): void {
    if (this.#hinted) return;
    this.#hinted = true;
    this.#context.clock.after(hintDelayMs, () => {
      this.#hinted = false;
      if (this.#condition.is !== "open") return;
      this.#hinting = this.#hinting.then(() => this.#writeHint());
    });
  }

  async #writeHint(): Promise<void> {
    const hint: TailHint = { segment: this.#sequence, batch: this.#batch, chain: this.#chain };
    try {
      await this.#context.hardState.write(hint);
    } catch (error) {
      this.fail(asError(error));
    }
  }
}
