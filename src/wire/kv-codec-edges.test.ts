import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { QuorateError } from "../errors.ts";
import * as generated from "./gen/etcdserverpb/kv_pb.ts";
import { WatchResponseSchema } from "./gen/etcdserverpb/watch_pb.ts";
import { type Event_EventType, KeyValueSchema } from "./gen/mvccpb/kv_pb.ts";
import type * as kv from "./kv.ts";
import * as codec from "./kv-codec.ts";

suite("codec, beyond what the generated code can be compared with", () => {
  const noHeader: kv.ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

  test("keysOnly leaves the values out and keeps the rest", () => {
    const pair = { key: "k", createRevision: 1, modRevision: 2, version: 3, value: "secret", lease: 4n };
    const result = { kvs: [pair, pair], more: true, count: 9, keysOnly: true };
    const sent = codec.decodeRangeResponse(codec.encodeRangeResponse(noHeader, result));
    const bare = { ...pair, value: "" };
    assert.deepEqual(sent.result, { kvs: [bare, bare], more: true, count: 9, keysOnly: false });
  });

  test("a piece of a streamed range can go without a header", () => {
    const piece = { kvs: [], more: false, count: 0, keysOnly: false };
    const sent = fromBinary(generated.RangeStreamResponseSchema, codec.encodeRangeStreamResponse(null, piece));
    assert.notEqual(sent.rangeResponse, undefined);
    assert.equal(sent.rangeResponse?.header, undefined);
  });

  test("bounds beyond 2^53 are the largest number there is; the same in stored data is refused", () => {
    const max = (1n << 63n) - 1n;
    const request = create(generated.RangeRequestSchema, { limit: max, maxModRevision: max, revision: -max });
    const decoded = codec.decodeRangeRequest(toBinary(generated.RangeRequestSchema, request));
    assert.equal(decoded.limit, Number.MAX_SAFE_INTEGER);
    assert.equal(decoded.maxModRevision, Number.MAX_SAFE_INTEGER);
    assert.equal(decoded.revision, Number.MIN_SAFE_INTEGER);
    const stored = toBinary(KeyValueSchema, create(KeyValueSchema, { modRevision: 1n << 53n }));
    assert.throws(() => codec.decodeKeyValue(stored), /not below 2\^53/);
  });

  test("of a comparison's union only what came last counts", () => {
    const one = (targetUnion: generated.Compare["targetUnion"]): Uint8Array =>
      toBinary(generated.CompareSchema, create(generated.CompareSchema, { target: 3, targetUnion }));
    const both = Buffer.concat([
      one({ case: "version", value: 5n }),
      one({ case: "lease", value: 9n }),
      one({ case: "value", value: new Uint8Array([65]) }),
    ]);
    const txn = Buffer.concat([Uint8Array.of(0x0a, both.length), both]);
    const [compared] = codec.decodeTxnRequest(txn).compare;
    assert.deepEqual(compared, {
      result: 0,
      target: 3,
      key: "",
      rangeEnd: "",
      version: 0,
      createRevision: 0,
      modRevision: 0,
      value: "A",
      lease: 0n,
    });
  });

  test("a known field with another wire type is unknown", () => {
    // Field 1 (key) as a number.
    assert.equal(codec.decodePutRequest(Uint8Array.of(0x08, 0x05)).key, "");
  });

  function nestedTxn(depth: number): kv.TxnRequest {
    let request: kv.TxnRequest = { compare: [], success: [], failure: [] };
    for (let level = 1; level < depth; level++) {
      request = { compare: [], success: [{ type: "txn", request }], failure: [] };
    }
    return request;
  }

  test(`transactions may nest ${codec.MAX_TXN_DEPTH} deep and no deeper`, () => {
    const deepest = nestedTxn(codec.MAX_TXN_DEPTH);
    assert.deepEqual(codec.decodeTxnRequest(codec.encodeTxnRequest(deepest)), deepest);
    assert.throws(
      () => codec.decodeTxnRequest(codec.encodeTxnRequest(nestedTxn(codec.MAX_TXN_DEPTH + 1))),
      (error: unknown) => error instanceof QuorateError && error.code === "TXN_TOO_DEEP",
    );
    // Deep enough to break a stack, in bytes that no encoder made.
    let bomb: Uint8Array = new Uint8Array();
    for (let level = 0; level < 20_000 && bomb.length < 100_000; level++) {
      const op = new BinaryWriter().tag(4, WireType.LengthDelimited).bytes(bomb).finish();
      bomb = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(op).finish();
    }
    assert.throws(() => codec.decodeTxnRequest(bomb), /nests more than 32 deep/);
  });

  test("a transaction's response nests no deeper either, and has no operation without content", () => {
    const nested = (depth: number): kv.TxnResult => {
      let result: kv.TxnResult = { succeeded: true, responses: [] };
      for (let level = 1; level < depth; level++) {
        result = { succeeded: true, responses: [{ type: "txn", revision: 1, result }] };
      }
      return result;
    };
    const deepest = nested(codec.MAX_TXN_DEPTH);
    assert.deepEqual(codec.decodeTxnResponse(codec.encodeTxnResponse(noHeader, deepest)).result, deepest);
    const tooDeep = codec.encodeTxnResponse(noHeader, nested(codec.MAX_TXN_DEPTH + 1));
    assert.throws(() => codec.decodeTxnResponse(tooDeep), /nests more than 32 deep/);
    assert.throws(() => codec.decodeTxnResponse(Uint8Array.of(0x1a, 0)), /without content/);
  });

  test("an event of an unknown type is refused, not guessed", () => {
    const sent = create(WatchResponseSchema, { events: [{ type: 2 as Event_EventType }] });
    assert.throws(() => codec.decodeWatchResponse(toBinary(WatchResponseSchema, sent)), /unknown type 2/);
  });
});
