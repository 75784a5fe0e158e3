/**
 * A keyspace as plain as it can be, to make true histories from: a map of what is, and a list of what was. Another hand
 * than the checkers' own execution, so that the two can be held against each other.
 */
import type {
  Compare,
  KeyValue,
  PutRequest,
  RangeRequest,
  RangeResult,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResult,
  WatchEvent,
} from "../../../wire/kv.ts";
import type { KvRequest, KvResult } from "../client-calls.ts";
import { isInRange } from "../key-range.ts";

export interface Applied {
  readonly revision: number;
  readonly result: KvResult;
  /** None: it changed nothing. */
  readonly events: readonly WatchEvent[];
}

const COMPARED = ["version", "createRevision", "modRevision", "value", "lease"] as const;
const NOTHING = { version: 0, createRevision: 0, modRevision: 0, value: "", lease: 0n };
const SORTED = ["key", "version", "createRevision", "modRevision", "value"] as const;

export class PlainStore {
  revision = 1;
  readonly #now = new Map<string, KeyValue>();
  readonly #past: ReadonlyMap<string, KeyValue>[] = [new Map(), new Map()];
  #events: WatchEvent[] = [];

  /** Null: refused, nothing was done. */
  apply(request: KvRequest): Applied | null {
    if (!this.#isPossible(request)) return null;
    const { type, result } = this.#op(request) as ResponseOp;
    return { revision: this.#end(), result: { type, result } as KvResult, events: this.#taken() };
  }

  /** Others have made changes elsewhere, up to a revision. */
  skipTo(revision: number): void {
    for (; this.revision < revision; this.revision++) this.#past.push(new Map(this.#now));
  }

  /** Deletes all keys on a lease. */
  revoke(lease: bigint): readonly WatchEvent[] {
    const keys = [...this.#now.values()].filter((kv) => kv.lease === lease).map(({ key }) => key);
    for (const key of keys.sort()) this.#delete(key);
    this.#end();
    return this.#taken();
  }

  range(request: RangeRequest): RangeResult {
    const state = request.revision > 0 ? this.#past[request.revision] : this.#now;
    const all = sorted(state ?? new Map()).filter(({ key }) => isInRange(key, request));
    if (request.countOnly) return { kvs: [], more: false, count: all.length, keysOnly: false };
    const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
    let kvs = all
      .filter((kv) => minModRevision === 0 || kv.modRevision >= minModRevision)
      .filter((kv) => maxModRevision === 0 || kv.modRevision <= maxModRevision)
      .filter((kv) => minCreateRevision === 0 || kv.createRevision >= minCreateRevision)
      .filter((kv) => maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision);
    const isFiltered = minModRevision + maxModRevision + minCreateRevision + maxCreateRevision > 0;
    if (request.limit > 0 && request.sortOrder === 0 && !isFiltered) kvs = kvs.slice(0, request.limit + 1);
    const field = SORTED[request.sortTarget] ?? "key";
    kvs.sort((a, b) => (a[field] < b[field] ? -1 : a[field] > b[field] ? 1 : 0) * (request.sortOrder === 2 ? -1 : 1));
    const more = request.limit > 0 && kvs.length > request.limit;
    if (more) kvs = kvs.slice(0, request.limit);
    if (request.keysOnly) kvs = kvs.map((kv) => ({ ...kv, value: "" }));
    // As it comes over the wire, which does not say that values were left out.
    return { kvs, more, count: all.length, keysOnly: false };
  }

  #end(): number {
    if (this.#events.length > 0) {
      this.revision += 1;
      this.#past.push(new Map(this.#now));
    }
    return this.revision;
  }

  #taken(): readonly WatchEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #isPossible(op: RequestOp): boolean {
    switch (op.type) {
      case "range":
        return op.request.revision <= this.revision;
      case "put":
        return !(op.request.ignoreValue || op.request.ignoreLease) || this.#now.has(op.request.key);
      case "txn":
        return this.#way(op.request).every((inner) => this.#isPossible(inner));
      case "deleteRange":
      case "empty":
        return true;
    }
  }

  #way({ compare, success, failure }: TxnRequest): readonly RequestOp[] {
    return compare.every((one) => this.#holds(one)) ? success : failure;
  }

  #holds(compare: Compare): boolean {
    const found = [...this.#now.values()].filter(({ key }) => isInRange(key, compare));
    if (found.length === 0 && compare.target === 3) return false;
    const field = COMPARED[compare.target] ?? "version";
    return (found.length === 0 ? [NOTHING] : found).every((kv) => {
      const is = kv[field];
      const wanted = compare[field];
      return [is === wanted, is > wanted, is < wanted, is !== wanted][compare.result] ?? true;
    });
  }

  #op(op: RequestOp): ResponseOp | null {
    switch (op.type) {
      case "range":
        return { type: "range", result: this.range(op.request), revision: this.#header };
      case "put": {
        const result = { prevKv: this.#put(op.request) };
        return { type: "put", result, revision: this.#header };
      }
      case "deleteRange": {
        const gone = sorted(this.#now).filter(({ key }) => isInRange(key, op.request));
        for (const { key } of gone) this.#delete(key);
        const result = { deleted: gone.length, prevKvs: op.request.prevKv ? gone : [] };
        return { type: "deleteRange", result, revision: this.#header };
      }
      case "txn":
        return { type: "txn", result: this.#txn(op.request), revision: 0 };
      case "empty":
        return null;
    }
  }

  #txn(request: TxnRequest): TxnResult {
    // Inner comparisons see nothing of what the outer transaction writes, so the whole way is chosen first.
    const chosen = new Map<TxnRequest, readonly RequestOp[]>();
    const choose = (one: TxnRequest): void => {
      const way = this.#way(one);
      chosen.set(one, way);
      for (const op of way) if (op.type === "txn") choose(op.request);
    };
    choose(request);
    const make = (one: TxnRequest): TxnResult => {
      const way = chosen.get(one) ?? [];
      const responses = way.map((op): ResponseOp | null =>
        op.type === "txn" ? { type: "txn", result: make(op.request), revision: 0 } : this.#op(op),
      );
      return { succeeded: way === one.success, responses: responses.filter((response) => response !== null) };
    };
    return make(request);
  }

  get #header(): number {
    return this.#events.length > 0 ? this.revision + 1 : this.revision;
  }

  #put({ key, value, lease, prevKv, ignoreValue, ignoreLease }: PutRequest): KeyValue | null {
    const before = this.#now.get(key) ?? null;
    const kv: KeyValue = {
      key,
      value: ignoreValue ? (before?.value ?? "") : value,
      lease: ignoreLease ? (before?.lease ?? 0n) : lease,
      modRevision: this.revision + 1,
      createRevision: before?.createRevision ?? this.revision + 1,
      version: (before?.version ?? 0) + 1,
    };
    this.#now.set(key, kv);
    this.#events.push({ type: "put", kv, prevKv: before });
    return prevKv ? before : null;
  }

  #delete(key: string): void {
    const prevKv = this.#now.get(key) ?? null;
    this.#now.delete(key);
    const kv = { key, value: "", lease: 0n, modRevision: this.revision + 1, createRevision: 0, version: 0 };
    this.#events.push({ type: "delete", kv, prevKv });
  }
}

function sorted(state: ReadonlyMap<string, KeyValue>): KeyValue[] {
  return [...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}
