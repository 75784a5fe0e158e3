import { randomFillSync } from "node:crypto";
import type { Random } from "../environment.ts";

/** How many random bytes are drawn from the system at once: one call for many numbers. */
const poolBytes = 4096;

/** Numbers nobody can guess, from the system's generator. */
export function nodeRandom(): Random {
  const pool = Buffer.allocUnsafeSlow(poolBytes);
  let used = poolBytes;
  /** Offset of `size` fresh bytes in the pool; bytes are given out once. */
  const take = (size: number): number => {
    if (used + size > poolBytes) {
      randomFillSync(pool);
      used = 0;
    }
    const at = used;
    used += size;
    return at;
  };
  return {
    uint32: () => pool.readUInt32LE(take(4)),
    uint64: () => pool.readBigUInt64LE(take(8)),
  };
}
