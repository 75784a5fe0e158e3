/**
 * The KV service's requests.
 *
 *     RangeRequest       { 1 key, 2 range_end, 3 limit, 4 revision, 5 sort_order, 6 sort_target, 7 serializable,
 *                          8 keys_only, 9 count_only, 10 min_mod, 11 max_mod, 12 min_create, 13 max_create }
 *     PutRequest         { 1 key, 2 value, 3 lease, 4 prev_kv, 5 ignore_value, 6 ignore_lease }
 *     DeleteRangeRequest { 1 key, 2 range_end, 3 prev_kv }
 *     CompactionRequest  { 1 revision, 2 physical }
 *
 * Revisions, limits and comparands beyond 2^53 are read as the largest safe number: see `Reader.bound`.
 */
import { decoded, encoded } from "./key-value-codec.ts";
import type { CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest } from "./kv.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** What every optional field of a range is when it is not sent. */
export const NO_RANGE: RangeRequest = {
  key: "",
  rangeEnd: "",
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: false,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};

const NO_PUT: PutRequest = { key: "", value: "", lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };

const NO_DELETE_RANGE: DeleteRangeRequest = { key: "", rangeEnd: "", prevKv: false };

function writeNumber(w: Writer, tag: number, value: number): void {
  if (value === 0) return;
  w.varint(value);
  w.tag(tag);
}

function writeFlag(w: Writer, tag: number, value: boolean): void {
  if (!value) return;
  w.varint(1);
  w.tag(tag);
}

export function writeRangeRequest(w: Writer, request: RangeRequest): void {
  writeNumber(w, 0x68, request.maxCreateRevision);
  writeNumber(w, 0x60, request.minCreateRevision);
  writeNumber(w, 0x58, request.maxModRevision);
  writeNumber(w, 0x50, request.minModRevision);
  writeFlag(w, 0x48, request.countOnly);
  writeFlag(w, 0x40, request.keysOnly);
  writeFlag(w, 0x38, request.serializable);
  writeNumber(w, 0x30, request.sortTarget);
  writeNumber(w, 0x28, request.sortOrder);
  writeNumber(w, 0x20, request.revision);
  writeNumber(w, 0x18, request.limit);
  writeBytes(w, 0x12, request.rangeEnd);
  writeBytes(w, 0x0a, request.key);
}

export function readRangeRequest(r: Reader, end: number, from: RangeRequest = NO_RANGE): RangeRequest {
  let { key, rangeEnd, limit, revision, sortOrder, sortTarget, serializable, keysOnly, countOnly } = from;
  let { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = from;
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        key = r.byteString(end);
        break;
      case 0x12:
        rangeEnd = r.byteString(end);
        break;
      case 0x18:
        limit = r.bound(end);
        break;
      case 0x20:
        revision = r.bound(end);
        break;
      case 0x28:
        sortOrder = r.int32(end);
        break;
      case 0x30:
        sortTarget = r.int32(end);
        break;
      case 0x38:
        serializable = r.bool(end);
        break;
      case 0x40:
        keysOnly = r.bool(end);
        break;
      case 0x48:
        countOnly = r.bool(end);
        break;
      case 0x50:
        minModRevision = r.bound(end);
        break;
      case 0x58:
        maxModRevision = r.bound(end);
        break;
      case 0x60:
        minCreateRevision = r.bound(end);
        break;
      case 0x68:
        maxCreateRevision = r.bound(end);
        break;
      default:
        r.skip(tag, end);
    }
  }
  return {
    key,
    rangeEnd,
    limit,
    revision,
    sortOrder,
    sortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  };
}

/** A bytes field, unless it is empty. */
export function writeBytes(w: Writer, tag: number, value: string): void {
  if (value === "") return;
  w.byteString(value);
  w.tag(tag);
}

export function writePutRequest(w: Writer, request: PutRequest): void {
  writeFlag(w, 0x30, request.ignoreLease);
  writeFlag(w, 0x28, request.ignoreValue);
  writeFlag(w, 0x20, request.prevKv);
  if (request.lease !== 0n) {
    w.varint64(request.lease);
    w.tag(0x18);
  }
  writeBytes(w, 0x12, request.value);
  writeBytes(w, 0x0a, request.key);
}

export function readPutRequest(r: Reader, end: number, from: PutRequest = NO_PUT): PutRequest {
  let { key, value, lease, prevKv, ignoreValue, ignoreLease } = from;
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        key = r.byteString(end);
        break;
      case 0x12:
        value = r.byteString(end);
        break;
      case 0x18:
        lease = r.int64(end);
        break;
      case 0x20:
        prevKv = r.bool(end);
        break;
      case 0x28:
        ignoreValue = r.bool(end);
        break;
      case 0x30:
        ignoreLease = r.bool(end);
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { key, value, lease, prevKv, ignoreValue, ignoreLease };
}

export function writeDeleteRangeRequest(w: Writer, request: DeleteRangeRequest): void {
  writeFlag(w, 0x18, request.prevKv);
  writeBytes(w, 0x12, request.rangeEnd);
  writeBytes(w, 0x0a, request.key);
}

export function readDeleteRangeRequest(
  r: Reader,
  end: number,
  from: DeleteRangeRequest = NO_DELETE_RANGE,
): DeleteRangeRequest {
  let { key, rangeEnd, prevKv } = from;
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        key = r.byteString(end);
        break;
      case 0x12:
        rangeEnd = r.byteString(end);
        break;
      case 0x18:
        prevKv = r.bool(end);
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { key, rangeEnd, prevKv };
}

function writeCompactionRequest(w: Writer, request: CompactionRequest): void {
  writeFlag(w, 0x10, request.physical);
  writeNumber(w, 0x08, request.revision);
}

function readCompactionRequest(r: Reader, end: number): CompactionRequest {
  let revision = 0;
  let physical = false;
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x08:
        revision = r.bound(end);
        break;
      case 0x10:
        physical = r.bool(end);
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { revision, physical };
}

export function encodeRangeRequest(request: RangeRequest): Uint8Array {
  return encoded(writeRangeRequest, request);
}

/** @throws QuorateError MALFORMED_REQUEST */
export function decodeRangeRequest(bytes: Uint8Array): RangeRequest {
  return decoded(readRangeRequest, bytes, "request");
}

export function encodePutRequest(request: PutRequest): Uint8Array {
  return encoded(writePutRequest, request);
}

/** @throws QuorateError MALFORMED_REQUEST */
export function decodePutRequest(bytes: Uint8Array): PutRequest {
  return decoded(readPutRequest, bytes, "request");
}

export function encodeDeleteRangeRequest(request: DeleteRangeRequest): Uint8Array {
  return encoded(writeDeleteRangeRequest, request);
}

/** @throws QuorateError MALFORMED_REQUEST */
export function decodeDeleteRangeRequest(bytes: Uint8Array): DeleteRangeRequest {
  return decoded(readDeleteRangeRequest, bytes, "request");
}

export function encodeCompactionRequest(request: CompactionRequest): Uint8Array {
  return encoded(writeCompactionRequest, request);
}

/** @throws QuorateError MALFORMED_REQUEST */
export function decodeCompactionRequest(bytes: Uint8Array): CompactionRequest {
  return decoded(readCompactionRequest, bytes, "request");
}
