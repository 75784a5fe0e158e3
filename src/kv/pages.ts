/** A range in pages, all of one revision, so that neither side ever holds all of a large one. */
import type { ReadOptions, Store } from "../store/store.ts";
import { SortOrder } from "../wire/kv.ts";
import { Entry, type Reading } from "./entry.ts";
import { invalid } from "./errors.ts";
import type { KeyRange } from "./follow.ts";
import { rangeRequest } from "./requests.ts";
import { Wait } from "./wait.ts";

/** Which entries of a range, how fresh, and how many at once. */
export interface RangeOptions extends ReadOptions {
  /** As it was at this revision; default: as it is when it begins. */
  readonly revision?: number;
  /** At most so many entries; default: all. */
  readonly limit?: number;
  /** From the last key to the first. */
  readonly reverse?: boolean;
  /** Without values: they are read as empty. */
  readonly keysOnly?: boolean;
  /** Entries asked for at once; default 500. */
  readonly pageSize?: number;
}

const DEFAULT_PAGE_SIZE = 500;

/** @throws QuorateError `COMPACTED` if its revision is compacted while it goes on */
export async function* entries<Out>(
  store: Store,
  range: KeyRange,
  reading: Reading<Out>,
  options: RangeOptions,
): AsyncGenerator<Entry<Out>, void, undefined> {
  const { limit, reverse = false, keysOnly = false, pageSize = DEFAULT_PAGE_SIZE, consistency } = options;
  if (!Number.isSafeInteger(pageSize) || pageSize < 1) {
    throw invalid(`pageSize is ${String(pageSize)}: give a whole number from 1 on`);
  }
  using wait = new Wait(store.clock, options);
  let { key, rangeEnd } = range;
  let revision = options.revision ?? 0;
  let left = limit ?? Number.POSITIVE_INFINITY;
  while (left > 0) {
    const order = reverse ? { sortOrder: SortOrder.descend } : {};
    const size = Math.min(left, pageSize);
    const request = rangeRequest(key, { rangeEnd, revision, limit: size, keysOnly, ...order });
    const call = consistency === undefined ? wait.call() : { ...wait.call(), consistency };
    const { kvs, more, header } = await wait.for(store.range(request, call));
    for (const kv of kvs) yield new Entry(kv, reading);
    const last = kvs.at(-1);
    if (!more || last === undefined) return;
    left -= kvs.length;
    revision = revision > 0 ? revision : header.revision;
    if (reverse) rangeEnd = last.key;
    else key = `${last.key}\0`;
  }
}
