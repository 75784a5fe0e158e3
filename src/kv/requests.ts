/** Requests and comparisons of etcd's KV service, with everything left out that is not said. Keys are byte strings. */
import { GrpcStatus, QuorateError } from "../errors.ts";
import {
  type ByteString,
  type Compare,
  CompareResult,
  CompareTarget,
  type DeleteRangeRequest,
  type LeaseId,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type ResponseOp,
  SortOrder,
  SortTarget,
} from "../wire/kv.ts";

/** All keys from `from` on, as a range's end. */
export const NO_END: ByteString = "\0";

/** The end of the range of all keys that begin with `prefix`; of "": all keys. */
export function prefixEnd(prefix: ByteString): ByteString {
  // The last byte that can be one higher; those behind it are 0xff.
  let at = prefix.length - 1;
  while (at >= 0 && prefix.charCodeAt(at) === 0xff) at--;
  if (at < 0) return NO_END;
  return prefix.slice(0, at) + String.fromCharCode(prefix.charCodeAt(at) + 1);
}

/** `key` and `rangeEnd` of all keys that begin with a prefix. */
export function prefixRange(prefix: ByteString): { readonly key: ByteString; readonly rangeEnd: ByteString } {
  return { key: prefix === "" ? NO_END : prefix, rangeEnd: prefixEnd(prefix) };
}

export function rangeRequest(key: ByteString, options: Partial<Omit<RangeRequest, "key">> = {}): RangeRequest {
  return {
    key,
    rangeEnd: "",
    limit: 0,
    revision: 0,
    sortOrder: SortOrder.none,
    sortTarget: SortTarget.key,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...options,
  };
}

export function putRequest(key: ByteString, value: ByteString, lease: LeaseId = 0n): PutRequest {
  return { key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false };
}

export function deleteRequest(key: ByteString, rangeEnd: ByteString = ""): DeleteRangeRequest {
  return { key, rangeEnd, prevKv: false };
}

export function getOp(key: ByteString, options: Partial<Omit<RangeRequest, "key">> = {}): RequestOp {
  return { type: "range", request: rangeRequest(key, options) };
}

export function putOp(key: ByteString, value: ByteString, lease: LeaseId = 0n): RequestOp {
  return { type: "put", request: putRequest(key, value, lease) };
}

export function deleteOp(key: ByteString, rangeEnd: ByteString = ""): RequestOp {
  return { type: "deleteRange", request: deleteRequest(key, rangeEnd) };
}

/** How a comparison's sides lie to each other. */
export type Relation = "=" | "!=" | "<" | ">";

const RELATIONS: Readonly<Record<Relation, CompareResult>> = {
  "=": CompareResult.equal,
  "!=": CompareResult.notEqual,
  "<": CompareResult.less,
  ">": CompareResult.greater,
};

/** What of a key is compared, with what: exactly one. */
export type Compared =
  | { readonly version: number }
  | { readonly createRevision: number }
  | { readonly modRevision: number }
  | { readonly value: ByteString }
  | { readonly lease: LeaseId };

/** A key that does not exist has 0 for all numbers, and no value: every comparison of a value is false then. */
export function comparison(
  key: ByteString,
  compared: Compared,
  relation: Relation = "=",
  rangeEnd: ByteString = "",
): Compare {
  const base = {
    key,
    rangeEnd,
    result: RELATIONS[relation],
    version: 0,
    createRevision: 0,
    modRevision: 0,
    value: "",
    lease: 0n,
  };
  if ("version" in compared) return { ...base, target: CompareTarget.version, ...compared };
  if ("createRevision" in compared) return { ...base, target: CompareTarget.create, ...compared };
  if ("modRevision" in compared) return { ...base, target: CompareTarget.mod, ...compared };
  if ("value" in compared) return { ...base, target: CompareTarget.value, ...compared };
  return { ...base, target: CompareTarget.lease, ...compared };
}

/** No key of the range exists. */
export function isAbsent(key: ByteString, rangeEnd: ByteString = ""): Compare {
  return comparison(key, { createRevision: 0 }, "=", rangeEnd);
}

/** The key is the one that was created at this revision, whatever was written to it since. */
export function isCreatedAt(key: ByteString, createRevision: number): Compare {
  return comparison(key, { createRevision });
}

/** What the range at this place of a transaction answered. */
export function rangeAt(
  responses: readonly ResponseOp[],
  at: number,
): Extract<ResponseOp, { type: "range" }>["result"] {
  const response = responses[at < 0 ? responses.length + at : at];
  if (response?.type !== "range") {
    const found = response?.type ?? "missing";
    throw new QuorateError("BAD_ANSWER", GrpcStatus.internal, `answer ${at} to a transaction is ${found}, not a range`);
  }
  return response.result;
}
