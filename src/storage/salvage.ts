import type { Disk, GroupId } from "../environment.ts";
import { CheckpointFlag, RecordType } from "./record.ts";
import { maxSegmentFileBytes, type SegmentFile } from "./replay.ts";
import { forEachRecordIn } from "./scan.ts";
import { segmentHeaderBytes, segmentSeed } from "./segment.ts";
import { readWhole } from "./whole-file.ts";

/**
 * The newest engine states that can be proven behind a damaged place. A member that lost entries gets them back from
 * its peers, but a promise (a vote, a ballot) only it knows: it is never forgotten where it can still be read.
 */
export async function salvageStates(
  disk: Disk,
  chain: readonly SegmentFile[],
  from: number,
  offset: number,
): Promise<ReadonlyMap<GroupId, Uint8Array>> {
  const states = new Map<GroupId, Uint8Array>();
  for (let at = from; at < chain.length; at++) {
    const file = chain[at];
    if (file === undefined || file.header === null || file.size > maxSegmentFileBytes) continue;
    const bytes = await readWhole(disk, file.path, maxSegmentFileBytes);
    const limit = Math.min(bytes.length, chain[at + 1]?.header?.previousEnd ?? bytes.length);
    forEachRecordIn(
      bytes,
      at === from ? offset : segmentHeaderBytes,
      limit,
      segmentSeed(file.header),
      (record, data) => {
        const holdsState =
          record.type === RecordType.state ||
          (record.type === RecordType.checkpoint && (record.kind & CheckpointFlag.hasState) !== 0);
        if (holdsState && data !== null) states.set(record.group, new Uint8Array(data));
        return true;
      },
    );
  }
  return states;
}
