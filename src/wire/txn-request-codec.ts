/**
 * The KV service's transactions.
 *
 *     TxnRequest { 1 compare*, 2 success*, 3 failure* }
 *     RequestOp  oneof { 1 range, 2 put, 3 delete_range, 4 txn }
 *     Compare    { 1 result, 2 target, 3 key, oneof { 4 version, 5 create, 6 mod, 7 value, 8 lease }, 64 range_end }
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import { decoded, encoded } from "./key-value-codec.ts";
import { type Compare, CompareTarget, type RequestOp, type TxnRequest } from "./kv.ts";
import type { Reader } from "./reader.ts";
import {
  readDeleteRangeRequest,
  readPutRequest,
  readRangeRequest,
  writeBytes,
  writeDeleteRangeRequest,
  writePutRequest,
  writeRangeRequest,
} from "./request-codec.ts";
import type { Writer } from "./writer.ts";

/**
 * Transactions within transactions, the outermost counted. Far above any use, and far below what the stack bears:
 * a few bytes a level would otherwise let a small request nest deep.
 */
export const MAX_TXN_DEPTH = 32;

const NO_TXN: TxnRequest = { compare: [], success: [], failure: [] };

function writeCompare(w: Writer, compare: Compare): void {
  if (compare.rangeEnd !== "") {
    w.byteString(compare.rangeEnd);
    // Field 64: a tag of two bytes, 0x82 0x04, written last byte first.
    w.tag(0x04);
    w.tag(0x82);
  }
  writeComparand(w, compare);
  writeBytes(w, 0x1a, compare.key);
  if (compare.target !== 0) {
    w.varint(compare.target);
    w.tag(0x10);
  }
  if (compare.result !== 0) {
    w.varint(compare.result);
    w.tag(0x08);
  }
}

/** The member of the oneof that belongs to the target, also when it is zero: so do etcd's clients. */
function writeComparand(w: Writer, compare: Compare): void {
  switch (compare.target) {
    case CompareTarget.version:
      w.varint(compare.version);
      w.tag(0x20);
      return;
    case CompareTarget.create:
      w.varint(compare.createRevision);
      w.tag(0x28);
      return;
    case CompareTarget.mod:
      w.varint(compare.modRevision);
      w.tag(0x30);
      return;
    case CompareTarget.value:
      w.byteString(compare.value);
      w.tag(0x3a);
      return;
    case CompareTarget.lease:
      w.varint64(compare.lease);
      w.tag(0x40);
  }
}

function readCompare(r: Reader, end: number): Compare {
  let result = 0;
  let target = 0;
  let key = "";
  let rangeEnd = "";
  let version = 0;
  let createRevision = 0;
  let modRevision = 0;
  let value = "";
  let lease = 0n;
  while (r.position < end) {
    const tag = r.tag(end);
    if (tag >= 0x20 && tag <= 0x40 && (tag === 0x3a || (tag & 7) === 0) && tag !== 0x38) {
      // Of a oneof only what came last counts.
      version = 0;
      createRevision = 0;
      modRevision = 0;
      value = "";
      lease = 0n;
    }
    switch (tag) {
      case 0x08:
        result = r.int32(end);
        break;
      case 0x10:
        target = r.int32(end);
        break;
      case 0x1a:
        key = r.byteString(end);
        break;
      case 0x20:
        version = r.bound(end);
        break;
      case 0x28:
        createRevision = r.bound(end);
        break;
      case 0x30:
        modRevision = r.bound(end);
        break;
      case 0x3a:
        value = r.byteString(end);
        break;
      case 0x40:
        lease = r.int64(end);
        break;
      case 0x202:
        rangeEnd = r.byteString(end);
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { result, target, key, rangeEnd, version, createRevision, modRevision, value, lease };
}

function writeRequestOp(w: Writer, op: RequestOp): void {
  const mark = w.written;
  switch (op.type) {
    case "range":
      writeRangeRequest(w, op.request);
      w.lengthSince(mark);
      w.tag(0x0a);
      return;
    case "put":
      writePutRequest(w, op.request);
      w.lengthSince(mark);
      w.tag(0x12);
      return;
    case "deleteRange":
      writeDeleteRangeRequest(w, op.request);
      w.lengthSince(mark);
      w.tag(0x1a);
      return;
    case "txn":
      writeTxnRequest(w, op.request);
      w.lengthSince(mark);
      w.tag(0x22);
      return;
    case "empty":
  }
}

/** The last kind of request counts; two of the same kind in a row are merged. */
function readRequestOp(r: Reader, end: number, depth: number): RequestOp {
  let op: RequestOp = { type: "empty" };
  while (r.position < end) op = readRequestOpField(r, end, op, depth);
  return op;
}

function readRequestOpField(r: Reader, end: number, from: RequestOp, depth: number): RequestOp {
  const tag = r.tag(end);
  switch (tag) {
    case 0x0a: {
      const stop = r.lengthDelimited(end);
      return { type: "range", request: readRangeRequest(r, stop, from.type === "range" ? from.request : undefined) };
    }
    case 0x12: {
      const stop = r.lengthDelimited(end);
      return { type: "put", request: readPutRequest(r, stop, from.type === "put" ? from.request : undefined) };
    }
    case 0x1a: {
      const stop = r.lengthDelimited(end);
      const earlier = from.type === "deleteRange" ? from.request : undefined;
      return { type: "deleteRange", request: readDeleteRangeRequest(r, stop, earlier) };
    }
    case 0x22: {
      const stop = r.lengthDelimited(end);
      const earlier = from.type === "txn" ? from.request : NO_TXN;
      return { type: "txn", request: readTxnRequest(r, stop, earlier, depth + 1) };
    }
    default:
      r.skip(tag, end);
      return from;
  }
}

export function writeTxnRequest(w: Writer, request: TxnRequest): void {
  for (let i = request.failure.length - 1; i >= 0; i--) writeRequestOpField(w, 0x1a, request.failure[i]);
  for (let i = request.success.length - 1; i >= 0; i--) writeRequestOpField(w, 0x12, request.success[i]);
  for (let i = request.compare.length - 1; i >= 0; i--) {
    const compare = request.compare[i];
    if (compare === undefined) continue;
    const mark = w.written;
    writeCompare(w, compare);
    w.lengthSince(mark);
    w.tag(0x0a);
  }
}

function writeRequestOpField(w: Writer, tag: number, op: RequestOp | undefined): void {
  if (op === undefined) return;
  const mark = w.written;
  writeRequestOp(w, op);
  w.lengthSince(mark);
  w.tag(tag);
}

export function readTxnRequest(r: Reader, end: number, from: TxnRequest, depth: number): TxnRequest {
  if (depth > MAX_TXN_DEPTH) {
    throw new QuorateError(
      "TXN_TOO_DEEP",
      GrpcStatus.invalidArgument,
      `the transaction nests more than ${MAX_TXN_DEPTH} deep: use fewer levels`,
    );
  }
  const compare = [...from.compare];
  const success = [...from.success];
  const failure = [...from.failure];
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        compare.push(readCompare(r, r.lengthDelimited(end)));
        break;
      case 0x12:
        success.push(readRequestOp(r, r.lengthDelimited(end), depth));
        break;
      case 0x1a:
        failure.push(readRequestOp(r, r.lengthDelimited(end), depth));
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { compare, success, failure };
}

export function encodeTxnRequest(request: TxnRequest): Uint8Array {
  return encoded(writeTxnRequest, request);
}

/** @throws QuorateError MALFORMED_REQUEST, TXN_TOO_DEEP */
export function decodeTxnRequest(bytes: Uint8Array): TxnRequest {
  return decoded((r, end) => readTxnRequest(r, end, NO_TXN, 1), bytes, "request");
}
