/**
 * The KV service's responses: a header and a result. All begin with `1 header`.
 *
 *     RangeResponse       { 2 kvs*, 3 more, 4 count }      RangeStreamResponse { 1 range_response }
 *     PutResponse         { 2 prev_kv }                    DeleteRangeResponse { 2 deleted, 3 prev_kvs* }
 *     TxnResponse         { 2 succeeded, 3 responses* }    CompactionResponse  { }
 *     ResponseOp          oneof { 1 range, 2 put, 3 delete_range, 4 txn }
 *
 * A header of null is left out: so are those of all pieces of a streamed range but the last.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import {
  decoded,
  NO_HEADER,
  readHeaderField,
  readKeyValue,
  writeHeaderField,
  writeKeyValueField,
  writer,
} from "./key-value-codec.ts";
import type {
  DeleteRangeResult,
  KeyValue,
  PutResult,
  RangeResult,
  ResponseHeader,
  ResponseOp,
  TxnResult,
} from "./kv.ts";
import type { Reader } from "./reader.ts";
import { MAX_TXN_DEPTH } from "./txn-request-codec.ts";
import type { Writer } from "./writer.ts";

/** What a client gets back. A header that was not sent is all zero. */
export interface Response<R> {
  readonly header: ResponseHeader;
  readonly result: R;
}

const NO_RANGE_RESPONSE: Response<RangeResult> = {
  header: NO_HEADER,
  result: { kvs: [], more: false, count: 0, keysOnly: false },
};
const NO_PUT_RESPONSE: Response<PutResult> = { header: NO_HEADER, result: { prevKv: null } };
const NO_DELETE_RESPONSE: Response<DeleteRangeResult> = { header: NO_HEADER, result: { deleted: 0, prevKvs: [] } };
const NO_TXN_RESPONSE: Response<TxnResult> = { header: NO_HEADER, result: { succeeded: false, responses: [] } };

function writeKeyValues(w: Writer, tag: number, kvs: readonly KeyValue[], keysOnly: boolean): void {
  for (let i = kvs.length - 1; i >= 0; i--) {
    const kv = kvs[i];
    if (kv !== undefined) writeKeyValueField(w, tag, kv, keysOnly);
  }
}

function writeRangeResponse(w: Writer, header: ResponseHeader | null, result: RangeResult): void {
  if (result.count !== 0) {
    w.varint(result.count);
    w.tag(0x20);
  }
  if (result.more) {
    w.varint(1);
    w.tag(0x18);
  }
  writeKeyValues(w, 0x12, result.kvs, result.keysOnly);
  if (header !== null) writeHeaderField(w, header);
}

function readRangeResponse(r: Reader, end: number, from = NO_RANGE_RESPONSE): Response<RangeResult> {
  let header = from.header;
  const kvs = [...from.result.kvs];
  let { more, count } = from.result;
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        header = readHeaderField(r, end, header);
        break;
      case 0x12:
        kvs.push(readKeyValue(r, r.lengthDelimited(end)));
        break;
      case 0x18:
        more = r.bool(end);
        break;
      case 0x20:
        count = r.number(end);
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { header, result: { kvs, more, count, keysOnly: false } };
}

function writePutResponse(w: Writer, header: ResponseHeader, result: PutResult): void {
  if (result.prevKv !== null) writeKeyValueField(w, 0x12, result.prevKv);
  writeHeaderField(w, header);
}

function readPutResponse(r: Reader, end: number, from = NO_PUT_RESPONSE): Response<PutResult> {
  let header = from.header;
  let prevKv = from.result.prevKv;
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        header = readHeaderField(r, end, header);
        break;
      case 0x12:
        prevKv = readKeyValue(r, r.lengthDelimited(end), prevKv ?? undefined);
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { header, result: { prevKv } };
}

function writeDeleteRangeResponse(w: Writer, header: ResponseHeader, result: DeleteRangeResult): void {
  writeKeyValues(w, 0x1a, result.prevKvs, false);
  if (result.deleted !== 0) {
    w.varint(result.deleted);
    w.tag(0x10);
  }
  writeHeaderField(w, header);
}

function readDeleteRangeResponse(r: Reader, end: number, from = NO_DELETE_RESPONSE): Response<DeleteRangeResult> {
  let header = from.header;
  let deleted = from.result.deleted;
  const prevKvs = [...from.result.prevKvs];
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        header = readHeaderField(r, end, header);
        break;
      case 0x10:
        deleted = r.number(end);
        break;
      case 0x1a:
        prevKvs.push(readKeyValue(r, r.lengthDelimited(end)));
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { header, result: { deleted, prevKvs } };
}

function writeResponseOp(w: Writer, op: ResponseOp): void {
  const mark = w.written;
  const header: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: op.revision, raftTerm: 0 };
  switch (op.type) {
    case "range":
      writeRangeResponse(w, header, op.result);
      w.lengthSince(mark);
      w.tag(0x0a);
      return;
    case "put":
      writePutResponse(w, header, op.result);
      w.lengthSince(mark);
      w.tag(0x12);
      return;
    case "deleteRange":
      writeDeleteRangeResponse(w, header, op.result);
      w.lengthSince(mark);
      w.tag(0x1a);
      return;
    case "txn":
      writeTxnResponse(w, header, op.result);
      w.lengthSince(mark);
      w.tag(0x22);
  }
}

function readResponseOp(r: Reader, end: number, depth: number): ResponseOp {
  const start = r.position;
  let op: ResponseOp | null = null;
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        op = responseOp("range", readRangeResponse(r, r.lengthDelimited(end), earlier(op, "range")));
        break;
      case 0x12:
        op = responseOp("put", readPutResponse(r, r.lengthDelimited(end), earlier(op, "put")));
        break;
      case 0x1a:
        op = responseOp("deleteRange", readDeleteRangeResponse(r, r.lengthDelimited(end), earlier(op, "deleteRange")));
        break;
      case 0x22:
        op = responseOp("txn", readTxnResponse(r, r.lengthDelimited(end), earlier(op, "txn"), depth + 1));
        break;
      default:
        r.skip(tag, end);
    }
  }
  if (op === null) throw r.malformed("an operation's response without content", start);
  return op;
}

type ResultOf<T extends ResponseOp["type"]> = Extract<ResponseOp, { type: T }>["result"];

function responseOp<T extends ResponseOp["type"]>(type: T, response: Response<ResultOf<T>>): ResponseOp {
  return { type, revision: response.header.revision, result: response.result } as ResponseOp;
}

/** The same oneof member read before, onto which the next one is merged. */
function earlier<T extends ResponseOp["type"]>(op: ResponseOp | null, type: T): Response<ResultOf<T>> | undefined {
  if (op === null || op.type !== type) return undefined;
  return { header: { ...NO_HEADER, revision: op.revision }, result: op.result as ResultOf<T> };
}

function writeTxnResponse(w: Writer, header: ResponseHeader, result: TxnResult): void {
  for (let i = result.responses.length - 1; i >= 0; i--) {
    const op = result.responses[i];
    if (op === undefined) continue;
    const mark = w.written;
    writeResponseOp(w, op);
    w.lengthSince(mark);
    w.tag(0x1a);
  }
  if (result.succeeded) {
    w.varint(1);
    w.tag(0x10);
  }
  writeHeaderField(w, header);
}

function readTxnResponse(r: Reader, end: number, from = NO_TXN_RESPONSE, depth = 1): Response<TxnResult> {
  if (depth > MAX_TXN_DEPTH) {
    throw new QuorateError(
      "TXN_TOO_DEEP",
      GrpcStatus.internal,
      `the transaction's response nests more than ${MAX_TXN_DEPTH} deep`,
    );
  }
  let header = from.header;
  let succeeded = from.result.succeeded;
  const responses = [...from.result.responses];
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        header = readHeaderField(r, end, header);
        break;
      case 0x10:
        succeeded = r.bool(end);
        break;
      case 0x1a:
        responses.push(readResponseOp(r, r.lengthDelimited(end), depth));
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { header, result: { succeeded, responses } };
}

/** Reads a message of which only the field 1, a header, or a whole response, is known. */
function readHeaderOnly(r: Reader, end: number): ResponseHeader {
  let header = NO_HEADER;
  while (r.position < end) {
    const tag = r.tag(end);
    if (tag === 0x0a) header = readHeaderField(r, end, header);
    else r.skip(tag, end);
  }
  return header;
}

export function encodeRangeResponse(header: ResponseHeader, result: RangeResult): Uint8Array {
  writer.begin();
  writeRangeResponse(writer, header, result);
  return writer.finish();
}

/** @throws QuorateError MALFORMED_RESPONSE */
export function decodeRangeResponse(bytes: Uint8Array): Response<RangeResult> {
  return decoded(readRangeResponse, bytes, "response");
}

/** A piece of a streamed range. Only the last one has a header, a count and `more`. */
export function encodeRangeStreamResponse(header: ResponseHeader | null, result: RangeResult): Uint8Array {
  writer.begin();
  writeRangeResponse(writer, header, result);
  writer.lengthSince(0);
  writer.tag(0x0a);
  return writer.finish();
}

/** @throws QuorateError MALFORMED_RESPONSE */
export function decodeRangeStreamResponse(bytes: Uint8Array): Response<RangeResult> {
  return decoded(
    (r, end) => {
      let response = NO_RANGE_RESPONSE;
      while (r.position < end) {
        const tag = r.tag(end);
        if (tag === 0x0a) response = readRangeResponse(r, r.lengthDelimited(end), response);
        else r.skip(tag, end);
      }
      return response;
    },
    bytes,
    "response",
  );
}

export function encodePutResponse(header: ResponseHeader, result: PutResult): Uint8Array {
  writer.begin();
  writePutResponse(writer, header, result);
  return writer.finish();
}

/** @throws QuorateError MALFORMED_RESPONSE */
export function decodePutResponse(bytes: Uint8Array): Response<PutResult> {
  return decoded(readPutResponse, bytes, "response");
}

export function encodeDeleteRangeResponse(header: ResponseHeader, result: DeleteRangeResult): Uint8Array {
  writer.begin();
  writeDeleteRangeResponse(writer, header, result);
  return writer.finish();
}

/** @throws QuorateError MALFORMED_RESPONSE */
export function decodeDeleteRangeResponse(bytes: Uint8Array): Response<DeleteRangeResult> {
  return decoded(readDeleteRangeResponse, bytes, "response");
}

export function encodeTxnResponse(header: ResponseHeader, result: TxnResult): Uint8Array {
  writer.begin();
  writeTxnResponse(writer, header, result);
  return writer.finish();
}

/** @throws QuorateError MALFORMED_RESPONSE, TXN_TOO_DEEP */
export function decodeTxnResponse(bytes: Uint8Array): Response<TxnResult> {
  return decoded(readTxnResponse, bytes, "response");
}

export function encodeCompactionResponse(header: ResponseHeader): Uint8Array {
  writer.begin();
  writeHeaderField(writer, header);
  return writer.finish();
}

/** @throws QuorateError MALFORMED_RESPONSE */
export function decodeCompactionResponse(bytes: Uint8Array): ResponseHeader {
  return decoded(readHeaderOnly, bytes, "response");
}
