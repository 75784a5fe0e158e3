/** The store as it truly was at each revision. */
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import type { TrueChange, Truth } from "../history.ts";
import { isInRange, type KeyRange, lowerBound } from "./key-range.ts";
import type { StoreView } from "./store-view.ts";

/** An empty store's. */
export const FIRST_REVISION = 1;

interface Version {
  readonly revision: number;
  readonly kv: KeyValue | null;
}

export class TrueStore {
  readonly #truth: Truth;
  readonly #versions = new Map<ByteString, Version[]>();
  readonly #keys: readonly ByteString[];

  constructor(truth: Truth) {
    this.#truth = truth;
    for (const { revision, events } of truth.changes) {
      for (const { type, kv } of events) {
        const versions = this.#versions.get(kv.key) ?? [];
        versions.push({ revision, kv: type === "put" ? kv : null });
        this.#versions.set(kv.key, versions);
      }
    }
    this.#keys = [...this.#versions.keys()].sort();
  }

  get revision(): number {
    return FIRST_REVISION + this.#truth.changes.length;
  }

  /** Null for revisions that are nobody's change. */
  change(revision: number): TrueChange | null {
    return this.#truth.changes[revision - FIRST_REVISION - 1] ?? null;
  }

  /** Living version of a key after a revision. */
  get(key: ByteString, revision: number): KeyValue | null {
    const versions = this.#versions.get(key) ?? [];
    let low = 0;
    let high = versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((versions[middle] as Version).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return versions[low - 1]?.kv ?? null;
  }

  living(range: KeyRange, revision: number): KeyValue[] {
    const living: KeyValue[] = [];
    for (let at = lowerBound(this.#keys, range.key); at < this.#keys.length; at++) {
      const key = this.#keys[at] as ByteString;
      if (!isInRange(key, range)) break;
      const kv = this.get(key, revision);
      if (kv !== null) living.push(kv);
    }
    return living;
  }

  /** The store after a revision. */
  at(revision: number): StoreView {
    return {
      living: (range, older) => this.living(range, Math.min(older ?? revision, revision)),
      covers: () => true,
    };
  }

  /** The greatest compacted revision that was committed before a moment (its `order`); -1: none. */
  compactedBy(order: number): number {
    let compacted = -1;
    for (const { revision, committed } of this.#truth.compactions) {
      if (committed.order < order) compacted = Math.max(compacted, revision);
    }
    return compacted;
  }
}
