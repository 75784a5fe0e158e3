import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_WINDOW, ErrorCode, FrameType, Setting } from "../http2/frames.ts";
import { prefixed } from "../testing/hand-client.ts";
import { TestClient } from "./testing/test-client.ts";

test("a request waits for its stream's window, byte by byte if it must, its prefix too; only then it may have arrived", () => {
  const t = new TestClient([[Setting.initialWindowSize, 0]]);
  const { heard } = t.call("hello");
  const request = t.server.request(1);
  assert.equal(request.headers.length, 1, "headers need no window");
  for (let n = 0; n < 10; n++) {
    assert.deepEqual([request.body.length, request.isEnded], [n, false]);
    t.server.allow(1, 1);
  }
  assert.deepEqual([request.texts, request.isEnded], [["hello"], true]);
  t.server.wire.destroy();
  assert.equal(heard.outcome, "lost, may have arrived");
  const other = new TestClient([[Setting.initialWindowSize, 0]]);
  const unsent = other.call("hello");
  other.server.allow(1, 9);
  other.server.wire.destroy();
  assert.equal(unsent.heard.outcome, "lost, not arrived");
});

test("requests share the connection's window in turn", () => {
  const t = new TestClient([[Setting.initialWindowSize, 1 << 20]]);
  t.begin("x".repeat(100_000));
  t.begin("y".repeat(100_000));
  t.clock.turn();
  const [one, other] = [t.server.request(1), t.server.request(3)];
  assert.equal(one.body.length + other.body.length, DEFAULT_WINDOW);
  assert.ok(Math.abs(one.body.length - other.body.length) <= 16_384, "neither waits for the other");
  t.server.allow(0, 200_000);
  assert.deepEqual(
    [one, other].map(({ isEnded, messages }) => [isEnded, messages[0]?.length]),
    [
      [true, 100_000],
      [true, 100_000],
    ],
  );
});

test("a changed SETTINGS_INITIAL_WINDOW_SIZE changes the windows of open streams, also below zero", () => {
  const t = new TestClient([[Setting.initialWindowSize, 1_000]]);
  t.call("x".repeat(3_000));
  const request = t.server.request(1);
  assert.equal(request.body.length, 1_000);
  t.server.set([[Setting.initialWindowSize, 100]]);
  t.server.allow(1, 900);
  assert.equal(request.body.length, 1_000);
  t.server.allow(1, 5);
  assert.equal(request.body.length, 1_005);
  t.server.set([[Setting.initialWindowSize, 5_000]]);
  assert.equal(request.isEnded, true);
});

test("frames are as large as the server takes them", () => {
  for (const [settings, frames] of [
    [[], 4],
    [[[Setting.maxFrameSize, 20_000]], 3],
  ] as const) {
    const t = new TestClient([[Setting.initialWindowSize, 1 << 20], ...settings]);
    t.server.allow(0, 1 << 20);
    t.call("x".repeat(50_000));
    assert.equal(t.server.count(FrameType.data, 1), frames);
  }
});

test("a large answer is allowed as a whole once its length is known, and the connection never starves", () => {
  const t = new TestClient([], { maxMessageBytes: 64 << 20 });
  const { heard } = t.call("a");
  const size = 40 << 20;
  t.server.head(1);
  const bytes = prefixed(new Uint8Array(size).fill(65));
  t.server.send(t.server.script.data(1, bytes.subarray(0, 10)));
  t.clock.turn();
  assert.equal(t.server.granted(1) + (1 << 20), size + 5);
  for (let at = 10; at < bytes.length; at += 16_000) {
    t.server.send(t.server.script.data(1, bytes.subarray(at, at + 16_000)));
  }
  t.server.trailers(1);
  t.clock.turn();
  assert.deepEqual([heard.outcome, heard.messages[0]?.length], ["status 0", size]);
  const granted = t.server.granted(0) + DEFAULT_WINDOW - bytes.length;
  assert.ok(granted >= 8 << 20, `${granted} bytes are left of the connection's window`);
});

test("a stream's window is filled up again while messages come", () => {
  const t = new TestClient();
  const { heard } = t.stream();
  t.server.head(1);
  for (let n = 0; n < 200; n++) t.server.message(1, "x".repeat(16_000));
  t.clock.turn();
  assert.equal(heard.messages.length, 200);
  assert.ok(t.server.granted(1) >= 199 * 16_005 - (1 << 20));
});

test("as many calls are under way as the server takes; the others wait, in their order, and do not fail", () => {
  const t = new TestClient([[Setting.maxConcurrentStreams, 2]]);
  const calls = ["a", "b", "c", "d", "e"].map((text) => t.begin(text));
  t.clock.turn();
  assert.deepEqual(t.server.begun, [1, 3]);
  t.server.answer(3, "b!");
  assert.deepEqual(t.server.begun, [1, 3, 5]);
  assert.deepEqual(t.server.request(5).texts, ["c"]);
  // Given up, and reset: both make room.
  calls[0]?.call.cancel();
  t.clock.turn();
  assert.deepEqual(t.server.request(7).texts, ["d"]);
  t.server.send(t.server.script.reset(7, ErrorCode.internalError));
  assert.deepEqual(t.server.request(9).texts, ["e"]);
  t.server.answer(5, "c!");
  t.server.answer(9, "e!");
  assert.deepEqual(
    calls.map(({ heard }) => heard.messages[0] ?? heard.outcome),
    ["under way", "b!", "c!", "broken, may have arrived", "e!"],
  );
});

test("more streams may be taken later, or none for a while", () => {
  const t = new TestClient([[Setting.maxConcurrentStreams, 0]]);
  const [one, other] = [t.call("a"), t.call("b")];
  assert.deepEqual(t.server.begun, []);
  assert.equal(one.call.cancel(), false);
  t.server.set([[Setting.maxConcurrentStreams, 5]]);
  t.server.answer(1, "b!");
  assert.deepEqual([t.server.begun, other.heard.messages], [[1], ["b!"]]);
});

test("what waits for its turn is late in time, too, and certainly has not arrived", () => {
  const t = new TestClient([[Setting.maxConcurrentStreams, 1]]);
  const stream = t.stream();
  const { heard } = t.call("a", 100);
  t.clock.advance(101);
  assert.equal(heard.outcome, "overdue, not arrived");
  stream.call.cancel();
  t.clock.turn();
  assert.deepEqual(t.server.begun, [1]);
});

test("nothing is written while the system takes nothing, all of it then; what never left has not arrived", () => {
  const t = new TestClient();
  const { wire } = t.server;
  wire.isStalled = true;
  const first = t.call("a");
  const { writes } = wire;
  const others = [t.call("b"), t.call("c")];
  assert.equal(wire.writes, writes);
  assert.equal(others[0]?.call.cancel(), false);
  wire.release();
  assert.deepEqual(t.server.begun, [1, 5]);
  wire.isStalled = true;
  t.call("d");
  const last = t.call("e");
  wire.destroy();
  assert.deepEqual(
    [first.heard.outcome, others[1]?.heard.outcome, last.heard.outcome],
    ["lost, may have arrived", "lost, may have arrived", "lost, not arrived"],
  );
});
