import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { QuorateError } from "../errors.ts";
import { bytesOf } from "./byte-string.ts";
import * as generated from "./gen/etcdserverpb/kv_pb.ts";
import { WatchResponseSchema } from "./gen/etcdserverpb/watch_pb.ts";
import { Event_EventType, KeyValueSchema } from "./gen/mvccpb/kv_pb.ts";
import type * as kv from "./kv.ts";
import * as codec from "./kv-codec.ts";

// Arbitrary messages, as Quorate holds them.

/** As `fc.record`, giving plain objects, which is what decoders make. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => String.fromCharCode(...array));
const key = fc.oneof(fc.constant(""), bytes);
const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const anyNumber = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.maxSafeInteger());
const lease = fc.oneof(fc.constant(0n), fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }));
const id = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const enumeration = fc.oneof(fc.nat(5), fc.integer());

const keyValue: fc.Arbitrary<kv.KeyValue> = record({
  key,
  createRevision: number,
  modRevision: number,
  version: number,
  value: key,
  lease,
});
const header: fc.Arbitrary<kv.ResponseHeader> = record({
  clusterId: id,
  memberId: id,
  revision: number,
  raftTerm: number,
});
const rangeRequest: fc.Arbitrary<kv.RangeRequest> = record({
  key,
  rangeEnd: key,
  limit: anyNumber,
  revision: anyNumber,
  sortOrder: enumeration,
  sortTarget: enumeration,
  serializable: fc.boolean(),
  keysOnly: fc.boolean(),
  countOnly: fc.boolean(),
  minModRevision: anyNumber,
  maxModRevision: anyNumber,
  minCreateRevision: anyNumber,
  maxCreateRevision: anyNumber,
});
const putRequest: fc.Arbitrary<kv.PutRequest> = record({
  key,
  value: key,
  lease,
  prevKv: fc.boolean(),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
});
const deleteRangeRequest: fc.Arbitrary<kv.DeleteRangeRequest> = record({
  key,
  rangeEnd: key,
  prevKv: fc.boolean(),
});
const compactionRequest: fc.Arbitrary<kv.CompactionRequest> = record({
  revision: anyNumber,
  physical: fc.boolean(),
});
/** Only the comparand of the target is set: the others cannot be told on the wire. */
const compare: fc.Arbitrary<kv.Compare> = record({
  result: enumeration,
  target: fc.nat(4),
  key,
  rangeEnd: key,
  number: anyNumber,
  value: key,
  lease,
}).map((c) => ({
  result: c.result,
  target: c.target,
  key: c.key,
  rangeEnd: c.rangeEnd,
  version: c.target === 0 ? c.number : 0,
  createRevision: c.target === 1 ? c.number : 0,
  modRevision: c.target === 2 ? c.number : 0,
  value: c.target === 3 ? c.value : "",
  lease: c.target === 4 ? c.lease : 0n,
}));
const { txnRequest } = fc.letrec<{ txnRequest: kv.TxnRequest; operation: kv.RequestOp }>((tie) => ({
  txnRequest: record({
    compare: fc.array(compare, { maxLength: 3 }),
    success: fc.array(tie("operation"), { maxLength: 3 }),
    failure: fc.array(tie("operation"), { maxLength: 2 }),
  }),
  operation: fc.oneof(
    { maxDepth: 3, depthIdentifier: "txn" },
    fc.constant({ type: "empty" } as const),
    rangeRequest.map((request) => ({ type: "range", request }) as const),
    putRequest.map((request) => ({ type: "put", request }) as const),
    deleteRangeRequest.map((request) => ({ type: "deleteRange", request }) as const),
    tie("txnRequest").map((request) => ({ type: "txn", request }) as const),
  ),
}));
const rangeResult: fc.Arbitrary<kv.RangeResult> = record({
  kvs: fc.array(keyValue, { maxLength: 4 }),
  more: fc.boolean(),
  count: number,
  keysOnly: fc.constant(false),
});
const putResult: fc.Arbitrary<kv.PutResult> = record({ prevKv: fc.option(keyValue) });
const deleteRangeResult: fc.Arbitrary<kv.DeleteRangeResult> = record({
  deleted: number,
  prevKvs: fc.array(keyValue, { maxLength: 4 }),
});
const { txnResult } = fc.letrec<{ txnResult: kv.TxnResult; operation: kv.ResponseOp }>((tie) => ({
  txnResult: record({ succeeded: fc.boolean(), responses: fc.array(tie("operation"), { maxLength: 3 }) }),
  operation: fc.oneof(
    { maxDepth: 3, depthIdentifier: "txn" },
    record({ type: fc.constant("range" as const), revision: number, result: rangeResult }),
    record({ type: fc.constant("put" as const), revision: number, result: putResult }),
    record({ type: fc.constant("deleteRange" as const), revision: number, result: deleteRangeResult }),
    record({ type: fc.constant("txn" as const), revision: number, result: tie("txnResult") }),
  ),
}));
const watchResponse: fc.Arbitrary<kv.WatchResponse> = record({
  header,
  watchId: anyNumber,
  created: fc.boolean(),
  canceled: fc.boolean(),
  compactRevision: number,
  cancelReason: fc.string({ unit: "grapheme" }),
  fragment: fc.boolean(),
  events: fc.array(
    record({ type: fc.constantFrom("put" as const, "delete" as const), kv: keyValue, prevKv: fc.option(keyValue) }),
    { maxLength: 4 },
  ),
});

// The same messages for the generated code.

type Init<S extends DescMessage> = MessageInitShape<S>;

const big = BigInt;

const keyValueInit = (m: kv.KeyValue): Init<typeof KeyValueSchema> => ({
  key: bytesOf(m.key),
  createRevision: big(m.createRevision),
  modRevision: big(m.modRevision),
  version: big(m.version),
  value: bytesOf(m.value),
  lease: m.lease,
});
const headerInit = (m: kv.ResponseHeader) => ({
  clusterId: m.clusterId,
  memberId: m.memberId,
  revision: big(m.revision),
  raftTerm: big(m.raftTerm),
});
const rangeRequestInit = (m: kv.RangeRequest): Init<typeof generated.RangeRequestSchema> => ({
  ...m,
  key: bytesOf(m.key),
  rangeEnd: bytesOf(m.rangeEnd),
  limit: big(m.limit),
  revision: big(m.revision),
  sortOrder: m.sortOrder as generated.RangeRequest_SortOrder,
  sortTarget: m.sortTarget as generated.RangeRequest_SortTarget,
  minModRevision: big(m.minModRevision),
  maxModRevision: big(m.maxModRevision),
  minCreateRevision: big(m.minCreateRevision),
  maxCreateRevision: big(m.maxCreateRevision),
});
const putRequestInit = (m: kv.PutRequest): Init<typeof generated.PutRequestSchema> => ({
  ...m,
  key: bytesOf(m.key),
  value: bytesOf(m.value),
});
const deleteRangeRequestInit = (m: kv.DeleteRangeRequest): Init<typeof generated.DeleteRangeRequestSchema> => ({
  ...m,
  key: bytesOf(m.key),
  rangeEnd: bytesOf(m.rangeEnd),
});
const compactionRequestInit = (m: kv.CompactionRequest): Init<typeof generated.CompactionRequestSchema> => ({
  ...m,
  revision: big(m.revision),
});
const compareInit = (m: kv.Compare): Init<typeof generated.CompareSchema> => ({
  result: m.result as generated.Compare_CompareResult,
  target: m.target as generated.Compare_CompareTarget,
  key: bytesOf(m.key),
  rangeEnd: bytesOf(m.rangeEnd),
  targetUnion: (
    [
      { case: "version", value: big(m.version) },
      { case: "createRevision", value: big(m.createRevision) },
      { case: "modRevision", value: big(m.modRevision) },
      { case: "value", value: bytesOf(m.value) },
      { case: "lease", value: m.lease },
    ] as const
  )[m.target] ?? { case: undefined },
});
function requestOpInit(op: kv.RequestOp): Init<typeof generated.RequestOpSchema> {
  switch (op.type) {
    case "range":
      return { request: { case: "requestRange", value: rangeRequestInit(op.request) } };
    case "put":
      return { request: { case: "requestPut", value: putRequestInit(op.request) } };
    case "deleteRange":
      return { request: { case: "requestDeleteRange", value: deleteRangeRequestInit(op.request) } };
    case "txn":
      return { request: { case: "requestTxn", value: txnRequestInit(op.request) } };
    case "empty":
      return {};
  }
}
const txnRequestInit = (m: kv.TxnRequest): Init<typeof generated.TxnRequestSchema> => ({
  compare: m.compare.map(compareInit),
  success: m.success.map(requestOpInit),
  failure: m.failure.map(requestOpInit),
});

/** A result together with its header: what the response codecs take and give. */
interface Reply<R> {
  readonly header: kv.ResponseHeader;
  readonly result: R;
}
const reply = <R>(result: fc.Arbitrary<R>): fc.Arbitrary<Reply<R>> => record({ header, result });

const rangeInit = (m: Reply<kv.RangeResult>): Init<typeof generated.RangeResponseSchema> => ({
  header: headerInit(m.header),
  kvs: m.result.kvs.map(keyValueInit),
  more: m.result.more,
  count: big(m.result.count),
});
const putInit = (m: Reply<kv.PutResult>): Init<typeof generated.PutResponseSchema> => ({
  header: headerInit(m.header),
  ...(m.result.prevKv === null ? {} : { prevKv: keyValueInit(m.result.prevKv) }),
});
const deleteRangeInit = (m: Reply<kv.DeleteRangeResult>): Init<typeof generated.DeleteRangeResponseSchema> => ({
  header: headerInit(m.header),
  deleted: big(m.result.deleted),
  prevKvs: m.result.prevKvs.map(keyValueInit),
});
function responseOpInit(op: kv.ResponseOp): Init<typeof generated.ResponseOpSchema> {
  const nested = { clusterId: 0n, memberId: 0n, revision: op.revision, raftTerm: 0 };
  switch (op.type) {
    case "range":
      return { response: { case: "responseRange", value: rangeInit({ header: nested, result: op.result }) } };
    case "put":
      return { response: { case: "responsePut", value: putInit({ header: nested, result: op.result }) } };
    case "deleteRange":
      return {
        response: { case: "responseDeleteRange", value: deleteRangeInit({ header: nested, result: op.result }) },
      };
    case "txn":
      return { response: { case: "responseTxn", value: txnInit({ header: nested, result: op.result }) } };
  }
}
const txnInit = (m: Reply<kv.TxnResult>): Init<typeof generated.TxnResponseSchema> => ({
  header: headerInit(m.header),
  succeeded: m.result.succeeded,
  responses: m.result.responses.map(responseOpInit),
});
const watchInit = (m: kv.WatchResponse): Init<typeof WatchResponseSchema> => ({
  ...m,
  header: headerInit(m.header),
  watchId: big(m.watchId),
  compactRevision: big(m.compactRevision),
  events: m.events.map((event) => ({
    type: event.type === "put" ? Event_EventType.PUT : Event_EventType.DELETE,
    kv: keyValueInit(event.kv),
    ...(event.prevKv === null ? {} : { prevKv: keyValueInit(event.prevKv) }),
  })),
});

interface Case {
  readonly name: string;
  readonly schema: DescMessage;
  readonly message: fc.Arbitrary<unknown>;
  readonly init: (message: unknown) => Record<string, unknown>;
  readonly encode: (message: unknown) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

function messageCase<S extends DescMessage, M>(
  schema: S,
  message: fc.Arbitrary<M>,
  init: (message: M) => Init<S>,
  encode: (message: M) => Uint8Array,
  decode: (bytes: Uint8Array) => M,
): Case {
  return { name: schema.typeName, schema, message, init, encode, decode } as Case;
}

const cases: readonly Case[] = [
  messageCase(KeyValueSchema, keyValue, keyValueInit, codec.encodeKeyValue, codec.decodeKeyValue),
  messageCase(
    generated.RangeRequestSchema,
    rangeRequest,
    rangeRequestInit,
    codec.encodeRangeRequest,
    codec.decodeRangeRequest,
  ),
  messageCase(generated.PutRequestSchema, putRequest, putRequestInit, codec.encodePutRequest, codec.decodePutRequest),
  messageCase(
    generated.DeleteRangeRequestSchema,
    deleteRangeRequest,
    deleteRangeRequestInit,
    codec.encodeDeleteRangeRequest,
    codec.decodeDeleteRangeRequest,
  ),
  messageCase(
    generated.CompactionRequestSchema,
    compactionRequest,
    compactionRequestInit,
    codec.encodeCompactionRequest,
    codec.decodeCompactionRequest,
  ),
  messageCase(generated.TxnRequestSchema, txnRequest, txnRequestInit, codec.encodeTxnRequest, codec.decodeTxnRequest),
  messageCase(
    generated.RangeResponseSchema,
    reply(rangeResult),
    rangeInit,
    (m) => codec.encodeRangeResponse(m.header, m.result),
    codec.decodeRangeResponse,
  ),
  messageCase(
    generated.RangeStreamResponseSchema,
    reply(rangeResult),
    (m) => ({ rangeResponse: rangeInit(m) }),
    (m) => codec.encodeRangeStreamResponse(m.header, m.result),
    codec.decodeRangeStreamResponse,
  ),
  messageCase(
    generated.PutResponseSchema,
    reply(putResult),
    putInit,
    (m) => codec.encodePutResponse(m.header, m.result),
    codec.decodePutResponse,
  ),
  messageCase(
    generated.DeleteRangeResponseSchema,
    reply(deleteRangeResult),
    deleteRangeInit,
    (m) => codec.encodeDeleteRangeResponse(m.header, m.result),
    codec.decodeDeleteRangeResponse,
  ),
  messageCase(
    generated.TxnResponseSchema,
    reply(txnResult),
    txnInit,
    (m) => codec.encodeTxnResponse(m.header, m.result),
    codec.decodeTxnResponse,
  ),
  messageCase(
    generated.CompactionResponseSchema,
    header,
    (m) => ({ header: headerInit(m) }),
    codec.encodeCompactionResponse,
    codec.decodeCompactionResponse,
  ),
  messageCase(WatchResponseSchema, watchResponse, watchInit, codec.encodeWatchResponse, codec.decodeWatchResponse),
];

function hex(array: Uint8Array): string {
  return Buffer.from(array).toString("hex");
}

/** Fields that no message of ours has, of several wire types. */
function unknownFields(): Uint8Array {
  const w = new BinaryWriter();
  w.tag(1000, WireType.Varint).uint64(12345678901234n);
  w.tag(1001, WireType.LengthDelimited).bytes(new Uint8Array([1, 2, 3]));
  w.tag(1002, WireType.Bit32).fixed32(7);
  return w.finish();
}

for (const { name, schema, message, init, encode, decode } of cases) {
  suite(name, () => {
    const generatedBytes = (m: unknown): Uint8Array => toBinary(schema, create(schema, init(m)));

    test("is encoded to the bytes of the generated code", () => {
      fc.assert(fc.property(message, (m) => assert.equal(hex(encode(m)), hex(generatedBytes(m)))));
    });

    test("is decoded from the bytes of the generated code", () => {
      fc.assert(fc.property(message, (m) => assert.deepEqual(decode(generatedBytes(m)), m)));
    });

    test("two encodings joined are merged as the generated code merges them", () => {
      fc.assert(
        fc.property(message, message, (a, b) => {
          const joined = Buffer.concat([encode(a), encode(b)]);
          // Back to bytes: equal bytes are equal messages.
          assert.equal(hex(encode(decode(joined))), hex(toBinary(schema, fromBinary(schema, joined))));
        }),
      );
    });

    test("unknown fields are passed over", () => {
      fc.assert(
        fc.property(message, (m) => {
          assert.deepEqual(decode(Buffer.concat([unknownFields(), encode(m), unknownFields()])), m);
        }),
      );
    });

    test("every cut and every damaged byte gives a message or a QuorateError", () => {
      fc.assert(
        fc.property(message, fc.nat(), fc.nat(255), fc.nat(), (m, at, byte, cut) => {
          const damaged = Uint8Array.from(encode(m));
          if (damaged.length > 0) damaged[at % damaged.length] = byte;
          for (const piece of [damaged, damaged.subarray(0, cut % (damaged.length + 1))]) {
            try {
              decode(piece);
            } catch (error) {
              assert.ok(error instanceof QuorateError, String(error));
            }
          }
        }),
        { numRuns: 300 },
      );
    });

    test("any bytes give a message or a QuorateError", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 64 }), (any) => {
          try {
            decode(any);
          } catch (error) {
            assert.ok(error instanceof QuorateError, String(error));
          }
        }),
        { numRuns: 500 },
      );
    });

    test("no bytes are the message with every default", () => {
      assert.equal(hex(toBinary(schema, fromBinary(schema, new Uint8Array()))), "");
      assert.doesNotThrow(() => decode(new Uint8Array()));
    });
  });
}
