import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { WatchResponse } from "../wire/kv.ts";
import type { WatchRequest } from "../wire/methods.ts";
import type { Stream, StreamEvents } from "./client/client.ts";
import { parseEndpoints } from "./client/endpoints.ts";
import { type WatchClient, watchForever } from "./watch-loop.ts";

type Events = StreamEvents<WatchResponse>;
/** What a stream does once the watch was asked for. */
type Act = (events: Events) => void;

const [endpoint] = parseEndpoints("127.0.0.1:1");

function response(revision: number, more: Partial<WatchResponse> = {}): WatchResponse {
  return {
    header: { clusterId: 1n, memberId: 1n, revision, raftTerm: 1 },
    watchId: 0,
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: "",
    fragment: false,
    events: [],
    ...more,
  };
}

function put(modRevision: number): WatchResponse {
  const kv = { key: "k", createRevision: 1, modRevision, version: 1, value: "", lease: 0n };
  return response(modRevision, { events: [{ type: "put", kv, prevKv: null }] });
}

const lost = new QuorateError("CALL", GrpcStatus.unavailable, "connection lost");
const final = new QuorateError("CALL", GrpcStatus.permissionDenied, "etcdserver: permission denied");

/** Runs a watch against streams that act one after the other; the last must end it for good. */
async function watched(startRevision: number, acts: readonly (Act | QuorateError)[]) {
  const asked: { start: bigint; advance: boolean }[] = [];
  const told: number[] = [];
  const interruptions: string[] = [];
  const client: WatchClient = {
    async stream(_method, events, options) {
      const act = acts[asked.length];
      assert.ok(act !== undefined, "another stream than expected");
      if (act instanceof Error) {
        asked.push({ start: -1n, advance: options.advance === true });
        throw act;
      }
      const stream: Stream<WatchRequest> = {
        endpoint: endpoint ?? assert.fail(),
        send({ requestUnion }) {
          assert.ok(requestUnion?.case === "createRequest");
          asked.push({ start: requestUnion.value.startRevision ?? 0n, advance: options.advance === true });
          act(events);
        },
        end: () => undefined,
        cancel: () => undefined,
      };
      return stream;
    },
  };
  const settings = { key: "k", rangeEnd: "", startRevision, prevKv: false, progressNotify: false };
  const error = await watchForever(client, settings, {
    reply: ({ header }) => void told.push(header.revision),
    interrupted: (reason) => void interruptions.push(reason),
    pause: () => Promise.resolve(),
  }).then(
    () => assert.fail("a watch never ends well"),
    (reason: unknown) => reason as QuorateError,
  );
  return { asked, told, interruptions, error };
}

const created: Act = (events) => events.reply(response(10, { created: true }));

describe("a broken watch goes on behind what was seen", () => {
  test("after an event", async () => {
    const { asked, told, interruptions, error } = await watched(5, [
      (events) => {
        created(events);
        events.reply(put(5));
        events.reply(put(8));
        events.ended(lost);
      },
      (events) => {
        created(events);
        events.reply(put(9));
        events.ended(final);
      },
    ]);
    assert.deepEqual(asked, [
      { start: 5n, advance: false },
      { start: 9n, advance: true },
    ]);
    assert.deepEqual(told, [5, 8, 9]);
    assert.deepEqual(interruptions, ["connection lost"]);
    assert.equal(error, final);
  });

  test("before any event, a watch from now on keeps its now", async () => {
    const { asked } = await watched(0, [
      (events) => {
        created(events);
        events.ended(null);
      },
      (events) => events.ended(final),
    ]);
    assert.deepEqual(
      asked.map(({ start }) => start),
      [0n, 11n],
    );
  });

  test("before any event, a watch of the past keeps its start", async () => {
    const { asked } = await watched(3, [
      (events) => {
        created(events);
        events.ended(lost);
      },
      (events) => events.ended(final),
    ]);
    assert.deepEqual(
      asked.map(({ start }) => start),
      [3n, 3n],
    );
  });

  test("after a progress notice, and while no member can be reached", async () => {
    const { asked, told } = await watched(3, [
      (events) => {
        created(events);
        events.reply(response(20));
        events.ended(lost);
      },
      lost,
      lost,
      (events) => events.ended(final),
    ]);
    assert.deepEqual(
      asked.map(({ start }) => start),
      [3n, -1n, -1n, 21n],
    );
    assert.deepEqual(told, [20]);
  });
});

describe("a watch that cannot go on says why", () => {
  test("its history is gone", async () => {
    const { error } = await watched(3, [(events) => events.reply(response(0, { canceled: true, compactRevision: 7 }))]);
    assert.equal(error.status, GrpcStatus.outOfRange);
    assert.match(error.message, /etcdserver: mvcc: required revision has been compacted .* 7\)$/);
  });

  test("the server cancelled it", async () => {
    const { error } = await watched(3, [
      (events) => events.reply(response(1, { created: true, canceled: true, cancelReason: "no" })),
    ]);
    assert.equal(error.message, "watch was canceled: no");
  });

  test("no member could be reached at the very start", async () => {
    const { error, interruptions } = await watched(3, [lost]);
    assert.equal(error, lost);
    assert.deepEqual(interruptions, []);
  });
});
