/**
 * Makes durable what a start has read. A process that was killed leaves bytes in the page cache that it did not live to
 * sync; the next one reads them like all others, and would acknowledge what the next power failure takes away.
 *
 * One batch is written at a time, so only the last one can be in that state, and names that were not synced. It is
 * written again, not only synced: after a sync that failed its pages may count as clean without being on disk.
 */
import type { Disk } from "../environment.ts";
import type { ReplayedSegment } from "./replay.ts";

/** @param directories whose names were read */
export async function reaffirm(
  disk: Disk,
  directories: readonly string[],
  newest: ReplayedSegment | undefined,
): Promise<void> {
  if (newest !== undefined) {
    const file = await disk.open(newest.path, "write");
    try {
      const batch = new Uint8Array(newest.end - newest.lastBatch);
      for (let at = 0; at < batch.length; ) {
        const read = await file.read(batch.subarray(at), newest.lastBatch + at);
        if (read === 0) break;
        at += read;
      }
      await file.writeAndSync([batch], newest.lastBatch);
    } finally {
      await file.close();
    }
  }
  for (const directory of directories) await disk.syncDirectory(directory);
}
