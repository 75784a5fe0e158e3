import type { Disk } from "../environment.ts";

/** One trip to the disk reads this much. */
const stepBytes = 4 * 1024 * 1024;

/**
 * All of a file, but never more than `limit` bytes of it. `reuse` is written into if it is large enough.
 * @throws DiskError
 */
export async function readWhole(disk: Disk, path: string, limit: number, reuse?: Buffer): Promise<Buffer> {
  const file = await disk.open(path, "read");
  try {
    const size = Math.min(await file.size(), limit);
    const into = reuse !== undefined && reuse.length >= size ? reuse : Buffer.allocUnsafeSlow(size);
    let done = 0;
    while (done < size) {
      const read = await file.read(into.subarray(done, Math.min(size, done + stepBytes)), done);
      if (read === 0) break;
      done += read;
    }
    return into.subarray(0, done);
  } finally {
    await file.close();
  }
}
