/** Random requests and commands on few keys, so that they meet. For property tests. */
import fc from "fast-check";
import type { Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from "../../wire/kv.ts";
import type { Command } from "../command.ts";

export const key: fc.Arbitrary<string> = fc.constantFrom("a", "aa", "b", "b\0", "c", "d\xff", "e", "\xff");
/** Also ends that are no keys, below the beginning, and the two special ones. */
export const rangeEnd: fc.Arbitrary<string> = fc.oneof(fc.constantFrom("", "", "\0", "z", "\xff\xff"), key);
const value: fc.Arbitrary<string> = fc.constantFrom("", "x", "y", "longer value", "\xff\0");
const lease: fc.Arbitrary<bigint> = fc.constantFrom(0n, 0n, 0n, 1n, 2n, -3n, 9_007_199_254_740_993n);
const revision: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: -2, max: 40 }) },
);
const bound: fc.Arbitrary<number> = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 30 }) },
);

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc.record(
  {
    key,
    rangeEnd,
    limit: fc.constantFrom(0, 0, 1, 2, 3, -1),
    revision,
    sortOrder: fc.constantFrom(0, 0, 1, 2),
    sortTarget: fc.constantFrom(0, 0, 1, 2, 3, 4),
    serializable: fc.boolean(),
    keysOnly: fc.boolean(),
    countOnly: fc.constantFrom(false, false, false, true),
    minModRevision: bound,
    maxModRevision: bound,
    minCreateRevision: bound,
    maxCreateRevision: bound,
  },
  { noNullPrototype: true },
);

export const putRequest: fc.Arbitrary<PutRequest> = fc
  .record({
    key,
    value,
    lease,
    prevKv: fc.boolean(),
    ignoreValue: fc.constantFrom(false, false, false, true),
    ignoreLease: fc.constantFrom(false, false, false, true),
  })
  .map((put) => ({
    ...put,
    value: put.ignoreValue ? "" : put.value,
    lease: put.ignoreLease ? 0n : put.lease,
  }));

/** Mostly of one key, or nothing would be left. */
export const deleteRangeRequest: fc.Arbitrary<DeleteRangeRequest> = fc.record(
  {
    key,
    rangeEnd: fc.oneof({ weight: 6, arbitrary: fc.constant("") }, { weight: 1, arbitrary: rangeEnd }),
    prevKv: fc.boolean(),
  },
  { noNullPrototype: true },
);

/** Only what belongs to the target travels. */
const compare: fc.Arbitrary<Compare> = fc
  .record(
    {
      result: fc.constantFrom(0, 1, 2, 3),
      target: fc.constantFrom(0, 1, 2, 3, 4),
      key,
      rangeEnd,
      version: fc.integer({ min: 0, max: 3 }),
      createRevision: bound,
      modRevision: bound,
      value,
      lease,
    },
    { noNullPrototype: true },
  )
  .map((one) => ({
    ...one,
    version: one.target === 0 ? one.version : 0,
    createRevision: one.target === 1 ? one.createRevision : 0,
    modRevision: one.target === 2 ? one.modRevision : 0,
    value: one.target === 3 ? one.value : "",
    lease: one.target === 4 ? one.lease : 0n,
  }));

export function txnRequest(depth: number): fc.Arbitrary<TxnRequest> {
  const leaf: fc.Arbitrary<RequestOp>[] = [
    rangeRequest.map((request): RequestOp => ({ type: "range", request })),
    putRequest.map((request): RequestOp => ({ type: "put", request })),
    deleteRangeRequest.map((request): RequestOp => ({ type: "deleteRange", request })),
  ];
  const inner = depth === 0 ? [] : [txnRequest(depth - 1).map((request): RequestOp => ({ type: "txn", request }))];
  const ops = fc.array(fc.oneof(...leaf, ...inner), { maxLength: 4 });
  return fc.record(
    { compare: fc.array(compare, { maxLength: 2 }), success: ops, failure: ops },
    { noNullPrototype: true },
  );
}

/** Commands, mostly writes. */
export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 14, arbitrary: putRequest.map((request): Command => ({ type: "put", request })) },
  { weight: 3, arbitrary: deleteRangeRequest.map((request): Command => ({ type: "deleteRange", request })) },
  { weight: 6, arbitrary: txnRequest(2).map((request): Command => ({ type: "txn", request })) },
  { weight: 2, arbitrary: fc.integer({ min: -1, max: 40 }).map((at): Command => ({ type: "compact", revision: at })) },
  {
    weight: 3,
    arbitrary: fc.record(
      {
        type: fc.constant("leaseGrant" as const),
        id: lease,
        ttl: fc.constantFrom(-5, 1, 60, 9e9, 9e9 + 1),
      },
      { noNullPrototype: true },
    ),
  },
  { weight: 1, arbitrary: lease.map((id): Command => ({ type: "leaseRevoke", id })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ id: lease, remainingTtl: fc.nat(100) }, { noNullPrototype: true })
      .map((checkpoint): Command => ({ type: "leaseCheckpoint", checkpoints: [checkpoint] })),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        type: fc.constant("alarm" as const),
        // Mostly taken back, or the rest of the run would be refused.
        action: fc.constantFrom("activate" as const, "deactivate" as const, "deactivate" as const),
        memberId: fc.constantFrom(1n, 0xffffffffffffffffn),
        alarm: fc.constantFrom(0, 1, 1, 1, 2),
      },
      { noNullPrototype: true },
    ),
  },
);
