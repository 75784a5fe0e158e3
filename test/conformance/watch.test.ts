/** One watch stream to each, the same requests on it and the same writes beside it: both must tell the same. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type MessageInitShape, toJson } from "@bufbuild/protobuf";
import type { TestStream } from "../../src/server/testing/client.ts";
import {
  CompactionRequestSchema,
  CompactionResponseSchema,
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
  TxnRequestSchema,
  TxnResponseSchema,
} from "../../src/wire/gen/etcdserverpb/kv_pb.ts";
import {
  type WatchCreateRequestSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "../../src/wire/gen/etcdserverpb/watch_pb.ts";
import { eventually } from "../support/eventually.ts";
import { ETCD, missing } from "../support/programs.ts";
import { type Answer, normal, type Twin, Twins } from "./twins.ts";

type Stream = TestStream<typeof WatchRequestSchema, typeof WatchResponseSchema>;
type Create = MessageInitShape<typeof WatchCreateRequestSchema>;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
describe("watches, as etcd tells them", { skip: missing(ETCD), timeout: 120_000 }, () => {
  let twins: Twins;
  before(async () => {
    twins = await Twins.start();
  });
  after(() => twins?.stop());

  const put = (key: string, value: string): Promise<unknown> =>
    twins.ask("/etcdserverpb.KV/Put", PutRequestSchema, PutResponseSchema, { key: bytes(key), value: bytes(value) });
  const remove = (key: string, rangeEnd = ""): Promise<unknown> =>
    twins.ask("/etcdserverpb.KV/DeleteRange", DeleteRangeRequestSchema, DeleteRangeResponseSchema, {
      key: bytes(key),
      rangeEnd: bytes(rangeEnd),
    });
  const putAll = (...keys: string[]): Promise<unknown> =>
    twins.ask("/etcdserverpb.KV/Txn", TxnRequestSchema, TxnResponseSchema, {
      success: keys.map((key) => ({
        request: { case: "requestPut" as const, value: { key: bytes(key), value: bytes("t") } },
      })),
    });
  const compact = (revision: bigint): Promise<unknown> =>
    twins.ask("/etcdserverpb.KV/Compact", CompactionRequestSchema, CompactionResponseSchema, { revision });

  /** Makes watchers on a stream to each, runs `act`, and compares the `expected` things that are told. */
  const compare = async (
    creates: readonly Create[],
    expected: number,
    act: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<void> => {
    const streams = twins.both.map(
      ({ client }: Twin): Stream => client.open("/etcdserverpb.Watch/Watch", WatchRequestSchema, WatchResponseSchema),
    );
    const heard: Answer[][] = streams.map(() => []);
    const listening = streams.map(async (stream, at) => {
      for (;;) heard[at]?.push(normal(toJson(WatchResponseSchema, await stream.next())));
    });
    const bothHave = (what: string, check: (answers: readonly Answer[]) => boolean): Promise<void> =>
      eventually(what, () => assert.ok(heard.every(check)), { withinMs: 10_000, everyMs: 5 });
    // One after the other: etcd's answers to watchers that are made together come in any order.
    for (const [at, create] of creates.entries()) {
      for (const stream of streams) stream.send({ requestUnion: { case: "createRequest", value: create } });
      await bothHave(`watcher ${at} is answered`, (answers) => answers.filter(({ created }) => created).length > at);
    }
    await act();
    // What is replayed comes some time later.
    const compareNow = (): Answer[] => {
      const [etcd = [], quorate = []] = heard.map(perWatcher);
      assert.deepEqual(quorate, etcd);
      return etcd;
    };
    await eventually("both were told the same", () => assert.ok(compareNow().length >= expected), {
      withinMs: 10_000,
    }).catch(() => compareNow());
    for (const stream of streams) stream.cancel();
    await Promise.allSettled(listening);
    assert.equal(compareNow().length, expected);
  };

  test("changes, deletions, transactions, filters, previous values", async () => {
    await put("a", "0");
    await compare(
      [
        { key: bytes("a") },
        { key: bytes("a"), rangeEnd: bytes("c"), prevKv: true },
        { key: bytes("b"), rangeEnd: bytes("\0"), filters: [0] },
        { key: bytes(""), rangeEnd: bytes("\0"), filters: [1], prevKv: true },
        { key: bytes("nothing") },
      ],
      5 + 4 + 7 + 2 + 6,
      async () => {
        await put("a", "1");
        await put("b", "1");
        await putAll("a", "b", "c");
        await remove("a");
        await remove("a");
        await remove("b", "z");
        await put("a", "2");
      },
    );
  });

  test("what cannot be granted", async () => {
    const creates = [
      { key: bytes("a"), watchId: 7n },
      { key: bytes("a"), watchId: 7n },
      { key: bytes("b"), rangeEnd: bytes("a") },
      { key: bytes("b"), rangeEnd: bytes("b") },
      { key: bytes("a") },
      { key: bytes("a"), watchId: 3n },
    ];
    await compare(creates, creates.length);
  });

  test("replay from before, starts in the future, and what is compacted", async () => {
    for (const value of ["1", "2", "3", "4"]) await put("r", value);
    const { etcd } = await twins.ask("/etcdserverpb.KV/Put", PutRequestSchema, PutResponseSchema, { key: bytes("r") });
    const revision = BigInt((etcd["header"] as { revision: string }).revision);
    await compact(revision - 2n);
    await compare(
      [
        { key: bytes("r"), startRevision: revision - 3n },
        { key: bytes("r"), startRevision: revision - 2n, prevKv: true },
        { key: bytes("r"), startRevision: revision - 1n, prevKv: true },
        { key: bytes("r"), startRevision: revision + 3n },
      ],
      4 + 1 + 7 + 6 + 2,
      async () => {
        for (const value of ["5", "6", "7", "8"]) await put("r", value);
      },
    );
  });
});

/** What each watcher was told: events one by one, because how many come in one message is not promised. */
function perWatcher(answers: readonly Answer[]): Answer[] {
  const single = answers.flatMap((answer): Answer[] => {
    const { events, header: _header, ...rest } = answer;
    if (!Array.isArray(events)) return [answer];
    return events.map((event: unknown) => ({ ...rest, event }));
  });
  return single.sort((a, b) => Number(a["watchId"] ?? 0) - Number(b["watchId"] ?? 0));
}
