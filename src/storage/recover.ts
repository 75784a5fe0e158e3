/** Finding the log's segments, reading them back, and deciding what each group may believe of it. */
import type { Entry, Position, SnapshotMeta } from "../consensus/engine.ts";
import type { Disk, GroupId } from "../environment.ts";
import { corrupt } from "./fault.ts";
import { GroupLog } from "./group-log.ts";
import type { TailHint } from "./hard-state.ts";
import { decide, type GroupEvidence } from "./recovery.ts";
import { type GroupReplay, type Replay, type ReplayedSegment, replay, type SegmentFile } from "./replay.ts";
import { salvageStates } from "./salvage.ts";
import { decodeSegmentHeader, segmentHeaderBytes, sequenceOf } from "./segment.ts";
import type { StorageIdentity } from "./storage.ts";
import { readWhole } from "./whole-file.ts";

export interface RecoveredGroup {
  readonly log: GroupLog;
  readonly entries: readonly Entry[];
  readonly state: Uint8Array | null;
  readonly snapshot: SnapshotMeta | null;
  readonly untrusted: boolean;
  readonly findings: readonly string[];
  /** The log on disk does not say so yet: it must be told to start anew at `log.last`. */
  readonly reset: boolean;
}

export interface RecoveredLog {
  readonly groups: ReadonlyMap<GroupId, RecoveredGroup>;
  /** For a group of which nothing was found. */
  readonly unknown: RecoveredGroup;
  /** The segments that hold the log, oldest first. */
  readonly segments: readonly ReplayedSegment[];
  /** Files that are no part of the log any more. */
  readonly orphans: readonly string[];
  /** What the next segment goes on from. */
  readonly sequence: number;
  readonly batch: number;
  readonly chain: number;
}

export interface RecoverOptions {
  readonly disk: Disk;
  /** Where the segments are. */
  readonly directory: string;
  /** Segments of anybody else count as damaged. */
  readonly identity: StorageIdentity;
  readonly hint: TailHint | null;
  readonly snapshots: ReadonlyMap<GroupId, SnapshotMeta>;
  readonly repairable: boolean;
}

/** Changes nothing on the disk. @throws QuorateError with code `DATA_CORRUPT` where the decision is to refuse. */
export async function recoverLog(options: RecoverOptions): Promise<RecoveredLog> {
  const { disk, directory, hint, snapshots } = options;
  const files = await findSegments(disk, directory, options.identity);
  const chain = linkChain(files);
  const { result, skipped } = await bestReplay(options, chain);

  const hinted = hint === null ? "none" : hintBeyond(hint, result) ? "beyond" : "reached";
  const lost = result.end === "damaged" || hinted === "beyond";
  const lastGood = result.segments.at(-1);
  const salvageFrom =
    lastGood?.sequence === chain[result.stoppedAt]?.sequence ? (lastGood?.end ?? 0) : segmentHeaderBytes;
  const states = lost
    ? await salvageStates(disk, chain, result.stoppedAt, salvageFrom)
    : new Map<GroupId, Uint8Array>();

  const conclude = (id: GroupId | null): RecoveredGroup => {
    const found = id === null ? undefined : result.groups.get(id);
    const snapshot = (id === null ? undefined : snapshots.get(id)) ?? null;
    const state = (id === null ? undefined : states.get(id)) ?? found?.state ?? null;
    const joined = join(found, snapshot);
    const marked = found?.marked ?? false;
    const evidence: GroupEvidence = {
      end: result.end,
      hint: hinted,
      cover: joined.gap ? "gap" : "whole",
      marked,
      repairable: options.repairable,
    };
    const { verdict, reasons } = decide(evidence);
    const place = result.where === "" ? "" : ` (${result.where})`;
    if (verdict === "refuse") throw refusal(directory, id, reasons, place);
    const findings = reasons.length === 0 ? [] : [`${reasons.join("; ")}${place}`];
    if (skipped !== "") findings.push(`skipped a damaged segment: snapshots cover all it held (${skipped})`);
    const { log, entries, reset } = joined;
    return { log, entries, state, snapshot, untrusted: verdict === "distrust", findings, reset };
  };

  const groups = new Map<GroupId, RecoveredGroup>();
  const ids = new Set([...result.groups.keys(), ...snapshots.keys(), ...states.keys()]);
  for (const id of [...ids].sort((one, other) => one - other)) groups.set(id, conclude(id));
  const used = new Set(result.segments.map(({ sequence }) => sequence));
  return {
    groups,
    unknown: conclude(null),
    segments: result.segments,
    orphans: files.filter(({ sequence }) => !used.has(sequence)).map(({ path }) => path),
    sequence: files.at(-1)?.sequence ?? 0,
    // Numbers of batches that are lost are not used again, so that an old hint never vouches for new batches.
    batch: Math.max(result.batch, hint?.batch ?? 0),
    chain: result.chain,
  };
}

/** Sorted by sequence. */
async function findSegments(disk: Disk, directory: string, identity: StorageIdentity): Promise<SegmentFile[]> {
  const files: SegmentFile[] = [];
  for (const name of await disk.list(directory)) {
    const sequence = sequenceOf(name);
    if (sequence === null) continue;
    const path = `${directory}/${name}`;
    const header = decodeSegmentHeader(await readWhole(disk, path, segmentHeaderBytes));
    const file = await disk.open(path, "read");
    let size: number;
    try {
      size = await file.size();
    } finally {
      await file.close();
    }
    const own =
      header?.sequence === sequence && header.clusterId === identity.clusterId && header.memberId === identity.memberId;
    files.push({ sequence, path, size, header: own ? header : null });
  }
  return files.sort((one, other) => one.sequence - other.sequence);
}

/** From the newest segment back, each naming the one before it; behind a damaged header simply the next older file. */
function linkChain(files: readonly SegmentFile[]): SegmentFile[] {
  const chain: SegmentFile[] = [];
  let at = files.length - 1;
  while (at >= 0) {
    const file = files[at];
    if (file === undefined) break;
    chain.unshift(file);
    const { header } = file;
    at = header === null ? at - 1 : files.findLastIndex(({ sequence }) => sequence === header.previousSequence);
  }
  return chain;
}

/**
 * The walk over all of the chain; or, where that meets damage, a walk from behind it, if snapshots cover everything that
 * the segments up to the damage held.
 */
async function bestReplay(
  options: RecoverOptions,
  chain: readonly SegmentFile[],
): Promise<{ result: Replay; skipped: string }> {
  const { disk, snapshots, hint } = options;
  const witnessed = hint?.batch ?? 0;
  const whole = await replay({ disk, chain, from: 0, snapshots, witnessed });
  let last = whole;
  while (last.end === "damaged" && last.stoppedAt + 1 < chain.length) {
    last = await replay({ disk, chain, from: last.stoppedAt + 1, snapshots, witnessed });
    const covered = [...last.groups].every(([id, group]) => !join(group, snapshots.get(id) ?? null).gap);
    if (last.end !== "damaged" && covered) return { result: last, skipped: whole.where };
  }
  return { result: whole, skipped: "" };
}

function hintBeyond(hint: TailHint, result: Replay): boolean {
  if (hint.batch > result.batch) return true;
  return result.witness !== null && result.witness !== hint.chain;
}

interface Joined {
  readonly log: GroupLog;
  readonly entries: readonly Entry[];
  readonly reset: boolean;
  readonly gap: boolean;
}

/**
 * Puts a log behind a snapshot. A snapshot holds only what a quorum agreed on: where the log does not hold its position,
 * all of the log gives way, as when a snapshot from a leader is installed.
 */
function join(found: GroupReplay | undefined, snapshot: SnapshotMeta | null): Joined {
  const base: Position = snapshot ?? { index: 0, epoch: 0 };
  const anew = (gap: boolean): Joined => ({ log: new GroupLog(base), entries: [], reset: true, gap });
  if (found === undefined) return { ...anew(false), reset: snapshot !== null };
  const { log, entries } = found;
  if (log.lastIndex < base.index) return anew(false);
  if (log.firstIndex > base.index + 1) return anew(true);
  const epoch = log.epochAt(base.index);
  if (epoch !== null && epoch !== base.epoch) return anew(false);
  return { log, entries, reset: false, gap: false };
}

function refusal(directory: string, group: GroupId | null, reasons: readonly string[], place: string): Error {
  const whose = group === null ? "" : ` of group ${group}`;
  return corrupt(
    `the data${whose} in ${directory} cannot be trusted and no other member can restore it: ${reasons.join("; ")}${place}. ` +
      "Nothing was changed. Restore the data directory from a backup, or start from a saved snapshot.",
  );
}
