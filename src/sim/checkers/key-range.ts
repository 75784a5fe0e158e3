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

/** Whether some key could be in both. */
export function overlap(a: KeyRange, b: KeyRange): boolean {
  return startsBeforeEnd(a, b) && startsBeforeEnd(b, a);
}

function startsBeforeEnd(a: KeyRange, b: KeyRange): boolean {
  if (b.rangeEnd === NO_END) return true;
  return b.rangeEnd === "" ? a.key <= b.key : a.key < b.rangeEnd;
}

/** All keys that begin with `prefix`, which must end in a character below U+00FF. */
export function prefixRange(prefix: ByteString): KeyRange {
  const last = prefix.length - 1;
  return { key: prefix, rangeEnd: prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1) };
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
