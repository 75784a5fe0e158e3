/** Intervals of keys as etcd's requests name them. */
import type { ByteString } from "../../wire/kv.ts";

/** `rangeEnd` "": just `key`; "\0": all keys from `key` on; else up to but without it. */
export interface KeyRange {
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
}

const NO_END = "\0";

export function isInRange(key: ByteString, range: KeyRange): boolean {
  if (range.rangeEnd === "") return key === range.key;
  return key >= range.key && (range.rangeEnd === NO_END || key < range.rangeEnd);
}

/** Index of the first of some sorted keys that is not below `key`. */
export function lowerBound(keys: readonly ByteString[], key: ByteString): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as ByteString) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
