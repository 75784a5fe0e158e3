/** Which keys are meant. */
import type { ByteString } from "../wire/kv.ts";
import { byteStringOf, type Encoded } from "./codec.ts";
import { invalid } from "./errors.ts";
import type { KeyRange } from "./follow.ts";
import { NO_END, prefixEnd, prefixRange } from "./requests.ts";

/** Text is UTF-8. */
export type Key = Encoded;

/** One key, those with a prefix, or those from one up to another. */
export type Keys =
  /** One key. */
  | Key
  /** All that begin with it; "": all. */
  | { readonly prefix: Key }
  /** From one on (default: the first), up to but without the other (default: to the end). */
  | { readonly from?: Key; readonly to?: Key };

/** A key of a namespace. @throws QuorateError `INVALID_ARGUMENT` if it is empty, or neither text nor bytes */
export function keyIn(namespace: ByteString, key: Key): ByteString {
  const inside = byteStringOf(key, "a key");
  if (inside === "" && namespace === "")
    throw invalid('a key is empty: give at least one character, or { prefix: "" }');
  return namespace + inside;
}

/** Keys of a namespace. @throws QuorateError `INVALID_ARGUMENT` */
export function keysIn(namespace: ByteString, keys: Keys): KeyRange {
  if (typeof keys === "string" || keys instanceof Uint8Array) return { key: keyIn(namespace, keys), rangeEnd: "" };
  if (typeof keys !== "object" || keys === null) {
    throw invalid(`keys are ${String(keys)}: give a key, { prefix }, or { from, to }`);
  }
  if ("prefix" in keys) return prefixRange(namespace + byteStringOf(keys.prefix, "a prefix"));
  const all = prefixRange(namespace);
  const from = keys.from === undefined ? all.key : namespace + byteStringOf(keys.from, "a key");
  const to = keys.to === undefined ? prefixEnd(namespace) : namespace + byteStringOf(keys.to, "a key");
  if (to !== NO_END && to <= from) throw invalid("no key lies from `from` up to `to`: give the smaller one first");
  return { key: from === "" ? NO_END : from, rangeEnd: to };
}
