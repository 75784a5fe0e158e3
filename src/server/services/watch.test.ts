import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary, type MessageInitShape, create as message, toBinary } from "@bufbuild/protobuf";
import { encodeCommand } from "../../keyspace/command.ts";
import {
  type WatchCreateRequestSchema,
  WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../wire/gen/etcdserverpb/watch_pb.ts";
import { ClusterView } from "../cluster-view.ts";
import type { BidiCall } from "../front-door.ts";
import type { TestClient, TestStream } from "../testing/client.ts";
import { FakeReplica } from "../testing/fake-replica.ts";
import { SteppedClock, withServer } from "../testing/harness.ts";
import { watchMethods } from "./watch.ts";

type Stream = TestStream<typeof WatchRequestSchema, typeof WatchResponseSchema>;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

function open(client: TestClient, metadata: Record<string, string> = {}): Stream {
  return client.open("/etcdserverpb.Watch/Watch", WatchRequestSchema, WatchResponseSchema, metadata);
}

function create(stream: Stream, value: MessageInitShape<typeof WatchCreateRequestSchema>): void {
  stream.send({ requestUnion: { case: "createRequest", value } });
}

function cancel(stream: Stream, watchId: bigint): void {
  stream.send({ requestUnion: { case: "cancelRequest", value: { watchId } } });
}

function askProgress(stream: Stream): void {
  stream.send({ requestUnion: { case: "progressRequest", value: {} } });
}

function put(replica: FakeReplica, key: string, value: string): void {
  const request = { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  replica.apply(encodeCommand({ type: "put", request }));
}

/** All puts with one revision. */
function putAll(replica: FakeReplica, keys: readonly string[], value: string): void {
  const success = keys.map((key) => ({
    type: "put" as const,
    request: { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false },
  }));
  replica.apply(encodeCommand({ type: "txn", request: { compare: [], success, failure: [] } }));
}

function remove(replica: FakeReplica, key: string): void {
  replica.apply(encodeCommand({ type: "deleteRange", request: { key, rangeEnd: "", prevKv: false } }));
}

function told({ events }: WatchResponse): string[] {
  return events.map(
    ({ type, kv }) => `${type === 1 ? "delete" : "put"} ${text(kv?.key ?? bytes("?"))}@${kv?.modRevision}`,
  );
}

/** A request and its answer behind all that was said before: what was not answered by then never will be. */
async function settle(stream: Stream): Promise<void> {
  create(stream, { key: bytes("settle"), watchId: 4_242n });
  assert.equal((await stream.next()).watchId, 4_242n);
  cancel(stream, 4_242n);
  assert.equal((await stream.next()).canceled, true);
}

test("a watcher is created, told of changes, and cancelled", async () => {
  await withServer(async ({ client, replica }) => {
    const stream = open(client);
    create(stream, { key: bytes("a"), rangeEnd: bytes("c") });
    const created = await stream.next();
    assert.deepEqual(
      [created.watchId, created.created, created.canceled, created.header?.revision, created.header?.raftTerm],
      [0n, true, false, 1n, 7n],
    );
    assert.deepEqual([created.header?.clusterId, created.header?.memberId], [replica.clusterId, replica.memberId]);
    put(replica, "a", "1");
    put(replica, "x", "1");
    remove(replica, "a");
    const first = await stream.next();
    assert.deepEqual(told(first), ["put a@2"]);
    assert.equal(first.header?.revision, 2n);
    const second = await stream.next();
    assert.deepEqual(told(second), ["delete a@4"]);
    assert.equal(second.events[0]?.kv?.createRevision, 0n);
    assert.equal(second.events[0]?.prevKv, undefined);
    cancel(stream, 0n);
    const canceled = await stream.next();
    assert.deepEqual([canceled.watchId, canceled.canceled, canceled.created], [0n, true, false]);
    put(replica, "a", "2");
    await settle(stream);
    assert.equal(stream.waiting, 0);
    stream.cancel();
  });
});

test("history is replayed with previous values; filters apply", async () => {
  await withServer(async ({ client, replica }) => {
    put(replica, "a", "1");
    put(replica, "a", "2");
    remove(replica, "a");
    const stream = open(client);
    create(stream, { key: bytes("a"), startRevision: 1n, prevKv: true });
    assert.equal((await stream.next()).created, true);
    const replayed = await stream.next();
    assert.deepEqual(told(replayed), ["put a@2", "put a@3", "delete a@4"]);
    assert.deepEqual(
      replayed.events.map(({ prevKv }) => (prevKv === undefined ? null : text(prevKv.value))),
      [null, "1", "2"],
    );
    create(stream, { key: bytes("a"), startRevision: 1n, filters: [0] });
    assert.deepEqual([(await stream.next()).watchId, told(await stream.next())], [1n, ["delete a@4"]]);
    create(stream, { key: bytes("a"), startRevision: 1n, filters: [1] });
    assert.deepEqual([(await stream.next()).watchId, told(await stream.next())], [2n, ["put a@2", "put a@3"]]);
    stream.cancel();
  });
});

test("a start in the future hears nothing from before; an empty key is the first key", async () => {
  await withServer(async ({ client, replica }) => {
    const stream = open(client);
    create(stream, { key: bytes(""), rangeEnd: bytes("\0"), startRevision: 4n });
    assert.equal((await stream.next()).created, true);
    for (let n = 0; n < 4; n++) put(replica, "a", "x");
    assert.deepEqual(told(await stream.next()), ["put a@4"]);
    assert.deepEqual(told(await stream.next()), ["put a@5"]);
    stream.cancel();
  });
});

test("what cannot be granted is answered by one message with id -1, and the stream goes on", async () => {
  await withServer(async ({ client }) => {
    const stream = open(client);
    create(stream, { key: bytes("a"), watchId: 9n });
    assert.equal((await stream.next()).watchId, 9n);
    const refusals = [
      { ask: { key: bytes("a"), watchId: 9n }, reason: "mvcc: duplicate watch ID provided on the WatchStream" },
      { ask: { key: bytes("b"), rangeEnd: bytes("a") }, reason: "mvcc: watcher range is empty" },
      {
        ask: { key: bytes("a"), startRevision: -1n },
        reason: "etcdserver: mvcc: required revision has been compacted",
      },
    ];
    for (const { ask, reason } of refusals) {
      create(stream, ask);
      const { watchId, created, canceled, cancelReason } = await stream.next();
      assert.deepEqual(
        { watchId, created, canceled, cancelReason },
        { watchId: -1n, created: true, canceled: true, cancelReason: reason },
      );
    }
    cancel(stream, 77n);
    create(stream, { key: bytes("c") });
    assert.equal((await stream.next()).watchId, 0n, "the cancel of an unknown id is answered by silence");
    stream.cancel();
  });
});

test("ids are counted up past those that the client chose", async () => {
  await withServer(async ({ client }) => {
    const stream = open(client);
    const ids: bigint[] = [];
    for (const watchId of [0n, 1n, 2n, 0n, 0n]) {
      create(stream, { key: bytes("a"), watchId });
      ids.push((await stream.next()).watchId);
    }
    assert.deepEqual(ids, [0n, 1n, 2n, 3n, 4n]);
    cancel(stream, 4n);
    assert.equal((await stream.next()).canceled, true);
    create(stream, { key: bytes("a") });
    assert.equal((await stream.next()).watchId, 5n, "an id was given a second time");
    stream.cancel();
  });
});

test("a start that is compacted: first created, then cancelled with the compacted revision and no reason", async () => {
  await withServer(async ({ client, replica }) => {
    for (let n = 0; n < 5; n++) put(replica, "a", "x");
    replica.apply(encodeCommand({ type: "compact", revision: 4 }));
    const stream = open(client);
    create(stream, { key: bytes("a"), startRevision: 3n });
    assert.equal((await stream.next()).created, true);
    const over = await stream.next();
    assert.deepEqual(
      [over.watchId, over.canceled, over.compactRevision, over.header?.revision, over.cancelReason, over.events.length],
      [0n, true, 4n, 0n, "", 0],
    );
    create(stream, { key: bytes("a"), startRevision: 4n });
    assert.deepEqual(
      [(await stream.next()).created, told(await stream.next())],
      [true, ["put a@4", "put a@5", "put a@6"]],
    );
    stream.cancel();
  });
});

test("progress is told on request, once for the stream, and only if it is true of every watcher", async () => {
  await withServer(async ({ client, replica }) => {
    put(replica, "a", "1");
    const stream = open(client);
    create(stream, { key: bytes("b") });
    await stream.next();
    askProgress(stream);
    const progress = await stream.next();
    assert.deepEqual([progress.watchId, progress.header?.revision, progress.events.length], [-1n, 2n, 0]);
    assert.deepEqual([progress.created, progress.canceled], [false, false]);
    create(stream, { key: bytes("b"), startRevision: 50n });
    await stream.next();
    askProgress(stream);
    await settle(stream);
    assert.equal(stream.waiting, 0, "progress was told though a watcher starts later");
    stream.cancel();
  });
});

test("who asked to be notified is told of progress when nothing else happened", async () => {
  await withServer(
    async ({ client, replica, clock }) => {
      const stream = open(client);
      create(stream, { key: bytes("a"), progressNotify: true });
      create(stream, { key: bytes("b") });
      await stream.next();
      await stream.next();
      put(replica, "a", "1");
      assert.deepEqual(told(await stream.next()), ["put a@2"]);
      clock.advance(1_100);
      await settle(stream);
      assert.equal(stream.waiting, 0, "told though it had heard of an event");
      put(replica, "x", "1");
      clock.advance(1_100);
      const progress = await stream.next();
      assert.deepEqual([progress.watchId, progress.header?.revision, progress.events.length], [0n, 3n, 0]);
      stream.cancel();
    },
    { watchProgressIntervalMs: 1_000 },
  );
});

test("a revision too large for one message comes in fragments that follow each other, if that was asked for", async () => {
  await withServer(
    async ({ client, replica }) => {
      const stream = open(client);
      create(stream, { key: bytes("k"), rangeEnd: bytes("l"), fragment: true });
      create(stream, { key: bytes("k"), rangeEnd: bytes("l") });
      await stream.next();
      await stream.next();
      const keys = ["k1", "k2", "k3", "k4", "k5"];
      putAll(replica, keys, "v".repeat(900));
      const responses: WatchResponse[] = [];
      while (responses.flatMap(({ events }) => events).length < 10) responses.push(await stream.next());
      const fragments = responses.filter(({ watchId }) => watchId === 0n);
      assert.ok(fragments.length >= 3, `${fragments.length} fragments`);
      assert.deepEqual(
        fragments.flatMap(told),
        keys.map((key) => `put ${key}@2`),
      );
      fragments.forEach(({ fragment }, at) => assert.equal(fragment, at < fragments.length - 1));
      const ids = responses.map(({ watchId }) => watchId);
      assert.equal(ids.lastIndexOf(0n) - ids.indexOf(0n), fragments.length - 1, "something came between fragments");
      assert.deepEqual(
        responses.filter(({ watchId }) => watchId === 1n).map(({ events, fragment }) => [events.length, fragment]),
        [[5, false]],
      );
      stream.cancel();
    },
    { maxRequestBytes: 2_000 },
  );
});

test("a client that does not read costs a bounded number of bytes, and misses nothing when it reads again", async () => {
  await withServer(async ({ client, replica }) => {
    const stream = open(client);
    create(stream, { key: bytes("k"), startRevision: 2n });
    assert.equal((await stream.next()).created, true);
    stream.call.pause();
    // 64 MiB, which neither the sockets nor the stream have room for.
    const value = "v".repeat(64 * 1024);
    for (let n = 0; n < 1_000; n++) {
      put(replica, "k", value);
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const events = replica.watches.counters.events;
    assert.ok(events < 500, `${events} events were handed out to a client that does not read`);
    stream.call.resume();
    const seen: bigint[] = [];
    while (seen.length < 1_000) {
      for (const { kv } of (await stream.next()).events) seen.push(kv?.modRevision ?? 0n);
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 1_000 }, (_, at) => BigInt(at + 2)),
    );
    stream.cancel();
  });
});

test("one watcher's backlog is sent in messages of bounded size, cut between revisions", async () => {
  await withServer(async ({ client, replica }) => {
    for (let n = 0; n < 40; n++) putAll(replica, ["k1", "k2"], "v".repeat(50_000));
    const stream = open(client);
    create(stream, { key: bytes("k"), rangeEnd: bytes("l"), startRevision: 1n });
    await stream.next();
    let last = 0n;
    let count = 0;
    while (count < 80) {
      const response = await stream.next();
      const size = response.events.reduce((sum, { kv }) => sum + (kv?.value.length ?? 0), 0);
      assert.ok(size <= 1.2 * 2 ** 20, `a message of ${size} bytes`);
      const [first] = response.events;
      assert.ok((first?.kv?.modRevision ?? 0n) > last, "a revision was cut");
      last = response.events.at(-1)?.kv?.modRevision ?? 0n;
      assert.ok((response.header?.revision ?? 0n) >= last);
      count += response.events.length;
    }
    stream.cancel();
  });
});

test("when the client goes, its watchers go", async () => {
  await withServer(async ({ client, replica }) => {
    const stream = open(client);
    for (let n = 0; n < 10; n++) create(stream, { key: bytes("a") });
    for (let n = 0; n < 10; n++) await stream.next();
    assert.equal(replica.watches.size, 10);
    stream.cancel();
    assert.equal((await stream.failed()).code, 1);
    while (replica.watches.size > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});

/** A stream without a connection: the test says when a message, the end of messages, or room comes. */
class ScriptedCall implements BidiCall {
  readonly path = "/etcdserverpb.Watch/Watch";
  readonly peer = "test";
  readonly cancelled = false;
  readonly written: WatchResponse[] = [];
  writable = true;
  ended = 0;
  message: (bytes: Uint8Array) => void = () => undefined;
  halfClose: () => void = () => undefined;
  drain: () => void = () => undefined;

  metadata(): null {
    return null;
  }

  onCancel(): void {}

  write(bytes: Uint8Array): boolean {
    assert.equal(this.ended, 0, "written to after its end");
    this.written.push(fromBinary(WatchResponseSchema, bytes));
    return this.writable;
  }

  onDrain(handle: () => void): void {
    this.drain = handle;
  }

  end(): void {
    this.ended += 1;
  }

  onMessage(handle: (bytes: Uint8Array) => void): void {
    this.message = handle;
  }

  onEnd(handle: () => void): void {
    this.halfClose = handle;
  }

  pause(): void {}

  resume(): void {}
}

function scripted(): { call: ScriptedCall; replica: FakeReplica; catchUp: () => void } {
  const clock = new SteppedClock();
  const replica = new FakeReplica(clock);
  const limits = {
    maxRequestBytes: 1e6,
    maxTxnOps: 128,
    quotaBytes: 0,
    minLeaseTtlSeconds: 1,
    progressIntervalMs: 1_000,
    maxWatchersPerStream: 10,
  };
  const random = { uint32: () => 0, uint64: () => 0n };
  const [method] = watchMethods({ replica, view: new ClusterView(replica), clock, random, limits });
  assert.ok(method?.kind === "bidi");
  const call = new ScriptedCall();
  method.handle(call);
  for (let n = 0; n < 5; n++) put(replica, "a", "x");
  replica.apply(encodeCommand({ type: "compact", revision: 4 }));
  const createRequest = { key: bytes("a"), startRevision: 3n };
  const request = { requestUnion: { case: "createRequest" as const, value: createRequest } };
  call.message(toBinary(WatchRequestSchema, message(WatchRequestSchema, request)));
  return { call, replica, catchUp: () => void replica.watches.catchUp(1_000) };
}

test("a half-closed stream ends when its last watcher is compacted", () => {
  const { call, catchUp } = scripted();
  call.halfClose();
  assert.equal(call.ended, 0, "its watcher goes on");
  catchUp();
  assert.deepEqual(
    call.written.map(({ created, canceled, compactRevision }) => [created, canceled, compactRevision]),
    [
      [true, false, 0n],
      [false, true, 4n],
    ],
  );
  assert.equal(call.ended, 1);
});

test("a half-closed stream ends only behind its last message", () => {
  const { call, catchUp } = scripted();
  call.halfClose();
  call.writable = false;
  catchUp();
  assert.deepEqual([call.written.length, call.ended], [1, 0]);
  call.writable = true;
  call.drain();
  assert.deepEqual([call.written.at(-1)?.canceled, call.ended], [true, 1]);
});
