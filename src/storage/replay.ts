/** Reading the log back: one group's part of it, and a walk over a chain of segments. */
import type { Entry, EntryKind, Position, SnapshotMeta } from "../consensus/engine.ts";
import type { Disk, GroupId } from "../environment.ts";
import { unreachable } from "../errors.ts";
import { corrupt } from "./fault.ts";
import { GroupLog } from "./group-log.ts";
import { CheckpointFlag, type FoundRecord, RecordType, ResetKind } from "./record.ts";
import type { LogEnd } from "./recovery.ts";
import { logEnd } from "./recovery.ts";
import { inspectRest, scanBatches } from "./scan.ts";
import { type SegmentHeader, segmentHeaderBytes, segmentSeed } from "./segment.ts";
import { createSlabs } from "./slab.ts";
import { readWhole } from "./whole-file.ts";

/** A larger file is not one of ours and is not read into memory. */
export const maxSegmentFileBytes: number = 1024 * 1024 * 1024;

export interface SegmentFile {
  readonly sequence: number;
  readonly path: string;
  readonly size: number;
  /** Null: damaged. */
  readonly header: SegmentHeader | null;
}

/** One group's log as its records say, entries behind the snapshot with their data. */
export class GroupReplay {
  readonly log: GroupLog;
  readonly entries: Entry[] = [];
  state: Uint8Array | null = null;
  /** A loss was found once and not made good. */
  marked = false;
  readonly #snapshotIndex: number;
  readonly #keep: (data: Uint8Array) => Uint8Array;

  constructor(before: Position, snapshotIndex: number, keep: (data: Uint8Array) => Uint8Array) {
    this.log = new GroupLog(before);
    this.#snapshotIndex = snapshotIndex;
    this.#keep = keep;
  }

  apply(record: FoundRecord): void {
    const { type, kind, index, epoch, data } = record;
    switch (type) {
      case RecordType.entry:
        this.log.append({ index, epoch });
        // The snapshot holds what this entry did.
        if (index <= this.#snapshotIndex) return;
        this.entries.push({ index, epoch, kind: kind as EntryKind, data: this.#keep(data) });
        return;
      case RecordType.truncate:
        this.log.truncate(index);
        while ((this.entries.at(-1)?.index ?? 0) >= index) this.entries.pop();
        return;
      case RecordType.snapshot:
        if (kind === ResetKind.keep) return;
        this.log.reset({ index, epoch });
        this.entries.length = 0;
        return;
      case RecordType.state:
        this.state = this.#keep(data);
        return;
      case RecordType.checkpoint:
        if (this.log.lastIndex !== index) throw corrupt(`a checkpoint says ${index}, the log ${this.log.lastIndex}`);
        this.state = (kind & CheckpointFlag.hasState) === 0 ? null : this.#keep(data);
        this.marked = (kind & CheckpointFlag.untrusted) !== 0;
        return;
      case RecordType.trust:
        this.marked = kind === 1;
        return;
      case RecordType.commit:
        return;
      default:
        unreachable(type, "record type");
    }
  }
}

export interface ReplayedSegment {
  readonly sequence: number;
  readonly path: string;
  readonly size: number;
  /** Where the last batch that counts begins, and behind it. */
  readonly lastBatch: number;
  readonly end: number;
  /** The highest index of each group in it. */
  readonly highest: ReadonlyMap<GroupId, number>;
}

export interface Replay {
  readonly groups: ReadonlyMap<GroupId, GroupReplay>;
  readonly end: LogEnd;
  /** Where the walk stopped, as a place in the chain. */
  readonly stoppedAt: number;
  /** Those that hold the log, oldest first; the last one is where it ends. */
  readonly segments: readonly ReplayedSegment[];
  /** Number of the last batch, and the chain behind it; 0 and 0 for no batch. */
  readonly batch: number;
  readonly chain: number;
  /** The chain behind the batch that was asked for; null if it was not met. */
  readonly witness: number | null;
  /** Where and what is damaged or torn, for people. */
  readonly where: string;
}

export interface ReplayOptions {
  readonly disk: Disk;
  readonly chain: readonly SegmentFile[];
  /** The first segment of the chain to read. */
  readonly from: number;
  readonly snapshots: ReadonlyMap<GroupId, SnapshotMeta>;
  /** Number of the batch whose chain is wanted. */
  readonly witnessed: number;
}

/** Walks the chain up to its end or the first damage. */
export async function replay(options: ReplayOptions): Promise<Replay> {
  const { disk, chain, snapshots, witnessed } = options;
  const groups = new Map<GroupId, GroupReplay>();
  const segments: ReplayedSegment[] = [];
  const keep = createSlabs();
  let buffer: Buffer | undefined;
  let tail = { batch: 0, chain: 0 };
  let witness: number | null = null;
  const stop = (end: LogEnd, stoppedAt: number, where: string): Replay => {
    return { groups, end, stoppedAt, segments, ...tail, witness, where };
  };

  for (let at = options.from; at < chain.length; at++) {
    const file = chain[at];
    if (file === undefined) break;
    const next = chain[at + 1];
    const { header } = file;
    if (header === null) return stop("damaged", at, `the header of ${file.path}`);
    if (file.size > maxSegmentFileBytes) return stop("damaged", at, `the size of ${file.path}: ${file.size} bytes`);
    buffer = await readWhole(disk, file.path, maxSegmentFileBytes, buffer);
    const bytes = buffer.subarray(0, file.size);
    const seed = segmentSeed(header);
    const highest = new Map<GroupId, number>();
    const limit = next?.header ? Math.min(next.header.previousEnd, bytes.length) : bytes.length;
    const start = {
      segmentSeed: seed,
      offset: segmentHeaderBytes,
      batch: header.firstBatch,
      chain: header.previousChain,
    };
    let lastBatch = segmentHeaderBytes;
    const scanned = scanBatches(bytes, limit, start, (records, batch, chainBehind, offset) => {
      lastBatch = offset;
      if (batch === witnessed) witness = chainBehind;
      for (const record of records) {
        let group = groups.get(record.group);
        if (group === undefined) {
          // A checkpoint brings the position of a log whose earlier segments are gone; any other log begins with it.
          const before = record.type === RecordType.checkpoint ? record : { index: 0, epoch: 0 };
          group = new GroupReplay(before, snapshots.get(record.group)?.index ?? 0, keep);
          groups.set(record.group, group);
        }
        group.apply(record);
        highest.set(record.group, Math.max(highest.get(record.group) ?? 0, record.index));
      }
    });
    const { sequence, path, size } = file;
    segments.push({ sequence, path, size, lastBatch, end: scanned.end, highest });
    tail = { batch: scanned.batch, chain: scanned.chain };
    const joined =
      next?.header?.previousSequence === file.sequence &&
      next.header.previousEnd === scanned.end &&
      next.header.previousChain === scanned.chain;
    if (joined) continue;
    const rest = inspectRest(bytes, scanned.end, bytes.length, seed, scanned.batch + 1);
    const end = logEnd({ newest: next === undefined, header: true, ...rest });
    return stop(end, at, end === "clean" ? "" : `${file.path} at byte ${scanned.end}`);
  }
  return stop("clean", chain.length - 1, "");
}
