import assert from "node:assert/strict";
import { test } from "node:test";
import { requestFields } from "../testing/hand-client.ts";
import { bytesOf, TestDoor } from "../testing/test-door.ts";
import { ErrorCode, Flag, FrameType, frame, LARGEST_STREAM_ID, settingsFrame } from "./frames.ts";

const GOAWAY = frame(FrameType.goAway, 0, 0, new Uint8Array(8));

test("the first thing said must be the preface and SETTINGS", () => {
  for (const first of [
    bytesOf("GET / HTTP/1.1\r\n\r\n"),
    bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\t"),
    new Uint8Array([...bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ...frame(FrameType.ping, 0, 0, new Uint8Array(8))]),
    new Uint8Array([
      ...bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      ...frame(FrameType.settings, Flag.ack, 0, new Uint8Array(0)),
    ]),
  ]) {
    const client = new TestDoor().connect(null);
    client.send(first);
    assert.equal(client.goodbyes[0]?.code, ErrorCode.protocolError);
  }
});

test("SETTINGS are acknowledged, once each", () => {
  const client = new TestDoor().connect();
  client.send(settingsFrame([[0x1234, 5]]));
  const acknowledged = client.frames.filter(({ type, flags }) => type === FrameType.settings && flags === Flag.ack);
  assert.equal(acknowledged.length, 2);
});

test("who connects and does not greet is closed", () => {
  const server = new TestDoor({ handshakeMs: 10_000 });
  const silent = server.connect(null);
  const greeted = server.connect();
  silent.send(bytesOf("PRI * HTTP/2.0\r\n"));
  server.clock.advance(9_999);
  assert.equal(silent.wire.isClosed, false);
  server.clock.advance(1);
  assert.equal(silent.wire.isClosed, true);
  assert.equal(greeted.wire.isClosed, false);
});

test("a connection on which nothing comes is pinged, and cut when the client does not answer", () => {
  const server = new TestDoor({ keepaliveIntervalMs: 60_000, keepaliveTimeoutMs: 20_000 });
  const client = server.connect();
  const { script } = client;
  server.clock.advance(50_000);
  client.send(script.call(1, "/t.T/Hold", ""));
  server.clock.advance(59_000);
  assert.equal(client.count(FrameType.ping), 0);
  server.clock.advance(1_000);
  const ping = client.frames.at(-1);
  assert.equal(ping?.type, FrameType.ping);
  server.clock.advance(19_000);
  client.send(frame(FrameType.ping, Flag.ack, 0, ping?.payload ?? new Uint8Array(8)));
  server.clock.advance(60_000);
  assert.equal(client.count(FrameType.ping), 2);
  server.clock.advance(19_999);
  assert.equal(client.wire.isClosed, false);
  server.clock.advance(1);
  assert.equal(client.wire.isClosed, true);
  assert.equal(server.over, 1);
  assert.equal(server.clock.pending, 0);
});

test("a door that closes lets calls finish, takes those that were on their way, and no later ones", async () => {
  const server = new TestDoor();
  const client = server.connect();
  client.send(client.script.call(1, "/t.T/Hold", "a"));
  const closed = server.door.close(60_000);
  server.clock.turn();
  assert.deepEqual(client.goodbyes, [{ lastStream: LARGEST_STREAM_ID, code: 0, text: "" }]);
  client.send(client.script.call(3, "/t.T/Hold", "b"));
  const ping = client.frames.at(-1);
  assert.equal(ping?.type, FrameType.ping);
  client.send(frame(FrameType.ping, Flag.ack, 0, ping?.payload ?? new Uint8Array(8)));
  assert.deepEqual(client.goodbyes[1], { lastStream: 3, code: 0, text: "" });
  client.send(client.script.call(5, "/t.T/Hold", "c"));
  assert.deepEqual(
    server.held.map(({ request }) => request),
    ["a", "b"],
  );
  for (const { answer, request } of server.held) answer(null, bytesOf(request));
  server.clock.turn();
  assert.deepEqual([client.answer(1).texts, client.answer(3).texts], [["a"], ["b"]]);
  assert.equal(client.answers.get(5), undefined);
  assert.equal(client.wire.isClosed, false, "the client may read what was said");
  client.wire.destroy();
  await closed;
  assert.equal(server.clock.pending, 0);
});

test("a call that was on its way when the last one ended is taken, too", () => {
  const server = new TestDoor();
  const client = server.connect();
  client.send(client.script.call(1, "/t.T/Hold", "a"));
  void server.door.close(60_000);
  server.held[0]?.answer(null, bytesOf("a"));
  server.clock.turn();
  assert.deepEqual(client.answer(1).texts, ["a"]);
  client.send(client.script.call(3, "/t.T/Echo", "b"));
  assert.deepEqual(client.answer(3).texts, ["b"]);
  client.wire.destroy();
});

test("a door that closes cuts clients that do not go, and those whose calls do not end, in time", async () => {
  const server = new TestDoor({ lingerMs: 500 });
  const idle = server.connect();
  const busy = server.connect();
  const deaf = server.connect();
  busy.send(busy.script.headers(1, requestFields("/t.T/Bidi")));
  deaf.wire.isStalled = true;
  const closed = server.door.close(2_000);
  server.clock.turn();
  for (const client of [idle, busy]) {
    const ping = client.frames.findLast(({ type }) => type === FrameType.ping);
    client.send(frame(FrameType.ping, Flag.ack, 0, ping?.payload ?? new Uint8Array(8)));
  }
  server.clock.advance(499);
  assert.equal(idle.wire.isClosed, false);
  server.clock.advance(1);
  assert.equal(idle.wire.isClosed, true);
  assert.equal(busy.wire.isClosed, false);
  server.clock.advance(1_500);
  await closed;
  assert.equal(busy.wire.isClosed, true);
  assert.equal(deaf.wire.isClosed, true);
  assert.equal(server.over, 1);
  assert.equal(server.clock.pending, 0);
  const late = server.connect(null);
  assert.equal(late.wire.isClosed, true, "nobody is let in any more");
});

test("a client that says goodbye is answered to the end, and then let go", () => {
  const server = new TestDoor();
  const client = server.connect();
  client.send(client.script.call(1, "/t.T/Hold", "x"), GOAWAY);
  assert.equal(client.goodbyes.length, 0);
  server.held[0]?.answer(null, bytesOf("answer"));
  server.clock.advance(500);
  assert.deepEqual(client.answer(1).texts, ["answer"]);
  assert.equal(client.wire.isClosed, true);
});

test("calls are told when their connection is gone, and what is answered then is dropped", () => {
  const server = new TestDoor();
  const client = server.connect();
  client.send(client.script.call(1, "/t.T/Hold", ""), client.script.headers(3, requestFields("/t.T/Bidi")));
  client.wire.destroy();
  assert.equal(server.over, 2);
  assert.equal(server.held[0]?.call.cancelled, true);
  server.held[0]?.answer(null, bytesOf("late"));
  assert.equal(server.bidis[0]?.call.write(bytesOf("late")), false);
  server.bidis[0]?.call.end();
  server.bidis[0]?.call.pause();
  server.bidis[0]?.call.resume();
  server.clock.turn();
  assert.equal(server.over, 2);
  assert.equal(server.clock.pending, 0);
});
