/** What an entry holds, as a number. */
import type { Entry } from "../engine.ts";

/** Over kind and data (FNV-1a, 32 bits): entries that differ there differ in this, but for one in four thousand millions. */
export function fingerprint(entry: Entry): number {
  const { data, kind } = entry;
  let hash = 0x811c9dc5 ^ kind;
  for (let i = 0; i < data.length; i++) hash = Math.imul(hash ^ (data[i] as number), 0x01000193);
  return hash >>> 0;
}
