/**
 * The wire: etcd v3's hot messages to bytes and back.
 *
 * For: the KV service, key-value pairs, and what watchers are sent. Written by hand because the generated code (in
 * `gen/`, for all other messages) is several times slower and has a bigint for each revision.
 *
 * Promises: what is encoded here every protobuf implementation reads, and the other way round; decoding any bytes
 * gives a message or a `QuorateError`, in time and memory bounded by their number; unknown fields are passed over.
 *
 * Must not know what the messages mean: no check of a key, a limit or a permission is made here.
 *
 * An encoded message is cut from a chunk of memory that others share: keep it or write it, do not transfer its buffer.
 * Encoding `number`s that are not whole or not below 2^53 is an `InvariantViolation`.
 */
export { decodeKeyValue, encodeKeyValue } from "./key-value-codec.ts";
export {
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  encodeCompactionRequest,
  encodeDeleteRangeRequest,
  encodePutRequest,
  encodeRangeRequest,
} from "./request-codec.ts";
export {
  decodeCompactionResponse,
  decodeDeleteRangeResponse,
  decodePutResponse,
  decodeRangeResponse,
  decodeRangeStreamResponse,
  decodeTxnResponse,
  encodeCompactionResponse,
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeRangeStreamResponse,
  encodeTxnResponse,
  type Response,
} from "./response-codec.ts";
export { decodeTxnRequest, encodeTxnRequest, MAX_TXN_DEPTH } from "./txn-request-codec.ts";
export { decodeWatchResponse, encodeWatchResponse } from "./watch-codec.ts";
