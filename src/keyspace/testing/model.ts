/**
 * The keyspace once more, as simple as it can be said: a list of all changes ever made, and a search through all of it
 * for each question. What the real one answers must be what this one answers.
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
} from "../../wire/kv.ts";
import type { Command } from "../command.ts";

export interface Change extends KeyValue {
  readonly deleted: boolean;
}

/** As the keyspace's, but for errors only the code counts. */
export type ModelResult =
  | { readonly type: "put" | "deleteRange" | "txn"; readonly revision: number; readonly result: unknown }
  | { readonly type: "compact" | "done"; readonly revision: number }
  | { readonly type: "leaseGrant"; readonly revision: number; readonly id: bigint; readonly ttl: number }
  | { readonly type: "error"; readonly revision: number; readonly code: string };

class Refused extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

const OVERHEAD = 128;

function bytes(change: Change): number {
  return change.key.length + change.value.length + OVERHEAD;
}

function inRange(key: string, from: string, rangeEnd: string): boolean {
  if (rangeEnd === "") return key === from;
  return key >= from && (rangeEnd === "\0" || key < rangeEnd);
}

function plain({ key, createRevision, modRevision, version, value, lease }: KeyValue): KeyValue {
  return { key, createRevision, modRevision, version, value, lease };
}

export class Model {
  revision = 1;
  compactRevision = -1;
  readonly changes: Change[] = [];
  readonly leases: Map<bigint, { ttl: number; remainingTtl: number }> = new Map();
  readonly alarms: Set<string> = new Set();

  get #inTxn(): boolean {
    return this.changes.some((change) => change.modRevision > this.revision);
  }

  get now(): number {
    return this.#inTxn ? this.revision + 1 : this.revision;
  }

  keys(): string[] {
    return [...new Set(this.changes.map(({ key }) => key))].sort();
  }

  at(key: string, revision: number): Change | null {
    const found = this.changes.findLast((change) => change.key === key && change.modRevision <= revision);
    return found === undefined || found.deleted ? null : found;
  }

  living(from: string, rangeEnd: string, revision: number): Change[] {
    return this.keys()
      .filter((key) => inRange(key, from, rangeEnd))
      .map((key) => this.at(key, revision))
      .filter((change) => change !== null);
  }

  range(request: RangeRequest): RangeResult {
    const revision = request.revision > 0 ? request.revision : this.now;
    if (revision > this.now) throw new Refused("FUTURE_REVISION");
    if (revision < this.compactRevision) throw new Refused("COMPACTED");
    const all = this.living(request.key, request.rangeEnd, revision);
    let kvs = all.filter(
      (kv) =>
        (!request.maxModRevision || kv.modRevision <= request.maxModRevision) &&
        (!request.minModRevision || kv.modRevision >= request.minModRevision) &&
        (!request.maxCreateRevision || kv.createRevision <= request.maxCreateRevision) &&
        (!request.minCreateRevision || kv.createRevision >= request.minCreateRevision),
    );
    const filtered =
      request.maxModRevision + request.minModRevision + request.maxCreateRevision + request.minCreateRevision > 0;
    if (request.limit > 0 && request.sortOrder === 0 && !filtered) kvs = kvs.slice(0, request.limit + 1);
    const field = (["key", "version", "createRevision", "modRevision", "value"] as const)[request.sortTarget] ?? "key";
    const sign = request.sortOrder === 2 ? -1 : 1;
    kvs = kvs.toSorted((a, b) => sign * (a[field] < b[field] ? -1 : a[field] > b[field] ? 1 : 0));
    const more = !request.countOnly && request.limit > 0 && kvs.length > request.limit;
    if (more) kvs = kvs.slice(0, request.limit);
    return {
      kvs: request.countOnly ? [] : kvs.map(plain),
      more,
      count: all.length,
      keysOnly: request.keysOnly,
    };
  }

  apply(command: Command): ModelResult {
    try {
      const result = this.#apply(command);
      if (this.#inTxn) this.revision++;
      return { ...result, revision: this.revision } as ModelResult;
    } catch (error) {
      if (error instanceof Refused) return { type: "error", revision: this.revision, code: error.code };
      throw error;
    }
  }

  #apply(command: Command): object {
    const corrupt = [...this.alarms].some((alarm) => alarm.endsWith("/2"));
    const full = [...this.alarms].some((alarm) => alarm.endsWith("/1"));
    const isWrite = !["leaseCheckpoint", "alarm", "memberAttributes", "memberUpdate"].includes(command.type);
    if (corrupt && isWrite) throw new Refused("CORRUPT");
    switch (command.type) {
      case "put":
        if (full) throw new Refused("NO_SPACE");
        this.#checkLease(command.request);
        this.#checkPrevious(command.request);
        return { type: "put", result: this.#put(command.request) };
      case "deleteRange":
        return { type: "deleteRange", result: this.#delete(command.request) };
      case "txn":
        if (full && this.#puts(command.request)) throw new Refused("NO_SPACE");
        return { type: "txn", result: this.txn(command.request) };
      case "compact":
        if (command.revision <= this.compactRevision) throw new Refused("COMPACTED");
        if (command.revision > this.revision) throw new Refused("FUTURE_REVISION");
        this.compactRevision = command.revision;
        return { type: "compact" };
      case "leaseGrant":
        if (full) throw new Refused("NO_SPACE");
        if (command.id === 0n) throw new Refused("LEASE_NOT_FOUND");
        if (command.ttl > 9e9) throw new Refused("LEASE_TTL_TOO_LARGE");
        if (this.leases.has(command.id)) throw new Refused("LEASE_EXISTS");
        this.leases.set(command.id, { ttl: Math.max(1, command.ttl), remainingTtl: 0 });
        return { type: "leaseGrant", id: command.id, ttl: Math.max(1, command.ttl) };
      case "leaseRevoke":
        if (!this.leases.delete(command.id)) throw new Refused("LEASE_NOT_FOUND");
        for (const kv of this.living("", "\0", this.revision)) if (kv.lease === command.id) this.#tombstone(kv.key);
        return { type: "done" };
      case "leaseCheckpoint":
        for (const { id, remainingTtl } of command.checkpoints) {
          const lease = this.leases.get(id);
          if (lease !== undefined) lease.remainingTtl = remainingTtl;
        }
        return { type: "done" };
      case "alarm": {
        const alarm = `${command.memberId}/${command.alarm}`;
        if (command.action === "deactivate") this.alarms.delete(alarm);
        else if (command.alarm !== 0) this.alarms.add(alarm);
        return { type: "done" };
      }
      case "memberAttributes":
      case "memberUpdate":
        throw new Refused("MEMBER_NOT_FOUND");
    }
  }

  #puts({ success, failure }: TxnRequest): boolean {
    return [...success, ...failure].some((op) => op.type === "put" || (op.type === "txn" && this.#puts(op.request)));
  }

  #put(request: PutRequest): object {
    const before = this.at(request.key, this.now);
    this.changes.push({
      key: request.key,
      value: request.ignoreValue ? (before?.value ?? "") : request.value,
      lease: request.ignoreLease ? (before?.lease ?? 0n) : request.lease,
      createRevision: before?.createRevision ?? this.revision + 1,
      version: (before?.version ?? 0) + 1,
      modRevision: this.revision + 1,
      deleted: false,
    });
    return { prevKv: request.prevKv && before !== null ? plain(before) : null };
  }

  #tombstone(key: string): void {
    const modRevision = this.revision + 1;
    this.changes.push({ key, value: "", lease: 0n, createRevision: 0, version: 0, modRevision, deleted: true });
  }

  #delete({ key, rangeEnd, prevKv }: { key: string; rangeEnd: string; prevKv: boolean }): object {
    const gone = this.living(key, rangeEnd, this.now);
    for (const kv of gone) this.#tombstone(kv.key);
    return { deleted: gone.length, prevKvs: prevKv ? gone.map(plain) : [] };
  }

  #checkLease({ lease }: PutRequest): void {
    if (lease !== 0n && !this.leases.has(lease)) throw new Refused("LEASE_NOT_FOUND");
  }

  #checkPrevious(request: PutRequest): void {
    if ((request.ignoreValue || request.ignoreLease) && this.at(request.key, this.now) === null) {
      throw new Refused("KEY_NOT_FOUND");
    }
  }

  txn(request: TxnRequest): TxnResult {
    // The way through, decided before anything is written.
    const ways = new Map<TxnRequest, boolean>();
    const decide = (txn: TxnRequest): void => {
      const way = txn.compare.every((compare) => this.#holds(compare));
      ways.set(txn, way);
      for (const op of way ? txn.success : txn.failure) if (op.type === "txn") decide(op.request);
    };
    decide(request);
    const taken = (txn: TxnRequest): readonly RequestOp[] => (ways.get(txn) ? txn.success : txn.failure);
    const check = (txn: TxnRequest): void => {
      for (const op of taken(txn)) {
        if (op.type === "txn") check(op.request);
        if (op.type === "put") {
          this.#checkPrevious(op.request);
          this.#checkLease(op.request);
        }
        if (op.type === "range" && op.request.revision > this.revision) throw new Refused("FUTURE_REVISION");
        if (op.type === "range" && op.request.revision !== 0 && op.request.revision < this.compactRevision) {
          throw new Refused("COMPACTED");
        }
      }
    };
    check(request);
    const run = (txn: TxnRequest): TxnResult => ({
      succeeded: ways.get(txn) === true,
      responses: taken(txn).flatMap((op): ResponseOp[] => {
        if (op.type === "empty") return [];
        if (op.type === "txn") return [{ type: "txn", revision: 0, result: run(op.request) }];
        const result =
          op.type === "range"
            ? this.range(op.request)
            : op.type === "put"
              ? this.#put(op.request)
              : this.#delete(op.request);
        return [{ type: op.type, revision: this.now, result } as ResponseOp];
      }),
    });
    return run(request);
  }

  #holds(compare: Compare): boolean {
    const kvs = this.living(compare.key, compare.rangeEnd, this.now);
    if (kvs.length === 0 && compare.target === 3) return false;
    const none = { version: 0, createRevision: 0, modRevision: 0, value: "", lease: 0n };
    const field = (["version", "createRevision", "modRevision", "value", "lease"] as const)[compare.target];
    return (kvs.length === 0 ? [none] : kvs).every((kv) => {
      const has = field === undefined ? 0 : kv[field];
      const wanted = field === undefined ? 0 : compare[field];
      if (compare.result === 0) return has === wanted;
      if (compare.result === 1) return has > wanted;
      if (compare.result === 2) return has < wanted;
      return compare.result === 3 ? has !== wanted : true;
    });
  }

  /** The change of the same key after this one. */
  #next(change: Change): Change | undefined {
    return this.changes.find((other, at) => other.key === change.key && at > this.changes.indexOf(change));
  }

  get keyCount(): number {
    return this.living("", "\0", this.revision).length;
  }

  get liveBytes(): number {
    return this.living("", "\0", this.revision).reduce((sum, kv) => sum + bytes(kv), 0);
  }

  get historyBytes(): number {
    let sum = 0;
    for (const change of this.changes) {
      const superseded = change.deleted ? change.modRevision : this.#next(change)?.modRevision;
      if (superseded !== undefined && superseded > this.compactRevision) sum += bytes(change);
    }
    return sum;
  }

  /** What a watch is told of: changes from a revision on, and the versions before them. */
  told(from: number): { change: KeyValue; deleted: boolean; previous: KeyValue | null }[] {
    return this.changes
      .filter((change) => change.modRevision >= from)
      .map((change) => {
        const before = this.at(change.key, change.modRevision - 1);
        const hidden = change.version === 1 || change.modRevision <= this.compactRevision || before === null;
        return { change: plain(change), deleted: change.deleted, previous: hidden ? null : plain(before) };
      });
  }
}
