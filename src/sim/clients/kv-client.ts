/** A client that reads and writes keys at random, as the mix says; each value it writes names the call that wrote it. */
import type { SeededRandom } from "../../consensus/random.ts";
import {
  type ByteString,
  type Compare,
  CompareResult,
  CompareTarget,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
} from "../../wire/kv.ts";
import type { ClientRequest, Outcome } from "../history.ts";
import type { OperationMix, WorkloadPlan } from "../plan/workload-plan.ts";
import type { Caller } from "./caller.ts";

export const KEY_PREFIX = "k/";
/** Behind all keys with the prefix. */
export const KEY_END = "k0";

/** A lease that is never granted. */
const NO_LEASE = 404n;
/** A revision that no run reaches. */
const FAR_REVISION = 2 ** 40;

export function rangeRequest(key: ByteString, given: Partial<RangeRequest> = {}): RangeRequest {
  return {
    key,
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
    ...given,
  };
}

export function putRequest(key: ByteString, value: ByteString, given: Partial<PutRequest> = {}): PutRequest {
  return { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false, ...given };
}

export function compare(target: number, key: ByteString, given: Partial<Compare> = {}): Compare {
  return {
    result: CompareResult.equal,
    target,
    key,
    rangeEnd: "",
    version: 0,
    createRevision: 0,
    modRevision: 0,
    value: "",
    lease: 0n,
    ...given,
  };
}

export class KvClient {
  readonly #caller: Caller;
  readonly #plan: WorkloadPlan;
  readonly #random: SeededRandom;
  readonly #operations: readonly (keyof OperationMix)[];
  /** What it last saw of each key. */
  readonly #seen = new Map<ByteString, number>();
  /** The newest revision it has heard of. */
  #revision = 1;
  #stopped = false;

  constructor(caller: Caller, plan: WorkloadPlan) {
    this.#caller = caller;
    this.#plan = plan;
    this.#random = caller.random;
    const names = Object.keys(plan.mix) as (keyof OperationMix)[];
    this.#operations = names.flatMap((name) => Array.from({ length: plan.mix[name] }, () => name));
  }

  start(): void {
    const { world } = this.#caller;
    const pause = this.#random.between(0, this.#plan.thinkMs);
    world.timeline.at(world.timeline.now + pause, () => {
      if (this.#stopped) return;
      this.#caller.call(this.#draw(), (outcome) => {
        this.#learn(outcome);
        this.start();
      });
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  #draw(): ClientRequest {
    const random = this.#random;
    const key = this.#key();
    switch (this.#operations[random.below(this.#operations.length)] ?? "put") {
      case "put":
        return { type: "put", request: putRequest(key, this.#value(0), { prevKv: random.chance(0.3) }) };
      case "get":
        return { type: "range", request: rangeRequest(key) };
      case "range": {
        const limit = random.chance(0.3) ? 1 + random.below(3) : 0;
        const keysOnly = random.chance(0.1);
        return { type: "range", request: rangeRequest(KEY_PREFIX, { rangeEnd: KEY_END, limit, keysOnly }) };
      }
      case "history": {
        const revision = Math.max(1, this.#revision - random.below(20));
        return { type: "range", request: rangeRequest(KEY_PREFIX, { rangeEnd: KEY_END, revision }) };
      }
      case "serializable":
        return {
          type: "range",
          request: rangeRequest(KEY_PREFIX, { rangeEnd: KEY_END, serializable: true }),
        };
      case "deleteRange":
        return { type: "deleteRange", request: this.#deletion(key) };
      case "compareAndSet": {
        const keys = random.chance(0.4) ? [key, this.#key()] : [key];
        return {
          type: "txn",
          request: {
            compare: keys.map((each) => compare(CompareTarget.mod, each, { modRevision: this.#seen.get(each) ?? 0 })),
            success: [{ type: "put", request: putRequest(key, this.#value(0)) }],
            failure: [{ type: "range", request: rangeRequest(key) }],
          },
        };
      }
      case "multi":
        return { type: "txn", request: this.#multi(key) };
      case "compact":
        return { type: "compact", revision: Math.max(1, this.#revision - random.below(10)) };
    }
  }

  /** One key, all of them, or from one up to another, which stays. */
  #deletion(key: ByteString): Extract<ClientRequest, { type: "deleteRange" }>["request"] {
    const random = this.#random;
    const prevKv = random.chance(0.5);
    const choice = random.fraction();
    if (choice < 0.3) return { key, rangeEnd: KEY_END, prevKv };
    const other = choice < 0.6 ? this.#key() : key;
    if (other === key) return { key, rangeEnd: "", prevKv };
    return other > key ? { key, rangeEnd: other, prevKv } : { key: other, rangeEnd: key, prevKv };
  }

  /** Several keys at once, read or written or both; sometimes it only reads, has a transaction within, or must be refused. */
  #multi(key: ByteString): Extract<ClientRequest, { type: "txn" }>["request"] {
    const random = this.#random;
    const others = new Set<ByteString>([key]);
    for (let more = random.below(3); more >= 0; more--) others.add(this.#key());
    let part = 0;
    const writes = [...others].map(
      (other): RequestOp =>
        random.chance(0.2)
          ? { type: "deleteRange", request: { key: other, rangeEnd: "", prevKv: true } }
          : { type: "put", request: putRequest(other, this.#value(part++), { prevKv: true }) },
    );
    if (random.chance(0.15)) return { compare: [], success: [...writes, this.#impossible(key)], failure: [] };
    const reads = [...others].map((other): RequestOp => ({ type: "range", request: rangeRequest(other) }));
    const exists = compare(CompareTarget.version, key, { result: CompareResult.greater });
    if (random.chance(0.2)) return { compare: [exists], success: reads, failure: reads.slice(0, 1) };
    const inner = { compare: [exists], success: writes, failure: reads };
    if (random.chance(0.2)) return { compare: [], success: [{ type: "txn", request: inner }, ...reads], failure: [] };
    return random.chance(0.5) ? inner : { compare: [], success: [...reads, ...writes], failure: [] };
  }

  /** What a transaction is refused for, as a whole: a lease that nobody has, or a revision that is to come. */
  #impossible(key: ByteString): RequestOp {
    if (this.#random.chance(0.5)) {
      return { type: "put", request: putRequest(`${key}+`, this.#value(9), { lease: NO_LEASE }) };
    }
    return { type: "range", request: rangeRequest(key, { revision: FAR_REVISION }) };
  }

  #key(): ByteString {
    return `${KEY_PREFIX}${this.#random.below(this.#plan.keys)}`;
  }

  #value(part: number): ByteString {
    return `#${this.#caller.recorder.nextId}#${part}`.padEnd(this.#plan.valueBytes, ".");
  }

  #learn(outcome: Outcome): void {
    if (outcome.type !== "answered") return;
    this.#revision = Math.max(this.#revision, outcome.revision);
    const { result } = outcome;
    if (result.type === "range") for (const kv of result.result.kvs) this.#seen.set(kv.key, kv.modRevision);
  }
}
