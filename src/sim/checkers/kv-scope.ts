/**
 * The keys that calls alone change, numbered in order. Keys on leases are left out: they end without a call, at a
 * revision that no answer tells.
 */
import type { ByteString } from "../../wire/kv.ts";
import type { Call } from "../history.ts";
import { forEachKv, isAnsweredKv, isKvRequest, type KvRequest, visitCompares, visitOps } from "./client-calls.ts";
import { isInRange, type KeyRange, lowerBound } from "./key-range.ts";
import type { Parts } from "./linearization-search.ts";

/** Keys that begin like this are on leases, as are all that were ever put on one. */
const LEASE_PREFIX = "lease/";

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
      visitOps(call.request, (op) => {
        if (op.type !== "put") return;
        all.add(op.request.key);
        if (op.request.lease !== 0n) leased.add(op.request.key);
      });
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
    for (const range of ranges) parts |= this.#parts(range);
    return parts;
  }

  #parts(range: KeyRange): Parts {
    const { from, to } = this.places(range);
    return from === to ? 0n : this.#below(to) ^ this.#below(from);
  }

  /** All places before one. */
  #below(place: number): Parts {
    return this.#belowPlace[place] ?? 0n;
  }

  /** The keys that a request has to do with. */
  footprint(request: KvRequest): Footprint {
    let reads = 0n;
    let changes = 0n;
    let depends = 0n;
    let isWithin = true;
    const visit = (range: KeyRange): Parts => {
      isWithin &&= this.covers(range);
      return this.#parts(range);
    };
    visitOps(request, (op) => {
      if (op.type === "range") reads |= visit(op.request);
      else changes |= visit(op.type === "put" ? { key: op.request.key, rangeEnd: "" } : op.request);
    });
    visitCompares(request, (compare) => {
      depends |= visit(compare);
    });
    return { reads, changes, depends, isWithin };
  }
}

/** Keys of a scope, whichever way a request goes. */
export interface Footprint {
  /** What its ranges look at. */
  readonly reads: Parts;
  readonly changes: Parts;
  /** What its comparisons look at: these decide which way it goes. */
  readonly depends: Parts;
  /** It has nothing to do with keys on leases. */
  readonly isWithin: boolean;
}
