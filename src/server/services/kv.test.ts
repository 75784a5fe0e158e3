import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { encodeCommand } from "../../keyspace/command.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import {
  CompactionRequestSchema,
  CompactionResponseSchema,
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  RangeStreamResponseSchema,
  TxnRequestSchema,
  TxnResponseSchema,
} from "../../wire/gen/etcdserverpb/kv_pb.ts";
import type { TestClient } from "../testing/client.ts";
import { withServer } from "../testing/harness.ts";

const RANGE = "/etcdserverpb.KV/Range";
const PUT = "/etcdserverpb.KV/Put";
const DELETE = "/etcdserverpb.KV/DeleteRange";
const TXN = "/etcdserverpb.KV/Txn";
const COMPACT = "/etcdserverpb.KV/Compact";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

function put(client: TestClient, key: string, value: string): Promise<unknown> {
  return client.call(PUT, PutRequestSchema, PutResponseSchema, { key: bytes(key), value: bytes(value) });
}

test("a put, a range, a delete: values, counts, revisions, headers", async () => {
  await withServer(async ({ client, replica }) => {
    const first = await client.call(PUT, PutRequestSchema, PutResponseSchema, { key: bytes("a"), value: bytes("1") });
    assert.deepEqual(
      [first.header?.clusterId, first.header?.memberId, first.header?.revision, first.header?.raftTerm],
      [replica.clusterId, replica.memberId, 2n, 7n],
    );
    assert.equal(first.prevKv, undefined);
    const again = await client.call(PUT, PutRequestSchema, PutResponseSchema, {
      key: bytes("a"),
      value: bytes("2"),
      prevKv: true,
    });
    assert.equal(text(again.prevKv?.value ?? bytes("")), "1");
    await put(client, "b", "3");
    const range = await client.call(RANGE, RangeRequestSchema, RangeResponseSchema, {
      key: bytes("a"),
      rangeEnd: bytes("z"),
      limit: 1n,
    });
    assert.equal(range.count, 2n);
    assert.equal(range.more, true);
    assert.equal(range.header?.revision, 4n);
    const [kv] = range.kvs;
    assert.deepEqual(
      [kv?.createRevision, kv?.modRevision, kv?.version, text(kv?.value ?? bytes(""))],
      [2n, 3n, 2n, "2"],
    );
    const old = await client.call(RANGE, RangeRequestSchema, RangeResponseSchema, { key: bytes("a"), revision: 2n });
    assert.equal(text(old.kvs[0]?.value ?? bytes("")), "1");
    const deleted = await client.call(DELETE, DeleteRangeRequestSchema, DeleteRangeResponseSchema, {
      key: bytes("\0"),
      rangeEnd: bytes("\0"),
      prevKv: true,
    });
    assert.equal(deleted.deleted, 2n);
    assert.equal(deleted.prevKvs.length, 2);
    assert.equal(deleted.header?.revision, 5n);
  });
});

test("a write's bytes reach the log as the client sent them", async () => {
  await withServer(async ({ client, replica }) => {
    const request = create(PutRequestSchema, { key: bytes("k"), value: bytes("v"), prevKv: true });
    // A field of a later version must survive, too.
    const sent = Uint8Array.from([...toBinary(PutRequestSchema, request), 0xf8, 0x01, 0x2a]);
    await client.raw(PUT, sent);
    assert.deepEqual([...(replica.proposed[0] ?? [])], [1, ...sent]);
  });
});

test("linearizable reads wait for the replica, serializable ones and transactions made of them do not", async () => {
  await withServer(async ({ client, replica }) => {
    await client.call(RANGE, RangeRequestSchema, RangeResponseSchema, { key: bytes("a") });
    assert.equal(replica.reads, 1);
    await client.call(RANGE, RangeRequestSchema, RangeResponseSchema, { key: bytes("a"), serializable: true });
    assert.equal(replica.reads, 1);
    const readOnly = (serializable: boolean) => ({
      success: [{ request: { case: "requestRange" as const, value: { key: bytes("a"), serializable } } }],
    });
    await client.call(TXN, TxnRequestSchema, TxnResponseSchema, readOnly(true));
    assert.equal(replica.reads, 1);
    await client.call(TXN, TxnRequestSchema, TxnResponseSchema, readOnly(false));
    assert.equal(replica.reads, 2);
    await client.call(TXN, TxnRequestSchema, TxnResponseSchema, {});
    assert.equal(replica.reads, 3, "comparisons alone are reads, too");
    assert.equal(replica.proposed.length, 0, "a read was written into the log");
  });
});

test("a transaction compares, and writes with one revision", async () => {
  await withServer(async ({ client }) => {
    await put(client, "a", "1");
    const answer = await client.call(TXN, TxnRequestSchema, TxnResponseSchema, {
      compare: [{ key: bytes("a"), target: 3, result: 0, targetUnion: { case: "value", value: bytes("1") } }],
      success: [
        { request: { case: "requestPut", value: { key: bytes("a"), value: bytes("2") } } },
        { request: { case: "requestPut", value: { key: bytes("b"), value: bytes("2") } } },
        { request: { case: "requestRange", value: { key: bytes("a"), rangeEnd: bytes("c") } } },
      ],
    });
    assert.equal(answer.succeeded, true);
    assert.equal(answer.header?.revision, 3n);
    const range = answer.responses[2]?.response;
    assert.ok(range?.case === "responseRange");
    assert.deepEqual(
      range.value.kvs.map(({ modRevision }) => modRevision),
      [3n, 3n],
    );
  });
});

test("errors have etcd's codes and texts", async () => {
  await withServer(
    async ({ client, replica }) => {
      const failures = {
        "no key": await client.failure(RANGE, RangeRequestSchema, {}),
        "no key to put": await client.failure(PUT, PutRequestSchema, {}),
        "a future revision": await client.failure(RANGE, RangeRequestSchema, { key: bytes("a"), revision: 99n }),
        "an unknown lease": await client.failure(PUT, PutRequestSchema, { key: bytes("a"), lease: 5n }),
        "a bad sort": await client.failure(RANGE, RangeRequestSchema, { key: bytes("a"), sortOrder: 9 as never }),
        "too many operations": await client.failure(TXN, TxnRequestSchema, {
          success: ["a", "b", "c"].map((key) => ({
            request: { case: "requestRange" as const, value: { key: bytes(key) } },
          })),
        }),
        "a key twice": await client.failure(TXN, TxnRequestSchema, {
          success: ["a", "a"].map((key) => ({ request: { case: "requestPut" as const, value: { key: bytes(key) } } })),
        }),
        "a large request": await client.failure(PUT, PutRequestSchema, {
          key: bytes("a"),
          value: new Uint8Array(2_000),
        }),
        "a compaction of the future": await client.failure(COMPACT, CompactionRequestSchema, { revision: 99n }),
      };
      assert.deepEqual(failures, {
        "no key": { code: 3, details: "etcdserver: key is not provided" },
        "no key to put": { code: 3, details: "etcdserver: key is not provided" },
        "a future revision": { code: 11, details: "etcdserver: mvcc: required revision is a future revision" },
        "an unknown lease": { code: 5, details: "etcdserver: requested lease not found" },
        "a bad sort": { code: 3, details: "etcdserver: invalid sort option" },
        "too many operations": { code: 3, details: "etcdserver: too many operations in txn request" },
        "a key twice": { code: 3, details: "etcdserver: duplicate key given in txn request" },
        "a large request": { code: 3, details: "etcdserver: request is too large" },
        "a compaction of the future": { code: 11, details: "etcdserver: mvcc: required revision is a future revision" },
      });
      for (const key of ["a", "b", "c"]) await put(client, key, "x");
      const compacted = await client.call(COMPACT, CompactionRequestSchema, CompactionResponseSchema, { revision: 3n });
      assert.equal(compacted.header?.revision, 4n);
      const below = await client.failure(RANGE, RangeRequestSchema, { key: bytes("a"), revision: 2n });
      assert.deepEqual(below, { code: 11, details: "etcdserver: mvcc: required revision has been compacted" });
      replica.failWith = etcdErrors.tooManyRequests();
      assert.deepEqual(await client.failure(PUT, PutRequestSchema, { key: bytes("a") }), {
        code: 2,
        details: "etcdserver: too many requests",
      });
      replica.failWith = etcdErrors.timeout();
      assert.deepEqual(await client.failure(RANGE, RangeRequestSchema, { key: bytes("a") }), {
        code: 14,
        details: "etcdserver: request timed out",
      });
    },
    { maxTxnOps: 2, maxRequestBytes: 1_000 },
  );
});

test("bytes that are no message are refused, and so is what is far too large to be read", async () => {
  await withServer(
    async ({ client }) => {
      const malformed = await client.raw(PUT, Uint8Array.of(0x0a, 0x7f, 0x00));
      assert.ok(!(malformed instanceof Uint8Array));
      assert.equal(malformed.code, 3);
      assert.match(malformed.details, /not a valid protobuf message/);
      const huge = await client.raw(PUT, new Uint8Array(600 * 1024));
      assert.ok(!(huge instanceof Uint8Array));
      assert.equal(huge.code, 8);
    },
    { maxRequestBytes: 1_000 },
  );
});

test("over the quota, writes are refused and the alarm is raised, once; reads and deletes go on", async () => {
  await withServer(
    async ({ client, replica }) => {
      const value = new Uint8Array(600);
      await client.call(PUT, PutRequestSchema, PutResponseSchema, { key: bytes("a"), value });
      await client.call(PUT, PutRequestSchema, PutResponseSchema, { key: bytes("b"), value });
      const full = { code: 8, details: "etcdserver: mvcc: database space exceeded" };
      assert.deepEqual(
        await client.failure(PUT, PutRequestSchema, { key: bytes("c"), value: new Uint8Array(900) }),
        full,
      );
      assert.deepEqual(replica.keyspace.alarms.list(), [{ memberId: replica.memberId, alarm: 1 }]);
      assert.deepEqual(await client.failure(PUT, PutRequestSchema, { key: bytes("c") }), full);
      const before = replica.proposed.length;
      assert.deepEqual(
        await client.failure(PUT, PutRequestSchema, { key: bytes("c"), value: new Uint8Array(900) }),
        full,
      );
      assert.equal(replica.proposed.length, before, "the alarm was raised again");
      const range = await client.call(RANGE, RangeRequestSchema, RangeResponseSchema, { key: bytes("a") });
      assert.equal(range.count, 1n);
      await client.call(DELETE, DeleteRangeRequestSchema, DeleteRangeResponseSchema, { key: bytes("a") });
      const { memberId } = replica;
      replica.apply(encodeCommand({ type: "alarm", action: "deactivate", memberId, alarm: 1 }));
      await client.call(PUT, PutRequestSchema, PutResponseSchema, { key: bytes("c") });
    },
    { quotaBytes: 2_000 },
  );
});

test("a range stream comes in pieces of one revision, and only the last has header, count and more", async () => {
  await withServer(async ({ client, replica }) => {
    const value = "v".repeat(10_000);
    for (let n = 0; n < 100; n++) {
      const key = `k${String(n).padStart(3, "0")}`;
      replica.apply(
        encodeCommand({
          type: "put",
          request: { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false },
        }),
      );
    }
    const request = toBinary(
      RangeRequestSchema,
      create(RangeRequestSchema, { key: bytes("k"), rangeEnd: bytes("l"), limit: 90n }),
    );
    const { messages, failure } = await client.stream("/etcdserverpb.KV/RangeStream", request);
    assert.equal(failure, null);
    const pieces = messages.map((message) => fromBinary(RangeStreamResponseSchema, message).rangeResponse);
    assert.ok(pieces.length > 2, `${pieces.length} pieces`);
    assert.equal(
      pieces.reduce((sum, piece) => sum + (piece?.kvs.length ?? 0), 0),
      90,
    );
    pieces.slice(0, -1).forEach((piece) => {
      assert.equal(piece?.header, undefined);
      assert.equal(piece?.count, 0n);
      assert.equal(piece?.more, false);
    });
    const last = pieces.at(-1);
    assert.deepEqual([last?.header?.revision, last?.count, last?.more], [101n, 100n, true]);
    const sorted = toBinary(
      RangeRequestSchema,
      create(RangeRequestSchema, { key: bytes("k"), rangeEnd: bytes("l"), sortOrder: 2 }),
    );
    const refused = await client.stream("/etcdserverpb.KV/RangeStream", sorted);
    assert.equal(refused.failure?.code, 12);
  });
});
