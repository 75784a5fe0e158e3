import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, Flag, FrameType, frame, LARGEST_STREAM_ID } from "../http2/frames.ts";
import { Slab } from "../http2/slab.ts";
import { Turn } from "../http2/turn.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { bytesOf } from "../testing/test-door.ts";
import { ClientConnection } from "./client-connection.ts";
import type { AnswerConsumer } from "./client-stream.ts";
import { HandServer } from "./testing/hand-server.ts";
import { TestClient } from "./testing/test-client.ts";

test("the server has greeted with its first SETTINGS", () => {
  const t = new TestClient(null);
  assert.equal(t.greeted, 0);
  t.server.greet();
  t.server.greet();
  assert.deepEqual([t.greeted, t.client.reason], [1, null]);
});

test("GOAWAY: what the server took is finished, the rest certainly has not arrived, and none is begun any more", () => {
  const t = new TestClient();
  const [taken, late] = [t.call("a"), t.call("b")];
  const unsent = t.begin("c");
  t.server.goAway(1);
  assert.equal(t.over.length, 1);
  assert.match(t.client.reason?.message ?? "", /the server ends the connection$/);
  assert.deepEqual(
    [taken, late, unsent].map(({ heard }) => heard.outcome),
    ["under way", "lost, not arrived", "lost, not arrived"],
  );
  t.clock.turn();
  assert.deepEqual(t.server.begun, [1, 3]);
  assert.equal(t.server.wire.isClosed, false);
  t.server.answer(1, "done");
  assert.deepEqual(taken.heard.messages, ["done"]);
  assert.ok(t.server.wire.isClosed);
  assert.deepEqual([t.over.length, t.clock.pending, t.busy.at(-1)], [1, 0, false]);
});

test("GOAWAY in two steps: the second says which was the last", () => {
  const t = new TestClient();
  const calls = [t.call("a"), t.call("b"), t.call("c")];
  t.server.goAway(LARGEST_STREAM_ID);
  assert.deepEqual(
    calls.map(({ heard }) => heard.isOver),
    [false, false, false],
  );
  t.server.goAway(3);
  // It may not become later again.
  t.server.goAway(5);
  assert.deepEqual(
    calls.map(({ heard }) => heard.outcome),
    ["under way", "under way", "lost, not arrived"],
  );
  t.server.answer(3, "b!");
  t.server.wire.destroy();
  assert.deepEqual(
    calls.map(({ heard }) => heard.outcome),
    ["lost, may have arrived", "status 0", "lost, not arrived"],
  );
  assert.equal(t.over.length, 1);
});

test("GOAWAY without calls ends the connection at once, and says why", () => {
  const t = new TestClient();
  t.server.goAway(0, ErrorCode.enhanceYourCalm, "too_many_pings");
  assert.match(t.over[0]?.message ?? "", /ENHANCE_YOUR_CALM too_many_pings/);
  assert.ok(t.server.wire.isClosed);
});

test("a stream on a connection that ends goes on sending", () => {
  const t = new TestClient();
  const { call, heard } = t.stream();
  t.server.goAway(1);
  t.send(call, "a");
  assert.deepEqual(t.server.request(1).texts, ["a"]);
  t.server.refuse(1, 14, "bye");
  assert.equal(heard.outcome, "status 14");
  assert.ok(t.server.wire.isClosed);
});

test("who is told that it is over may close it at once: what was not taken has still not arrived", () => {
  const t = new TestClient();
  t.onOver = () => t.client.close(new Error("closed"));
  const [taken, late] = [t.call("a"), t.call("b")];
  t.server.goAway(1);
  assert.deepEqual([taken.heard.outcome, late.heard.outcome], ["lost, may have arrived", "lost, not arrived"]);
});

test("a connection that is lost ends all calls, and says why; it is told first", () => {
  const t = new TestClient();
  const sent = t.call("a");
  const { heard } = t.stream();
  const unsent = t.begin("b");
  const seen: boolean[] = [];
  t.onOver = () => seen.push(sent.heard.isOver);
  t.server.wire.destroy(new Error("read ECONNRESET"));
  assert.deepEqual(seen, [false]);
  assert.match(sent.heard.fault?.text ?? "", /^the connection was lost: read ECONNRESET$/);
  assert.deepEqual(
    [sent.heard.outcome, heard.outcome, unsent.heard.outcome],
    ["lost, may have arrived", "lost, not arrived", "lost, not arrived"],
  );
  assert.deepEqual([t.over.length, t.clock.pending], [1, 0]);
});

test("of calls that end together, one may give up another", () => {
  const t = new TestClient();
  const one = t.call("a");
  const other = t.call("b");
  const failed = one.heard.failed.bind(one.heard);
  one.heard.failed = (fault) => {
    failed(fault);
    other.call.cancel();
  };
  t.server.wire.destroy();
  assert.deepEqual([one.heard.outcome, other.heard.outcome], ["lost, may have arrived", "under way"]);
});

test("close ends all at once", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  t.client.close(new Error("closed"));
  assert.deepEqual([heard.outcome, t.server.wire.isClosed, t.clock.pending], ["lost, may have arrived", true, 0]);
  t.client.close(new Error("again"));
  assert.deepEqual([t.over.length, t.client.reason?.message], [1, "closed"]);
});

test("retired, it finishes what it has begun", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  t.client.retire(new Error("enough"));
  t.server.answer(1, "b");
  assert.deepEqual([heard.messages, t.server.wire.isClosed], [["b"], true]);
});

test("a call without an answer ends when its time is over", () => {
  const t = new TestClient();
  const { heard } = t.call("a", 1_000);
  t.clock.advance(999);
  assert.equal(heard.outcome, "under way");
  t.clock.advance(2);
  assert.equal(heard.outcome, "overdue, may have arrived");
  t.clock.turn();
  assert.equal(t.server.request(1).reset, ErrorCode.cancel);
});

test("each call has its own time, in whatever order they began; those without one have none", () => {
  const t = new TestClient();
  const stream = t.stream();
  const times = [3_000, 500, 2_000, 500, 1_000];
  const calls = times.map((ms) => ({ ms, ...t.call("a", ms) }));
  for (let now = 0; now <= 3_100; now += 100) {
    for (const { ms, heard } of calls) {
      if (now < ms) assert.equal(heard.isOver, false);
      if (now > ms) assert.equal(heard.outcome, "overdue, may have arrived");
    }
    t.clock.advance(100);
  }
  assert.equal(stream.heard.isOver, false);
});

test("an answer that came while the process stood still is no late one, and a pong neither", () => {
  const t = new TestClient();
  const { heard } = t.call("a", 30_000);
  // Timers run before what came is read: what a timer has put off to the end of the turn comes behind that.
  t.clock.advance(10_000);
  assert.equal(t.server.count(FrameType.ping), 1);
  t.clock.stall(40_000, () => {
    t.server.send(frame(FrameType.ping, Flag.ack, 0, new Uint8Array(8)));
    t.server.answer(1, "b");
  });
  assert.deepEqual([heard.messages, t.over.length], [["b"], 0]);
});

test("with calls under way, a silent server is pinged, and given up when it says nothing", () => {
  const t = new TestClient();
  const { heard } = t.stream();
  t.clock.advance(9_999);
  assert.equal(t.server.count(FrameType.ping), 0);
  t.clock.advance(1);
  assert.equal(t.server.count(FrameType.ping), 1);
  t.clock.advance(4_999);
  // Anything is a sign of life.
  t.server.head(1);
  t.clock.advance(1);
  t.clock.advance(14_998);
  assert.equal(t.server.count(FrameType.ping), 2);
  assert.equal(t.over.length, 0);
  t.clock.advance(1);
  assert.match(t.over[0]?.message ?? "", /no answer to a ping within 5000 ms/);
  assert.equal(heard.outcome, "lost, not arrived");
  assert.equal(t.clock.pending, 0);
});

test("a server that answers pings is kept, and pinged again when it was silent for as long again", () => {
  const t = new TestClient();
  const { heard } = t.stream();
  for (let n = 1; n <= 10; n++) {
    t.clock.advance(10_000);
    assert.equal(t.server.count(FrameType.ping), n);
    t.server.send(frame(FrameType.ping, Flag.ack, 0, new Uint8Array(8)));
  }
  assert.deepEqual([t.over.length, heard.isOver], [0, false]);
});

test("without calls nobody is pinged, and no timer is left for long", () => {
  const t = new TestClient();
  const { call } = t.stream();
  call.cancel();
  t.clock.advance(60_000);
  assert.deepEqual([t.server.count(FrameType.ping), t.clock.pending], [0, 0]);
  // Long silent, but nobody waited.
  t.call("a", 20_000);
  t.clock.advance(9_999);
  assert.equal(t.server.count(FrameType.ping), 0);
  t.clock.advance(1);
  assert.equal(t.server.count(FrameType.ping), 1);
});

test("when numbers of streams are used up, what has one is finished and the rest goes elsewhere", () => {
  const clock = new ManualClock();
  const server = new HandServer();
  const over: Error[] = [];
  const events = { greeted: () => undefined, heard: () => undefined, closed: () => undefined };
  const connection = new ClientConnection(
    server.wire,
    { slab: new Slab(), turn: new Turn(clock) },
    { ...events, over: (reason) => over.push(reason) },
    LARGEST_STREAM_ID - 2,
  );
  clock.turn();
  server.greet();
  const told: string[] = [];
  const consumer = (name: string): AnswerConsumer => ({
    head: () => undefined,
    received: () => undefined,
    ended: () => told.push(`${name} ended`),
    failed: ({ mayHaveArrived }) => told.push(`${name} failed, ${mayHaveArrived ? "may have" : "not"} arrived`),
  });
  for (const name of ["a", "b", "c"]) connection.open(Uint8Array.of(0x82), bytesOf(name), consumer(name));
  clock.turn();
  assert.deepEqual(server.begun, [LARGEST_STREAM_ID - 2, LARGEST_STREAM_ID]);
  assert.deepEqual(told, ["c failed, not arrived"]);
  assert.match(over[0]?.message ?? "", /used up its numbers/);
  server.answer(LARGEST_STREAM_ID, "x");
  server.answer(LARGEST_STREAM_ID - 2, "x");
  assert.deepEqual(told, ["c failed, not arrived", "b ended", "a ended"]);
  assert.ok(server.wire.isClosed);
});
