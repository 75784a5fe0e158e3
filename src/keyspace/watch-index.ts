/**
 * Who watches a key: a map for single keys, an interval tree for ranges. A change finds its watchers without looking
 * at the others, however many there are.
 */
import type { ByteString } from "../wire/kv.ts";
import { addToGroup, forEachInGroup, type Group, groupHas, removeFromGroup } from "./interval-group.ts";
import { type IntervalEnd, IntervalTree } from "./interval-tree.ts";

/** What is watched, as in a `RangeRequest`: `rangeEnd` "" is just `key`, "\0" all keys from `key` on. */
export interface WatchedRange {
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
}

/** True if no key can ever be in the range. */
export function isEmptyRange(range: WatchedRange): boolean {
  return range.rangeEnd !== "" && range.rangeEnd !== "\0" && range.rangeEnd <= range.key;
}

export class WatchIndex<T extends object> {
  readonly #single = new Map<ByteString, Group<T>>();
  readonly #ranges = new IntervalTree<T>();

  add(range: WatchedRange, watcher: T): void {
    if (range.rangeEnd === "") this.#single.set(range.key, addToGroup(this.#single.get(range.key), watcher));
    else this.#ranges.insert(range.key, endOf(range), watcher);
  }

  /** False if it was not there. */
  remove(range: WatchedRange, watcher: T): boolean {
    if (range.rangeEnd !== "") return this.#ranges.remove(range.key, endOf(range), watcher);
    const group = this.#single.get(range.key);
    if (group === undefined || !groupHas(group, watcher)) return false;
    const rest = removeFromGroup(group, watcher);
    if (rest === undefined) this.#single.delete(range.key);
    else this.#single.set(range.key, rest);
    return true;
  }

  /** Calls `visit` for each watcher of `key`; the index must not be changed meanwhile. Returns the nodes looked at. */
  match(key: ByteString, visit: (watcher: T) => void): number {
    const group = this.#single.get(key);
    if (group !== undefined) forEachInGroup(group, visit);
    return 1 + this.#ranges.stab(key, visit);
  }
}

function endOf(range: WatchedRange): IntervalEnd {
  return range.rangeEnd === "\0" ? null : range.rangeEnd;
}
