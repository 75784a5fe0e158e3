/**
 * The keys that calls alone change, numbered in order. Keys on leases are left out: they end without a call, at a
 * revision that no answer tells.
 */
import type { ByteString, RequestOp } from "../../wire/kv.ts";
import type { Call } from "../history.ts";
import { forEachKv, isAnsweredKv, isKvRequest, type KvRequest } from "./client-calls.ts";
import { isInRange, type KeyRange, lowerBound } from "./key-range.ts";
import type { Parts } from "./linearization-search.ts";

/** Keys that begin like this are on leases, as are all that were ever put on one. */
export const LEASE_PREFIX = "lease/";

export class KvScope {
  /** In order; a key's place is its part of the state. */
  readonly keys: readonly ByteString[];
  readonly #places = new Map<ByteString, number>();
  readonly #leased: readonly ByteString[];
  readonly #belowPlace: readonly Parts[];

  constructor(calls: readonly Call[]) {
    const all = new Set<ByteString>();
    const leased = new Set<ByteString>();
    for (const call of calls) {
      if (!isKvRequest(call.request)) continue;
      for (const op of operationsOf(call.request)) {
        if (op.type !== "put") continue;
        all.add(op.request.key);
        if (op.request.lease !== 0n) leased.add(op.request.key);
      }
      if (isAnsweredKv(call)) forEachKv(call, ({ key }) => all.add(key));
    }
    for (const key of all) if (key.startsWith(LEASE_PREFIX)) leased.add(key);
    this.keys = [...all].filter((key) => !leased.has(key)).sort();
    this.keys.forEach((key, at) => this.#places.set(key, at));
    this.#leased = [...leased].sort();
    this.#belowPlace = Array.from({ length: this.keys.length + 1 }, (_, place) => (1n << BigInt(place)) - 1n);
  }

  /** Whether there is no key on a lease in a range. */
  covers(range: KeyRange): boolean {
    const first = this.#leased[lowerBound(this.#leased, range.key)];
    return first === undefined || !isInRange(first, range);
  }

  /** -1: not in the scope. */
  placeOf(key: ByteString): number {
    return this.#places.get(key) ?? -1;
  }

  /** Places of the first key in a range, and behind the last. */
  places(range: KeyRange): { from: number; to: number } {
    if (range.rangeEnd === "") {
      const place = this.placeOf(range.key);
      return place < 0 ? { from: 0, to: 0 } : { from: place, to: place + 1 };
    }
    const from = lowerBound(this.keys, range.key);
    if (range.rangeEnd === "\0") return { from, to: this.keys.length };
    return { from, to: Math.max(from, lowerBound(this.keys, range.rangeEnd)) };
  }

  /** All keys in some ranges. */
  parts(ranges: readonly KeyRange[]): Parts {
    let parts = 0n;
    for (const range of ranges) {
      const { from, to } = this.places(range);
      parts |= this.#below(to) ^ this.#below(from);
    }
    return parts;
  }

  /** All places before one. */
  #below(place: number): Parts {
    return this.#belowPlace[place] ?? 0n;
  }

  /** Whether a request has to do with keys on leases in no way. */
  isWithin(request: KvRequest): boolean {
    return [...comparesOf(request), ...operationsOf(request).map(asRange)].every((range) => this.covers(range));
  }

  /** Keys that a request may read or change. */
  touches(request: KvRequest): Parts {
    return this.parts(operationsOf(request).map(asRange)) | this.depends(request);
  }

  /** Keys that decide which way a request goes. */
  depends(request: KvRequest): Parts {
    return this.parts(comparesOf(request));
  }

  /** Keys that a request may change. */
  changes(request: KvRequest): Parts {
    const writes = operationsOf(request).filter(({ type }) => type !== "range");
    return this.parts(writes.map(asRange));
  }
}

type PlainOp = Exclude<RequestOp, { type: "txn" } | { type: "empty" }>;

function asRange({ type, request }: PlainOp): KeyRange {
  return type === "put" ? { key: request.key, rangeEnd: "" } : request;
}

/** All operations that a request may make, those of inner transactions and of both ways too. */
function operationsOf(request: KvRequest): PlainOp[] {
  if (request.type !== "txn") return [request];
  const { success, failure } = request.request;
  return [...success, ...failure].flatMap((op) => (op.type === "empty" ? [] : operationsOf(op)));
}

function comparesOf(request: KvRequest): KeyRange[] {
  if (request.type !== "txn") return [];
  const { compare, success, failure } = request.request;
  const inner = [...success, ...failure].flatMap((op) => (op.type === "txn" ? comparesOf(op) : []));
  return [...compare, ...inner];
}
