/** Requests of all kinds by chance, on few keys, so that calls meet. */
import type { SeededRandom } from "../../../consensus/random.ts";
import type { Compare, RequestOp } from "../../../wire/kv.ts";
import type { KvRequest } from "../client-calls.ts";
import { ALL_KEYS, compare, put, read, remove, txn } from "./requests.ts";

export class RandomRequests {
  readonly #random: SeededRandom;
  readonly #keys: readonly string[];
  #written = 0;

  constructor(random: SeededRandom, keys: number) {
    this.#random = random;
    this.#keys = Array.from({ length: keys }, (_, at) => `key/${String(at).padStart(3, "0")}`);
  }

  /** @param id of the call, which its values name */
  next(id: number, revision: number): KvRequest {
    const random = this.#random;
    const kind = random.below(100);
    this.#written = 0;
    if (kind < 35) return this.#put(id);
    if (kind < 45) return this.#remove();
    if (kind < 75) return this.#read(revision);
    return this.#txn(id, revision, 2);
  }

  #key(): string {
    return this.#keys[this.#random.below(this.#keys.length)] ?? "key";
  }

  #put(id: number): Extract<RequestOp, { type: "put" }> {
    const more = { prevKv: this.#random.chance(0.3) };
    if (this.#random.chance(0.05)) return put(this.#key(), "", { ...more, ignoreValue: true });
    this.#written += 1;
    return put(this.#key(), `v${this.#written}#${id}#`, more);
  }

  #remove(): Extract<RequestOp, { type: "deleteRange" }> {
    const more = { prevKv: this.#random.chance(0.3) };
    return remove(this.#key(), this.#random.chance(0.05) ? { ...more, rangeEnd: this.#key() } : more);
  }

  #read(revision: number): Extract<RequestOp, { type: "range" }> {
    const random = this.#random;
    if (random.chance(0.6)) return read(this.#key());
    const past = random.chance(0.1) ? 1 + random.below(revision) : 0;
    const target = random.chance(0.2) ? { sortOrder: random.below(3), sortTarget: random.below(5) } : {};
    const bound = random.chance(0.1) ? { minModRevision: random.below(revision) } : {};
    return read(random.chance(0.5) ? this.#key() : ALL_KEYS.key, {
      rangeEnd: random.chance(0.5) ? ALL_KEYS.rangeEnd : this.#key(),
      limit: random.chance(0.3) ? 1 + random.below(4) : 0,
      revision: past,
      keysOnly: random.chance(0.1),
      countOnly: random.chance(0.1),
      ...target,
      ...bound,
    });
  }

  #txn(id: number, revision: number, depth: number): Extract<RequestOp, { type: "txn" }> {
    const random = this.#random;
    const compares = Array.from({ length: random.below(3) }, () => this.#compare(revision));
    const ops = (): RequestOp[] => {
      const ops: RequestOp[] = [];
      const keys = new Set<string>();
      for (let count = random.below(4); count > 0; count--) {
        const op = this.#op(id, revision, depth);
        // A key may be put only once, and not be deleted by the same transaction.
        const writes = op.type === "txn" ? [] : op.type === "range" ? [] : [op.request.key];
        if (op.type === "deleteRange" && op.request.rangeEnd !== "") continue;
        if (writes.some((key) => keys.has(key))) continue;
        for (const key of writes) keys.add(key);
        ops.push(op);
      }
      // What an inner transaction writes might meet the rest, so it comes alone.
      const inner = ops.find(({ type }) => type === "txn");
      return inner === undefined ? ops : [inner, ...ops.filter(({ type }) => type === "range")];
    };
    return txn(compares, ops(), ops());
  }

  #op(id: number, revision: number, depth: number): Exclude<RequestOp, { type: "empty" }> {
    const kind = this.#random.below(10);
    if (kind < 4) return this.#put(id);
    if (kind < 5) return this.#remove();
    if (kind < 9 || depth <= 1) return this.#read(Math.max(1, revision - 1));
    return this.#txn(id, revision, depth - 1);
  }

  #compare(revision: number): Compare {
    const random = this.#random;
    const key = this.#key();
    const result = random.below(4);
    const rangeEnd = random.chance(0.05) ? "\0" : "";
    switch (random.below(5)) {
      case 0:
        return compare(key, "version", { result, rangeEnd, version: random.below(3) });
      case 1:
        return compare(key, "create", { result, rangeEnd, createRevision: random.below(revision + 1) });
      case 2:
        return compare(key, "mod", { result, rangeEnd, modRevision: random.below(revision + 1) });
      case 3:
        return compare(key, "value", { result, rangeEnd, value: "v1#5#" });
      default:
        return compare(key, "lease", { result, rangeEnd });
    }
  }
}
