/**
 * Read, decide, write: as if nobody else were there. Optimistic: reads are recorded, writes are kept back, and all is
 * done at once at the end, if what was read is still so.
 *
 *     work(tx) ──▶ reads at one revision r, writes kept ──▶ txn: all that was read unchanged since r? ─▶ writes
 *        ▲                                                                │ no
 *        └────────────────────(after a little while)──────────────────────┘
 *
 * Promises: serializable, and linearizable with all else: a transaction that succeeds has read and written at one moment.
 * Also work that is run again sees a state that was true at one revision. A range that was read is compared as a range:
 * a key that came into it, or left it, is a conflict.
 *
 * Does not promise: to get through where others always are quicker: `CONFLICT` after `attempts`. More than the store
 * takes in one transaction (etcd: 128 comparisons, and as many writes): each key read counts, also of a range.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { CallOptions } from "../store/store.ts";
import type { ByteString, Compare, KeyValue, LeaseId, RequestOp } from "../wire/kv.ts";
import { Backoff } from "./backoff.ts";
import { encodeWith } from "./codec.ts";
import type { Scope } from "./conditions.ts";
import { Entry } from "./entry.ts";
import { conflict, invalid } from "./errors.ts";
import type { KeyRange } from "./follow.ts";
import { type Key, type Keys, keyIn, keysIn } from "./key-range.ts";
import { comparison, deleteOp, NO_END, putOp, rangeRequest } from "./requests.ts";
import { hasCode, Wait } from "./wait.ts";

/** How often and how long it is tried. */
export interface TransactionOptions extends CallOptions {
  /** How often it is tried before it is a `CONFLICT`; default 50. */
  readonly attempts?: number;
}

const DEFAULT_ATTEMPTS = 50;

/** A write that is kept back; null: the key is deleted. */
type Kept = { readonly value: ByteString; readonly lease: LeaseId } | null;

/** What the function given to `Kv.transaction` reads and writes with. Use it only until that function ends. */
export class Transaction<In, Out> {
  readonly #scope: Scope<In, Out>;
  readonly #wait: Wait;
  /** What was read; null: there was none. */
  readonly #read = new Map<ByteString, KeyValue | null>();
  readonly #ranges: KeyRange[] = [];
  readonly #writes = new Map<ByteString, Kept>();
  #revision = 0;
  #over = false;

  constructor(scope: Scope<In, Out>, wait: Wait) {
    this.#scope = scope;
    this.#wait = wait;
  }

  /** As it was when the transaction began, with what it has written itself; null: there is none. */
  async get(key: Key): Promise<Entry<Out> | null> {
    this.#check();
    const name = keyIn(this.#scope.prefix, key);
    const kept = this.#writes.get(name);
    if (kept !== undefined) return this.#entry(this.#withKept(name, kept));
    if (!this.#read.has(name)) {
      const [kv = null] = await this.#fetch({ key: name, rangeEnd: "" });
      this.#read.set(name, kv);
    }
    return this.#entry(this.#read.get(name) ?? null);
  }

  /** All of a range, as `get`, in the order of keys. */
  async range(keys: Keys): Promise<readonly Entry<Out>[]> {
    this.#check();
    const range = keysIn(this.#scope.prefix, keys);
    const found = new Map<ByteString, KeyValue>();
    for (const kv of await this.#fetch(range)) {
      this.#read.set(kv.key, kv);
      found.set(kv.key, kv);
    }
    this.#ranges.push(range);
    for (const [key, kept] of this.#writes) {
      if (!isIn(range, key)) continue;
      const kv = this.#withKept(key, kept);
      if (kv === null) found.delete(key);
      else found.set(key, kv);
    }
    const sorted = [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return sorted.map((kv) => new Entry(kv, this.#scope));
  }

  put(key: Key, value: In, { lease = 0n }: { readonly lease?: LeaseId | { readonly id: LeaseId } } = {}): void {
    this.#check();
    const id = typeof lease === "bigint" ? lease : lease.id;
    this.#writes.set(keyIn(this.#scope.prefix, key), { value: encodeWith(this.#scope.codec, value), lease: id });
  }

  /** One key; of a range, read it and delete what is there. */
  delete(key: Key): void {
    this.#check();
    this.#writes.set(keyIn(this.#scope.prefix, key), null);
  }

  /** For `runTransaction`: makes the writes. Returns whether nothing had changed. */
  async commit(): Promise<boolean> {
    this.#over = true;
    // What was read was true at one revision: nothing is left to be done.
    if (this.#writes.size === 0) return true;
    const compare: Compare[] = [];
    for (const [key, kv] of this.#read) compare.push(comparison(key, { modRevision: kv?.modRevision ?? 0 }));
    for (const { key, rangeEnd } of this.#ranges) {
      compare.push(comparison(key, { modRevision: this.#revision + 1 }, "<", rangeEnd));
    }
    const success = [...this.#writes].map(
      ([key, kept]): RequestOp => (kept === null ? deleteOp(key) : putOp(key, kept.value, kept.lease)),
    );
    try {
      // Not raced with the wait: its signal goes with the call, and a write that has left is told as such.
      const call = this.#wait.call();
      return (await this.#scope.store.txn({ compare, success, failure: [] }, call)).succeeded;
    } catch (error) {
      if (!hasCode(error, "TOO_MANY_OPS")) throw error;
      throw new QuorateError(
        "TOO_MANY_OPS",
        GrpcStatus.invalidArgument,
        `the transaction has read ${compare.length} keys and ranges and writes ${success.length} keys, more than the ` +
          "store takes at once (etcd: 128 of each): make it smaller, or raise --max-txn-ops",
        { cause: error },
      );
    }
  }

  async #fetch({ key, rangeEnd }: KeyRange): Promise<readonly KeyValue[]> {
    const request = rangeRequest(key, { rangeEnd, revision: this.#revision });
    const { kvs, header } = await this.#wait.for(this.#scope.store.range(request, this.#wait.call()));
    if (this.#revision === 0) this.#revision = header.revision;
    return kvs;
  }

  /** What a key will be, as far as that can be said before it is: of no revision. */
  #withKept(key: ByteString, kept: Kept): KeyValue | null {
    if (kept === null) return null;
    return { key, value: kept.value, lease: kept.lease, createRevision: 0, modRevision: 0, version: 0 };
  }

  #entry(kv: KeyValue | null): Entry<Out> | null {
    return kv === null ? null : new Entry(kv, this.#scope);
  }

  #check(): void {
    if (this.#over)
      throw invalid("this transaction is over: use `tx` only until the function that it was given to ends");
  }
}

export async function runTransaction<In, Out, T>(
  scope: Scope<In, Out>,
  work: (tx: Transaction<In, Out>) => Promise<T>,
  { attempts = DEFAULT_ATTEMPTS, ...options }: TransactionOptions,
): Promise<T> {
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw invalid(`attempts is ${String(attempts)}: give a whole number from 1 on`);
  }
  const { clock, random } = scope.store;
  using wait = new Wait(clock, options);
  const backoff = new Backoff(random, 2, 200);
  for (let attempt = 1; attempt <= attempts; attempt++) {
    wait.check();
    try {
      const tx = new Transaction(scope, wait);
      const result = await work(tx);
      if (await tx.commit()) return result;
    } catch (error) {
      // The revision that it began to read at is forgotten meanwhile.
      if (!hasCode(error, "COMPACTED")) throw error;
    }
    await wait.sleep(backoff.next());
  }
  throw conflict(attempts);
}

function isIn({ key, rangeEnd }: KeyRange, candidate: ByteString): boolean {
  if (rangeEnd === "") return candidate === key;
  return candidate >= key && (rangeEnd === NO_END || candidate < rangeEnd);
}
