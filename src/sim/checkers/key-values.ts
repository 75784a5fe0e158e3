/** What a range finds among living keys, and how two findings differ. */
import { type ByteString, type KeyValue, type RangeRequest, type RangeResult, SortOrder } from "../../wire/kv.ts";
import type { KeyRange } from "./key-range.ts";
import { kvText, quoted } from "./narration.ts";

/** An answer that is not what it must be. */
export interface Discrepancy {
  readonly text: string;
  /** The keys that would have to be different for the answer to be right. */
  readonly blamed: readonly KeyRange[];
}

const SORT_FIELDS = ["key", "version", "createRevision", "modRevision", "value"] as const;

/** Answers a range from the living keys of its interval, in order of key: etcd's order of filters, limit and sorting. */
export function rangeResult(living: readonly KeyValue[], request: RangeRequest): RangeResult {
  const { limit, sortOrder, keysOnly, countOnly } = request;
  const count = living.length;
  if (countOnly) return { kvs: [], more: false, count, keysOnly };
  let kvs = living.filter((kv) => passes(kv, request));
  // Without an order the limit, plus one, comes before sorting by target.
  if (limit > 0 && sortOrder === SortOrder.none && !isFiltered(request)) kvs = kvs.slice(0, limit + 1);
  const field = SORT_FIELDS[request.sortTarget] ?? "key";
  const sign = sortOrder === SortOrder.descend ? -1 : 1;
  if (field !== "key" || sign < 0) kvs.sort((a, b) => sign * order(a[field], b[field]));
  const more = limit > 0 && kvs.length > limit;
  return { kvs: more ? kvs.slice(0, limit) : kvs, more, count, keysOnly };
}

function order(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isFiltered(request: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return minModRevision !== 0 || maxModRevision !== 0 || minCreateRevision !== 0 || maxCreateRevision !== 0;
}

function passes({ modRevision, createRevision }: KeyValue, request: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return (
    (maxModRevision === 0 || modRevision <= maxModRevision) &&
    (minModRevision === 0 || modRevision >= minModRevision) &&
    (maxCreateRevision === 0 || createRevision <= maxCreateRevision) &&
    (minCreateRevision === 0 || createRevision >= minCreateRevision)
  );
}

/** Compares a range's answer with what it should be. Values do not count where the request wants none. */
export function differenceOfRanges(
  expected: RangeResult,
  actual: RangeResult,
  request: RangeRequest,
): Discrepancy | null {
  const difference = differenceOfLists(expected.kvs, actual.kvs, request, request.keysOnly);
  if (difference !== null) {
    // What a limit leaves out, or a filter, depends on all keys.
    return request.limit > 0 || isFiltered(request) ? { ...difference, blamed: [request] } : difference;
  }
  if (expected.count !== actual.count) {
    return { text: `the count is ${actual.count}, but there were ${expected.count} keys`, blamed: [request] };
  }
  if (expected.more !== actual.more) {
    return { text: `"more" is ${actual.more}, but should be ${expected.more}`, blamed: [request] };
  }
  return null;
}

/** Compares key-value pairs in their order. */
export function differenceOfLists(
  expected: readonly KeyValue[],
  actual: readonly KeyValue[],
  range: KeyRange,
  keysOnly = false,
): Discrepancy | null {
  if (expected.length === actual.length && expected.every((kv, at) => isSame(kv, actual[at] as KeyValue, keysOnly))) {
    return null;
  }
  const byKey = new Map(expected.map((kv) => [kv.key, kv]));
  const told = new Map(actual.map((kv) => [kv.key, kv]));
  const texts: string[] = [];
  const blamed: KeyRange[] = [];
  for (const key of new Set([...byKey.keys(), ...told.keys()])) {
    const should = byKey.get(key) ?? null;
    const is = told.get(key) ?? null;
    if (should !== null && is !== null && isSame(should, is, keysOnly)) continue;
    texts.push(differenceText(key, should, is));
    blamed.push({ key, rangeEnd: "" });
  }
  if (texts.length === 0) return { text: "keys are told twice or in a wrong order", blamed: [range] };
  return { text: texts.slice(0, 3).join("; "), blamed };
}

/** Says what is told of a key, and what it should be. */
export function differenceText(key: ByteString, expected: KeyValue | null, actual: KeyValue | null): string {
  const told = actual === null ? `no ${quoted(key)}` : kvText(actual);
  const should = expected === null ? `there was no ${quoted(key)}` : `it was ${kvText(expected)}`;
  return `${told} is told, but ${should}`;
}

export function isSame(a: KeyValue, b: KeyValue, keysOnly = false): boolean {
  return (
    a.key === b.key &&
    a.modRevision === b.modRevision &&
    a.createRevision === b.createRevision &&
    a.version === b.version &&
    a.lease === b.lease &&
    (keysOnly || a.value === b.value)
  );
}

export function isSameOrNone(a: KeyValue | null, b: KeyValue | null): boolean {
  return a === null || b === null ? a === b : isSame(a, b);
}
