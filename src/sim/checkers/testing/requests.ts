/** Requests with everything that does not matter left out. */
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type DeleteRangeRequest,
  type KeyValue,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
} from "../../../wire/kv.ts";
import type { KvRequest } from "../client-calls.ts";

const RANGE: RangeRequest = {
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

export const ALL_KEYS: { readonly key: string; readonly rangeEnd: string } = { key: "\0", rangeEnd: "\0" };

type PlainOp<Type extends KvRequest["type"]> = Extract<RequestOp, { type: Type }>;

export function read(key: string, more: Partial<RangeRequest> = {}): PlainOp<"range"> {
  return { type: "range", request: { ...RANGE, key, ...more } };
}

export function put(key: string, value: string, more: Partial<PutRequest> = {}): PlainOp<"put"> {
  const request = { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false, ...more };
  return { type: "put", request };
}

export function remove(key: string, more: Partial<DeleteRangeRequest> = {}): PlainOp<"deleteRange"> {
  return { type: "deleteRange", request: { key, rangeEnd: "", prevKv: false, ...more } };
}

export function txn(
  compare: readonly Compare[],
  success: readonly RequestOp[],
  failure: readonly RequestOp[] = [],
): { readonly type: "txn"; readonly request: TxnRequest } {
  return { type: "txn", request: { compare, success, failure } };
}

/** Equal to what is given; version 0 by itself: there is no such key. */
export function compare(key: string, target: keyof typeof CompareTarget, more: Partial<Compare> = {}): Compare {
  return {
    key,
    rangeEnd: "",
    target: CompareTarget[target],
    result: CompareResult.equal,
    version: 0,
    createRevision: 0,
    modRevision: 0,
    value: "",
    lease: 0n,
    ...more,
  };
}

/** A version that was put once, at `modRevision`, unless more is said. */
export function version(key: string, value: string, modRevision: number, more: Partial<KeyValue> = {}): KeyValue {
  return { key, value, modRevision, createRevision: modRevision, version: 1, lease: 0n, ...more };
}
