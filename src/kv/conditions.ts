/** What a transaction depends on, and what it does: plain data, made into etcd's requests with a namespace and a codec. */
import type { Store } from "../store/store.ts";
import type { ByteString, Compare, LeaseId, RequestOp, ResponseOp } from "../wire/kv.ts";
import { type Codec, encodeWith } from "./codec.ts";
import { Entry } from "./entry.ts";
import { badAnswer, invalid } from "./errors.ts";
import { type Key, type Keys, keyIn, keysIn } from "./key-range.ts";
import { comparison, deleteRequest, putRequest, type Relation, rangeRequest } from "./requests.ts";

/** Where keys and values of a transaction belong. */
export interface Scope<In, Out> {
  readonly store: Store;
  readonly prefix: ByteString;
  readonly codec: Codec<In, Out>;
}

/** One thing that must be true of a key. `is` says how the sides lie to each other; default "=". */
export type Condition<In> = { readonly key: Key; readonly is?: Relation } & (
  | { readonly exists: boolean }
  /** The revision that made its present version; 0: it does not exist. */
  | { readonly revision: number }
  | { readonly createRevision: number }
  | { readonly version: number }
  /** Of a key that does not exist no comparison of the value is true. */
  | { readonly value: In }
  | { readonly lease: LeaseId }
);

/** One thing to do. */
export type Operation<In> =
  | { readonly does: "put"; readonly key: Key; readonly value: In; readonly lease: LeaseId }
  | { readonly does: "get"; readonly key: Key }
  | { readonly does: "range"; readonly keys: Keys }
  | { readonly does: "delete"; readonly keys: Keys };

/** What came of an operation, in the same place. */
export type OperationResult<Out> =
  | { readonly did: "put" }
  | { readonly did: "get"; readonly entry: Entry<Out> | null }
  | { readonly did: "range"; readonly entries: readonly Entry<Out>[] }
  | { readonly did: "delete"; readonly deleted: number };

/**
 * In a transaction: writes a key.
 *
 * @param lease the key ends with it: a `Session`'s, or the number of one
 */
export function put<In>(
  key: Key,
  value: In,
  { lease = 0n }: { readonly lease?: LeaseId | { readonly id: LeaseId } } = {},
): Operation<In> {
  return { does: "put", key, value, lease: typeof lease === "bigint" ? lease : lease.id };
}

/** In a transaction: reads a key. */
export function get(key: Key): Operation<never> {
  return { does: "get", key };
}

/** All entries of a range. */
export function getAll(keys: Keys): Operation<never> {
  return { does: "range", keys };
}

/** A key, or many. */
export function remove(keys: Keys): Operation<never> {
  return { does: "delete", keys };
}

export function compareOf<In>(scope: Scope<In, unknown>, condition: Condition<In>): Compare {
  const key = keyIn(scope.prefix, condition.key);
  const { is } = condition;
  if ("exists" in condition) {
    if (is !== undefined) throw invalid("a condition with `exists` takes no `is`: give { key, exists: true } or false");
    return comparison(key, { createRevision: 0 }, condition.exists ? ">" : "=");
  }
  if ("revision" in condition) return comparison(key, { modRevision: condition.revision }, is);
  if ("createRevision" in condition) return comparison(key, { createRevision: condition.createRevision }, is);
  if ("version" in condition) return comparison(key, { version: condition.version }, is);
  if ("value" in condition) return comparison(key, { value: encodeWith(scope.codec, condition.value) }, is);
  if ("lease" in condition) return comparison(key, { lease: condition.lease }, is);
  throw invalid("a condition says nothing of its key: give exists, revision, createRevision, version, value or lease");
}

export function requestOf<In>(scope: Scope<In, unknown>, operation: Operation<In>): RequestOp {
  switch (operation.does) {
    case "put": {
      const value = encodeWith(scope.codec, operation.value);
      return { type: "put", request: putRequest(keyIn(scope.prefix, operation.key), value, operation.lease) };
    }
    case "get":
      return { type: "range", request: rangeRequest(keyIn(scope.prefix, operation.key)) };
    case "range": {
      const { key, rangeEnd } = keysIn(scope.prefix, operation.keys);
      return { type: "range", request: rangeRequest(key, { rangeEnd }) };
    }
    case "delete": {
      const { key, rangeEnd } = keysIn(scope.prefix, operation.keys);
      return { type: "deleteRange", request: deleteRequest(key, rangeEnd) };
    }
  }
}

export function resultOf<In, Out>(
  scope: Scope<In, Out>,
  operation: Operation<In>,
  response: ResponseOp | undefined,
): OperationResult<Out> {
  if (operation.does === "put" && response?.type === "put") return { did: "put" };
  if (operation.does === "delete" && response?.type === "deleteRange") {
    return { did: "delete", deleted: response.result.deleted };
  }
  if (response?.type !== "range") throw badAnswer(operation.does, response?.type);
  const entries = response.result.kvs.map((kv) => new Entry(kv, scope));
  return operation.does === "get" ? { did: "get", entry: entries[0] ?? null } : { did: "range", entries };
}
