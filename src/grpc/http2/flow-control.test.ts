import assert from "node:assert/strict";
import { test } from "node:test";
import { prefixed, requestFields } from "../testing/hand-client.ts";
import { bytesOf, TestDoor, text } from "../testing/test-door.ts";
import { DEFAULT_WINDOW, ErrorCode, FrameType, Setting } from "./frames.ts";

const BIDI = requestFields("/t.T/Bidi");

test("an answer waits for the stream's window, byte by byte if it must, its prefix too", () => {
  const client = new TestDoor().connect([[Setting.initialWindowSize, 0]]);
  client.send(client.script.call(1, "/t.T/Echo", "hello"));
  const answer = client.answer(1);
  assert.equal(answer.headers.length, 1, "headers need no window");
  for (let n = 0; n < 10; n++) {
    assert.equal(answer.body.length, n);
    assert.equal(answer.isEnded, false);
    client.allow(1, 1);
  }
  assert.deepEqual(answer.texts, ["hello"]);
  assert.equal(answer.isEnded, true);
});

test("answers wait for the connection's window, share it in turn, and errors do not wait", () => {
  const client = new TestDoor().connect([[Setting.initialWindowSize, 1 << 20]]);
  const size = 100_000;
  client.send(client.script.call(1, "/t.T/Size", String(size)), client.script.call(3, "/t.T/Size", String(size)));
  const [first, second] = [client.answer(1), client.answer(3)];
  assert.equal(first.body.length + second.body.length, DEFAULT_WINDOW);
  assert.ok(Math.abs(first.body.length - second.body.length) <= 16_384, "neither waits for the other");
  client.send(client.script.call(5, "/t.T/Fail", "no"));
  assert.equal(client.answer(5).status, 5);
  client.allow(0, 2 * size);
  assert.deepEqual(
    [first, second].map((answer) => [answer.messages[0]?.length, answer.status]),
    [
      [size, 0],
      [size, 0],
    ],
  );
});

test("a stream that is reset while it waits does not keep others from going on", () => {
  const server = new TestDoor();
  const client = server.connect([[Setting.initialWindowSize, 1 << 20]]);
  const streams = [1, 3, 5, 7, 9];
  for (const id of streams) client.send(client.script.call(id, "/t.T/Size", "100000"));
  for (const id of [1, 5, 9]) client.send(client.script.reset(id));
  client.allow(0, 1 << 20);
  for (const id of [3, 7]) assert.equal(client.answer(id).messages[0]?.length, 100_000);
  assert.equal(server.door.calls, 0);
});

test("a changed SETTINGS_INITIAL_WINDOW_SIZE changes the windows of open streams, also below zero", () => {
  const client = new TestDoor().connect([[Setting.initialWindowSize, 1_000]]);
  client.send(client.script.call(1, "/t.T/Size", "5000"));
  const { body } = client.answer(1);
  assert.equal(body.length, 1_000);
  client.set(Setting.initialWindowSize, 100);
  // The window is now -900.
  client.allow(1, 900);
  assert.equal(client.answer(1).body.length, 1_000);
  client.allow(1, 1);
  assert.equal(client.answer(1).body.length, 1_001);
  client.set(Setting.initialWindowSize, 10_000);
  assert.equal(client.answer(1).messages[0]?.length, 5_000);
  assert.equal(client.count(FrameType.settings), 4, "ours, and three acknowledgements");
});

test("frames are as large as the client takes, and no larger", () => {
  const client = new TestDoor().connect([
    [Setting.initialWindowSize, 1 << 20],
    [Setting.maxFrameSize, 20_000],
  ]);
  client.allow(0, 1 << 20);
  client.send(client.script.call(1, "/t.T/Size", "300000"));
  assert.equal(client.answer(1).messages[0]?.length, 300_000);
  assert.ok(client.frames.some(({ payload }) => payload.length > 16_384 || payload.length < 20_000));
});

test("a large request is granted what it needs at once, and small ones now and then", () => {
  const server = new TestDoor();
  const client = server.connect();
  const message = new Uint8Array(1 << 20).fill(0x61);
  const bytes = prefixed(message);
  client.send(client.script.headers(1, requestFields("/t.T/Hold")));
  let sent = 0;
  let rounds = 0;
  while (sent < bytes.length) {
    rounds += 1;
    const allowed = DEFAULT_WINDOW + client.granted(1);
    assert.ok(allowed > sent, "the server lets the client go on");
    while (sent < Math.min(allowed, bytes.length)) {
      const end = Math.min(sent + 16_384, allowed, bytes.length);
      client.send(client.script.data(1, bytes.subarray(sent, end), end === bytes.length));
      sent = end;
    }
  }
  assert.equal(server.held[0]?.request.length, message.length);
  assert.ok(rounds <= 2, `${rounds} round trips`);
});

test("the connection's window is granted again as bytes come, those of streams that are gone among them", () => {
  const server = new TestDoor();
  const client = server.connect();
  const before = client.granted(0);
  client.send(client.script.headers(1, BIDI));
  server.bidis[0]?.call.end();
  server.clock.turn();
  const data = client.script.data(1, new Uint8Array(16_000), false, 100);
  const frames = 300;
  for (let n = 0; n < frames; n++) client.send(data);
  const granted = client.granted(0) - before;
  assert.ok(granted > 4 << 20 && granted <= frames * 16_101, String(granted));
});

test("a call that is paused is granted nothing, and goes on when it is resumed", () => {
  const server = new TestDoor();
  const client = server.connect();
  client.send(client.script.headers(1, BIDI));
  const bidi = server.bidis[0];
  assert.ok(bidi !== undefined);
  const chunk = prefixed("x".repeat(9_995));
  bidi.call.pause();
  for (let n = 0; n < 6; n++) client.send(client.script.data(1, chunk));
  assert.equal(client.granted(1), 0);
  assert.equal(bidi.messages.length, 6, "those that were allowed still come");
  bidi.call.resume();
  server.clock.turn();
  assert.equal(client.granted(1), 60_000);
  client.send(client.script.data(1, chunk));
  assert.equal(bidi.messages.length, 7);
  client.send(client.script.data(1, chunk), client.script.data(1, chunk), client.script.data(1, chunk));
  assert.equal(client.granted(1), 100_000, "and is granted more as it goes");
});

test("a client that sends more than it was allowed is stopped", () => {
  const server = new TestDoor();
  const client = server.connect();
  client.send(client.script.headers(1, BIDI));
  server.bidis[0]?.call.pause();
  for (let n = 0; n < 5; n++) client.send(client.script.data(1, new Uint8Array(16_384)));
  assert.equal(client.answer(1).reset, ErrorCode.flowControlError);
  assert.equal(server.over, 1);
});

test("padding counts as if it were data", () => {
  const server = new TestDoor();
  const client = server.connect();
  client.send(client.script.headers(1, BIDI));
  server.bidis[0]?.call.pause();
  const frames = Math.floor(DEFAULT_WINDOW / 257);
  for (let n = 0; n < frames; n++) client.send(client.script.data(1, Uint8Array.of(0), false, 255));
  assert.equal(client.answer(1).reset, null);
  client.send(client.script.data(1, Uint8Array.of(0), false, 255));
  assert.equal(client.answer(1).reset, ErrorCode.flowControlError);
});

test("a service is told when enough waits, and when there is room again", () => {
  const server = new TestDoor();
  const client = server.connect();
  client.send(client.script.call(1, "/t.T/Stream", ""));
  const call = server.streams[0]?.call;
  assert.ok(call !== undefined);
  let drains = 0;
  call.onDrain(() => {
    drains += 1;
  });
  const message = new Uint8Array(100_000);
  let written = 1;
  while (call.write(message)) written += 1;
  assert.equal(written, 11, "about a mebibyte");
  assert.equal(call.writable, false);
  server.clock.turn();
  assert.equal(drains, 0);
  client.allow(1, 500_000);
  client.allow(0, 500_000);
  assert.equal(drains, 0);
  client.allow(1, 500_000);
  client.allow(0, 500_000);
  assert.equal(drains, 1);
  assert.equal(call.writable, true);
  assert.equal(call.write(bytesOf("last")), true);
  call.end();
  client.allow(1, 1 << 20);
  client.allow(0, 1 << 20);
  assert.equal(client.answer(1).messages.length, 12);
  assert.equal(text(client.answer(1).messages.at(-1) ?? new Uint8Array(0)), "last");
  assert.equal(client.answer(1).status, 0);
});

test("thousands of messages that wait leave in their order", () => {
  const server = new TestDoor();
  const client = server.connect([[Setting.initialWindowSize, 0]]);
  client.send(client.script.call(1, "/t.T/Stream", ""));
  const sent = Array.from({ length: 5_000 }, (_, n) => String(n));
  for (const message of sent) server.streams[0]?.call.write(bytesOf(message));
  server.clock.turn();
  for (let n = 0; n < 6; n++) {
    client.allow(1, 10_000);
    server.clock.turn();
  }
  assert.deepEqual(client.answer(1).texts, sent);
});

test("nothing more is written while the system has not taken what was, and nothing written is changed", () => {
  const server = new TestDoor();
  const client = server.connect();
  const others = server.connect();
  client.wire.isStalled = true;
  client.send(client.script.call(1, "/t.T/Echo", "first"));
  const { writes } = client.wire;
  for (let n = 0; n < 50; n++) {
    client.send(client.script.call(3 + 2 * n, "/t.T/Echo", `answer ${n}`));
    others.send(others.script.call(1 + 2 * n, "/t.T/Echo", `other ${n}`));
  }
  assert.equal(client.wire.writes, writes);
  client.wire.release();
  assert.deepEqual(client.answer(1).texts, ["first"]);
  for (let n = 0; n < 50; n++) assert.deepEqual(client.answer(3 + 2 * n).texts, [`answer ${n}`]);
});

test("many clients that do not read cost others nothing, and get in the end what was written", () => {
  const server = new TestDoor();
  const slow = Array.from({ length: 400 }, () => server.connect());
  const quick = server.connect();
  slow.forEach((client, n) => {
    client.wire.isStalled = true;
    client.send(client.script.call(1, "/t.T/Echo", `${n} `.repeat(200)));
    quick.send(quick.script.call(1 + 2 * n, "/t.T/Echo", `quick ${n}`));
    assert.deepEqual(quick.answer(1 + 2 * n).texts, [`quick ${n}`]);
  });
  slow.forEach((client, n) => {
    client.wire.release();
    assert.deepEqual(client.answer(1).texts, [`${n} `.repeat(200)]);
  });
});

test("all answers of a turn leave in one write", () => {
  const server = new TestDoor();
  const client = server.connect();
  for (let n = 0; n < 100; n++) client.send(client.script.call(1 + 2 * n, "/t.T/Hold", String(n)));
  const { writes } = client.wire;
  for (const { answer, request } of server.held) answer(null, bytesOf(request));
  assert.equal(client.wire.writes, writes);
  server.clock.turn();
  assert.equal(client.wire.writes, writes + 1);
  for (let n = 0; n < 100; n++) assert.deepEqual(client.answer(1 + 2 * n).texts, [String(n)]);
  client.send(...Array.from({ length: 100 }, (_, n) => client.script.call(201 + 2 * n, "/t.T/Echo", "x")));
  assert.equal(client.wire.writes, writes + 2);
});
