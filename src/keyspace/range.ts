/**
 * Range requests, with etcd's exact meaning (`server/etcdserver/txn/range.go` of 3.7):
 *
 * - `count` is the number of keys in the range, whatever limit and revision filters leave of them;
 * - `more` says that the limit cut something off, after the filters;
 * - the limit cuts the sorted result; only when the order is NONE it is applied, plus one, before sorting (so a target
 *   without an order sorts the first limit + 1 keys, ascending).
 */
import {
  type ByteString,
  type KeyValue,
  type RangeRequest,
  type RangeResult,
  SortOrder,
  SortTarget,
} from "../wire/kv.ts";
import { etcdErrors } from "./etcd-errors.ts";
import type { Mvcc } from "./mvcc.ts";
import type { KeyRecord } from "./record.ts";

/** As a range's end: there is none. */
const NO_END = "\0";

/** Where a range ends: before this key, or null: nowhere. `rangeEnd` must not be "". */
export function upperBound(rangeEnd: ByteString): ByteString | null {
  return rangeEnd === NO_END ? null : rangeEnd;
}

/** Which revision a read is of. @throws QuorateError if it is compacted or lies in the future */
export function readableRevision(mvcc: Mvcc, revision: number): number {
  const now = mvcc.readRevision;
  if (revision > now) throw etcdErrors.futureRevision();
  const wanted = revision <= 0 ? now : revision;
  if (wanted < mvcc.compactRevision) throw etcdErrors.compacted();
  return wanted;
}

/** Answers a range request. @throws QuorateError if its revision is compacted or lies in the future */
export function executeRange(mvcc: Mvcc, request: RangeRequest): RangeResult {
  const revision = readableRevision(mvcc, request.revision);
  const current = revision === mvcc.readRevision;
  const { keysOnly } = request;
  if (request.rangeEnd === "") {
    const record = current ? mvcc.get(request.key) : mvcc.getAt(request.key, revision);
    if (request.countOnly || record === null) return { kvs: [], more: false, count: record === null ? 0 : 1, keysOnly };
    const kvs = passesFilters(record, request) ? [record] : [];
    return { kvs, more: false, count: 1, keysOnly };
  }
  if (request.countOnly) return { kvs: [], more: false, count: countKeys(mvcc, request, revision), keysOnly };

  const filtered = hasFilters(request);
  const { sortOrder, sortTarget, limit } = request;
  const descendingKeys = sortOrder === SortOrder.descend && sortTarget === SortTarget.key;
  const early = limit > 0 && !filtered && (sortsNothing(request) || (descendingKeys && current));
  const { kvs, count } = collect(mvcc, request, revision, early ? limit + 1 : 0, descendingKeys && current);
  if (descendingKeys && !current) kvs.reverse();
  const passing = filtered ? kvs.filter((kv) => passesFilters(kv, request)) : kvs;
  if (sortTarget !== SortTarget.key) sortByTarget(passing, sortTarget, sortOrder === SortOrder.descend);
  const more = limit > 0 && passing.length > limit;
  if (more) passing.length = limit;
  return { kvs: passing, more, count, keysOnly };
}

/** Keys in the range at a readable revision. */
function countKeys(mvcc: Mvcc, request: RangeRequest, revision: number): number {
  const to = upperBound(request.rangeEnd);
  if (revision === mvcc.readRevision) return mvcc.count(request.key, to);
  let count = 0;
  mvcc.visitAt(request.key, to, revision, () => {
    count++;
    return true;
  });
  return count;
}

/** The first `cap` (0: all) key-value pairs of a range and the number of all. */
function collect(
  mvcc: Mvcc,
  request: RangeRequest,
  revision: number,
  cap: number,
  descending: boolean,
): { kvs: KeyRecord[]; count: number } {
  const to = upperBound(request.rangeEnd);
  const kvs: KeyRecord[] = [];
  if (revision !== mvcc.readRevision) {
    let count = 0;
    mvcc.visitAt(request.key, to, revision, (record) => {
      count++;
      if (cap === 0 || count <= cap) kvs.push(record);
      return true;
    });
    return { kvs, count };
  }
  const take = (record: KeyRecord): boolean => kvs.push(record) !== cap;
  if (descending) mvcc.visitDescending(request.key, to, take);
  else mvcc.visit(request.key, to, take);
  return { kvs, count: cap > 0 && kvs.length === cap ? mvcc.count(request.key, to) : kvs.length };
}

/** Whether the limit may be applied before sorting. */
function sortsNothing({ sortOrder, sortTarget }: RangeRequest): boolean {
  return sortOrder === SortOrder.none || (sortOrder === SortOrder.ascend && sortTarget === SortTarget.key);
}

/** Whether a request filters by revision. */
export function hasFilters(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

function passesFilters(kv: KeyValue, request: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return (
    (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
    (minModRevision === 0 || kv.modRevision >= minModRevision) &&
    (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision) &&
    (minCreateRevision === 0 || kv.createRevision >= minCreateRevision)
  );
}

/** Sorts by something else than the key; equal ones stay in order of key, or in the reverse of it. */
function sortByTarget(kvs: KeyRecord[], target: number, descending: boolean): void {
  const compare = comparison(target);
  if (compare === null) return;
  kvs.sort(descending ? (a, b) => compare(b, a) : compare);
}

function comparison(target: number): ((a: KeyValue, b: KeyValue) => number) | null {
  switch (target) {
    case SortTarget.version:
      return (a, b) => a.version - b.version;
    case SortTarget.create:
      return (a, b) => a.createRevision - b.createRevision;
    case SortTarget.mod:
      return (a, b) => a.modRevision - b.modRevision;
    case SortTarget.value:
      return (a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0);
    default:
      return null;
  }
}
