/** Thousands of random requests on a few keys, one after the other to both: what nobody thought of. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  CompactionRequestSchema,
  CompactionResponseSchema,
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  TxnRequestSchema,
  TxnResponseSchema,
} from "../../src/wire/gen/etcdserverpb/kv_pb.ts";
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
} from "../../src/wire/gen/etcdserverpb/lease_pb.ts";
import { ETCD, missing } from "../support/programs.ts";
import { type Seeded, seeded } from "../support/seeded.ts";
import { type Answer, Twins } from "./twins.ts";

const REQUESTS = 2_000;

type Range = MessageInitShape<typeof RangeRequestSchema>;
type Put = MessageInitShape<typeof PutRequestSchema>;
type Delete = MessageInitShape<typeof DeleteRangeRequestSchema>;
type Txn = MessageInitShape<typeof TxnRequestSchema>;
type Op = NonNullable<Txn["success"]>[number];
type Compare = NonNullable<Txn["compare"]>[number];

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const KEYS = ["a", "b", "ba", "bb", "c", "d"];
const ENDS = ["", "", "", "\0", "b", "bb", "c", "z"];

class Draws {
  readonly #random: Seeded;
  revision = 1;
  /** What may be wrong with a request that is being drawn. */
  #faults: "revisions" | "puts" | "both" = "both";

  constructor(random: Seeded) {
    this.#random = random;
  }

  anyFault(): void {
    this.#faults = "both";
  }

  chance(oneIn: number): boolean {
    return this.#random.below(oneIn) === 0;
  }

  below(limit: number): number {
    return this.#random.below(limit);
  }

  key(): Uint8Array {
    return bytes(this.#random.pick(KEYS));
  }

  keys(): { key: Uint8Array; rangeEnd: Uint8Array } {
    return { key: this.key(), rangeEnd: bytes(this.#random.pick(ENDS)) };
  }

  lease(): bigint {
    if (this.#faults === "revisions") return 0n;
    return this.chance(4) ? BigInt(this.below(4)) : 0n;
  }

  put(): Put {
    const faulty = this.#faults !== "revisions";
    const keepValue = faulty && this.chance(10);
    const lease = this.lease();
    return {
      key: this.key(),
      value: keepValue && !this.chance(5) ? bytes("") : bytes("v".repeat(this.below(4))),
      lease,
      prevKv: this.chance(2),
      ignoreValue: keepValue,
      ignoreLease: faulty && this.chance(10),
    };
  }

  delete(): Delete {
    return { ...this.keys(), prevKv: this.chance(2) };
  }

  /**
   * Not up to the end of all keys: etcd fails to see that such a deletion overlaps a put in the same transaction, and
   * takes both.
   */
  deleteInTxn(): Delete {
    const { key, rangeEnd, prevKv } = this.delete() as { key: Uint8Array; rangeEnd: Uint8Array; prevKv: boolean };
    return { key, rangeEnd: rangeEnd[0] === 0 ? bytes("z") : rangeEnd, prevKv };
  }

  /** Keys are sorted by what is different in each, or not at all: etcd leaves the order of equals open. */
  range(): Range {
    const old = this.#faults !== "puts" && this.chance(3) ? Math.max(0, this.revision - this.below(12)) : 0;
    const target = this.below(3);
    return {
      ...this.keys(),
      revision: BigInt(old),
      limit: this.chance(2) ? BigInt(this.below(4)) : 0n,
      sortOrder: (target === 0 ? this.below(3) : 0) as 0,
      sortTarget: 0,
      countOnly: this.chance(8),
      keysOnly: this.chance(8),
      serializable: this.chance(3),
      minModRevision: this.chance(8) ? BigInt(this.below(this.revision + 1)) : 0n,
      maxCreateRevision: this.chance(8) ? BigInt(this.below(this.revision + 1)) : 0n,
    };
  }

  compare(): Compare {
    const result = this.below(4) as 0;
    const range = this.chance(3) ? this.keys() : { key: this.key() };
    switch (this.below(5)) {
      case 0:
        return { ...range, result, target: 0, targetUnion: { case: "version", value: BigInt(this.below(4)) } };
      case 1:
        return {
          ...range,
          result,
          target: 1,
          targetUnion: { case: "createRevision", value: BigInt(this.below(this.revision)) },
        };
      case 2:
        return {
          ...range,
          result,
          target: 2,
          targetUnion: { case: "modRevision", value: BigInt(this.below(this.revision)) },
        };
      case 3:
        return { ...range, result, target: 3, targetUnion: { case: "value", value: bytes("v".repeat(this.below(4))) } };
      default:
        return { ...range, result, target: 4, targetUnion: { case: "lease", value: BigInt(this.below(4)) } };
    }
  }

  op(depth: number): Op {
    switch (this.below(depth > 0 ? 8 : 7)) {
      case 0:
      case 1:
      case 2:
        return { request: { case: "requestPut", value: this.put() } };
      case 3:
      case 4:
        return { request: { case: "requestDeleteRange", value: this.deleteInTxn() } };
      case 5:
      case 6:
        return { request: { case: "requestRange", value: this.range() } };
      default:
        return { request: { case: "requestTxn", value: this.txn(depth - 1) } };
    }
  }

  /** With at most one kind of fault: of several, etcd names those of puts first, wherever they stand. */
  txn(depth = 2): Txn {
    if (depth === 2) this.#faults = this.chance(2) ? "revisions" : "puts";
    const list = <T>(most: number, draw: () => T): T[] => Array.from({ length: this.below(most + 1) }, draw);
    return {
      compare: list(2, () => this.compare()),
      success: list(3, () => this.op(depth)),
      failure: list(3, () => this.op(depth)),
    };
  }
}

describe("random requests, as etcd answers them", { skip: missing(ETCD), timeout: 300_000 }, () => {
  let twins: Twins;
  before(async () => {
    twins = await Twins.start();
  });
  after(() => twins?.stop());

  test(`${REQUESTS} requests have the same answers`, async (t) => {
    const random = seeded();
    t.diagnostic(`QUORATE_CHAOS_SEED=${random.seed}`);
    const draws = new Draws(random);
    const seen = new Map<string, number>();
    for (let n = 0; n < REQUESTS; n++) {
      const { what, request, answers } = ask(twins, draws);
      const { etcd, quorate } = await answers;
      assert.deepEqual(quorate, etcd, `request ${n} of seed ${random.seed}: ${what} ${show(request)}`);
      const outcome = "code" in etcd ? `${what}: ${String(etcd["details"])}` : what;
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      const header = etcd["header"] as { revision?: string } | undefined;
      draws.revision = Math.max(draws.revision, Number(header?.revision ?? 0));
    }
    // A generator that never gets beyond errors would prove nothing.
    for (const what of ["put", "delete", "range", "txn", "compact", "grant", "revoke"]) {
      assert.ok((seen.get(what) ?? 0) > 10, `${what} succeeded ${seen.get(what) ?? 0} times`);
    }
  });
});

function ask(
  twins: Twins,
  draws: Draws,
): { what: string; request: unknown; answers: Promise<{ etcd: Answer; quorate: Answer }> } {
  const dice = draws.below(40);
  if (dice < 12) {
    const request = draws.txn();
    draws.anyFault();
    return {
      what: "txn",
      request,
      answers: twins.ask("/etcdserverpb.KV/Txn", TxnRequestSchema, TxnResponseSchema, request),
    };
  }
  if (dice < 20) {
    const request = draws.put();
    return {
      what: "put",
      request,
      answers: twins.ask("/etcdserverpb.KV/Put", PutRequestSchema, PutResponseSchema, request),
    };
  }
  if (dice < 24) {
    const request = draws.delete();
    const path = "/etcdserverpb.KV/DeleteRange";
    return {
      what: "delete",
      request,
      answers: twins.ask(path, DeleteRangeRequestSchema, DeleteRangeResponseSchema, request),
    };
  }
  if (dice < 36) {
    const request = draws.range();
    return {
      what: "range",
      request,
      answers: twins.ask("/etcdserverpb.KV/Range", RangeRequestSchema, RangeResponseSchema, request),
    };
  }
  if (dice === 36) {
    const request = { revision: BigInt(Math.max(0, draws.revision + 1 - draws.below(20))) };
    const path = "/etcdserverpb.KV/Compact";
    return {
      what: "compact",
      request,
      answers: twins.ask(path, CompactionRequestSchema, CompactionResponseSchema, request),
    };
  }
  const ID = BigInt(1 + draws.below(3));
  if (dice < 39) {
    const request = { TTL: 3_600n, ID };
    const path = "/etcdserverpb.Lease/LeaseGrant";
    return {
      what: "grant",
      request,
      answers: twins.ask(path, LeaseGrantRequestSchema, LeaseGrantResponseSchema, request),
    };
  }
  const path = "/etcdserverpb.Lease/LeaseRevoke";
  return {
    what: "revoke",
    request: { ID },
    answers: twins.ask(path, LeaseRevokeRequestSchema, LeaseRevokeResponseSchema, { ID }),
  };
}

function show(request: unknown): string {
  return JSON.stringify(request, (_name, value: unknown) => {
    if (typeof value === "bigint") return `${value}n`;
    return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
  });
}
