/**
 * A range in pages, for answers that are sent as a stream: all pages show one revision, none holds more than it must,
 * and the keyspace goes on in between. Only the last page knows `count` and `more`, as in etcd.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
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
import { executeRange, hasFilters, readableRevision, upperBound } from "./range.ts";
import type { KeyRecord } from "./record.ts";

/** What a key-value pair costs in a message beside key and value, at most (bytes). */
const MAX_FRAME_BYTES = 64;

/**
 * @param maxBytes of key-value pairs in one page; a single pair may exceed it
 * @throws QuorateError if the revision is compacted (also from `next`, if it becomes so) or lies in the future, or if
 * the request sorts or filters, which a stream cannot
 */
export function rangePages(
  mvcc: Mvcc,
  request: RangeRequest,
  maxBytes: number,
): Generator<RangeResult, void, undefined> {
  const { sortOrder, sortTarget } = request;
  if (sortOrder === SortOrder.descend || sortTarget !== SortTarget.key || hasFilters(request)) {
    throw new QuorateError(
      "UNIMPLEMENTED",
      GrpcStatus.unimplemented,
      "a range stream is in order of keys and without revision filters; use Range for others",
    );
  }
  const revision = readableRevision(mvcc, request.revision);
  return pages(mvcc, { ...request, revision }, maxBytes);
}

function* pages(mvcc: Mvcc, request: RangeRequest, maxBytes: number): Generator<RangeResult, void, undefined> {
  if (request.rangeEnd === "" || request.countOnly) {
    yield executeRange(mvcc, request);
    return;
  }
  const { revision, keysOnly, limit } = request;
  const to = upperBound(request.rangeEnd);
  const { count } = executeRange(mvcc, { ...request, countOnly: true });
  const wanted = limit > 0 ? Math.min(limit, count) : count;
  let sent = 0;
  let from = request.key;
  do {
    if (revision < mvcc.compactRevision) throw etcdErrors.compacted();
    const kvs = page(mvcc, from, to, revision, wanted - sent, maxBytes, keysOnly);
    sent += kvs.length;
    const last = kvs.at(-1);
    if (last !== undefined) from = `${last.key}\0`;
    const isLast = sent >= wanted;
    yield { kvs, more: isLast && count > wanted, count: isLast ? count : 0, keysOnly };
  } while (sent < wanted);
}

function page(
  mvcc: Mvcc,
  from: ByteString,
  to: ByteString | null,
  revision: number,
  maxKeys: number,
  maxBytes: number,
  keysOnly: boolean,
): readonly KeyValue[] {
  const kvs: KeyRecord[] = [];
  let bytes = 0;
  const visit = (record: KeyRecord): boolean => {
    bytes += record.key.length + (keysOnly ? 0 : record.value.length) + MAX_FRAME_BYTES;
    if (bytes > maxBytes && kvs.length > 0) return false;
    kvs.push(record);
    return kvs.length < maxKeys;
  };
  if (maxKeys > 0) {
    if (revision === mvcc.readRevision) mvcc.visit(from, to, visit);
    else mvcc.visitAt(from, to, revision, visit);
  }
  return kvs;
}
