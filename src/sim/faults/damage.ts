/**
 * Damages files of a data directory while nobody uses them.
 *
 * Left out is what no storage of this kind can notice, and what its documentation says so of
 * (`docs/internals/storage.md`): damage to the very last records of the log, which looks like a write that was never
 * finished (unless the process had ended in peace), and the loss of both the log's newest file and all trace of it.
 */
import type { SeededRandom } from "../../consensus/random.ts";
import type { VirtualDisk } from "../../virtual/disk.ts";

const SECTOR_BYTES = 512;
/** Bytes at the end of what the log has that are left alone. */
const LAST_BYTES = 2_048;

/**
 * Flips bits in one file; says what it did, or null: there is nothing to damage. `ended`: the process had come to a clean
 * end, so that the end of the log is vouched for, too.
 */
export function damageFile(disk: VirtualDisk, random: SeededRandom, bits: number, ended: boolean): string | null {
  const candidates = damageable(disk, ended ? 0 : LAST_BYTES);
  const chosen = candidates[random.below(Math.max(1, candidates.length))];
  if (chosen === undefined) return null;
  const count = Math.max(1, Math.floor(bits));
  const start = random.below(chosen.bytes);
  disk.alter(chosen.path, (content) => {
    for (let bit = 0; bit < count; bit++) {
      const at = Math.min(chosen.bytes - 1, start + random.below(64));
      content[at] = (content[at] ?? 0) ^ (1 << random.below(8));
    }
  });
  return `${count} bits of ${chosen.path} rot around ${start}`;
}

/**
 * One write of the log, a sector of it, is found `bytes` further on, and its own place as it was before; says where, or
 * null: too little was written. Not the last ones: that would look as if they had never been made, and one vote that is
 * lost without a trace makes two leaders.
 */
export function misdirectWrite(disk: VirtualDisk, random: SeededRandom, bytes: number): string | null {
  const distance = Math.ceil(bytes / SECTOR_BYTES);
  const roomy = damageable(disk, LAST_BYTES).filter(
    ({ path, bytes: size }) => path.endsWith(".log") && size >= (distance + 1) * SECTOR_BYTES,
  );
  const chosen = roomy[random.below(Math.max(1, roomy.length))];
  if (chosen === undefined) return null;
  const from = SECTOR_BYTES * random.below(Math.floor(chosen.bytes / SECTOR_BYTES) - distance);
  disk.alter(chosen.path, (content) => {
    content.copyWithin(from + distance * SECTOR_BYTES, from, from + SECTOR_BYTES);
    content.fill(0, from, from + SECTOR_BYTES);
  });
  return `a write to ${chosen.path} at ${from} landed ${distance * SECTOR_BYTES} bytes away`;
}

/** Removes one whole file of the log (not the newest) or a snapshot. */
export function loseFile(disk: VirtualDisk, random: SeededRandom): string | null {
  const log = disk.files.filter((path) => path.endsWith(".log")).sort();
  const snapshots = disk.files.filter((path) => path.endsWith(".snap"));
  const candidates = [...log.slice(0, -1), ...snapshots];
  const path = candidates[random.below(Math.max(1, candidates.length))];
  if (path === undefined) return null;
  disk.lose(path);
  return `${path} is lost`;
}

interface Damageable {
  readonly path: string;
  /** The part that may be damaged, from the beginning. */
  readonly bytes: number;
}

function damageable(disk: VirtualDisk, lastBytes: number): Damageable[] {
  const found: Damageable[] = [];
  const paths = [...disk.files].sort();
  const newest = paths.filter((path) => path.endsWith(".log") && usedBytes(disk, path) > 0).at(-1);
  for (const path of paths) {
    if (!path.endsWith(".log") && !path.endsWith(".snap")) continue;
    const bytes = usedBytes(disk, path) - (path === newest ? lastBytes : 0);
    if (bytes > 0) found.push({ path, bytes });
  }
  return found;
}

/** Without the zeros that a segment is prepared with. */
function usedBytes(disk: VirtualDisk, path: string): number {
  const content = disk.contentOf(path);
  let end = content.length;
  while (end > 0 && content[end - 1] === 0) end--;
  return end;
}
