import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeBlock } from "./hpack/encoder.ts";
import { ErrorCode, Flag, FrameType, frame, Setting } from "./http2/frames.ts";
import { type Answer, type Pairs, prefixed, requestFields } from "./testing/hand-client.ts";
import { bytesOf, TestDoor } from "./testing/test-door.ts";

function ask(server: TestDoor, fields: Pairs, body: Uint8Array | null = prefixed("x")): Answer {
  const client = server.connect();
  if (body === null) client.send(client.script.headers(1, fields, { endStream: true }));
  else client.send(client.script.headers(1, fields), client.script.data(1, body, true));
  server.clock.turn();
  assert.equal(client.goodbyes.length, 0);
  assert.equal(server.door.calls, server.held.length);
  return client.answer(1);
}

/** How a call is answered that fails. */
function failure(server: TestDoor, fields: Pairs, body?: Uint8Array | null): [number | null, string] {
  const answer = ask(server, fields, body);
  assert.equal(answer.headers.length, 1, "an error without messages has one header block");
  assert.equal(answer.isEnded, true);
  return [answer.status, answer.message];
}

const ECHO = "/t.T/Echo";

test("a unary call: headers, the message, trailers", () => {
  const answer = ask(new TestDoor(), requestFields(ECHO), prefixed("hello"));
  assert.deepEqual(
    answer.headers.map((headers) => Object.fromEntries(headers)),
    [{ ":status": "200", "content-type": "application/grpc" }, { "grpc-status": "0" }],
  );
  assert.deepEqual(answer.texts, ["hello"]);
  assert.deepEqual([answer.isEnded, answer.reset], [true, null]);
});

test("a service sees who calls what, with which metadata", () => {
  const server = new TestDoor();
  ask(
    server,
    requestFields("/t.T/Hold", [
      ["user-agent", "hand/1"],
      ["key", "first"],
      ["key", "second"],
    ]),
  );
  const call = server.held[0]?.call;
  assert.deepEqual(
    [call?.path, call?.peer, call?.metadata("user-agent"), call?.metadata("key"), call?.metadata("none")],
    ["/t.T/Hold", "client:1", "hand/1", "first", null],
  );
});

test("an error's text may be any, and is cut where clients would take no more", () => {
  const server = new TestDoor();
  for (const text of ["no such key", "100 % wrong\n", "schlüssel 鍵 🔑", ""]) {
    assert.deepEqual(failure(server, requestFields("/t.T/Fail"), prefixed(text)), [5, text]);
  }
  const [status, text] = failure(server, requestFields("/t.T/Fail"), prefixed("long ".repeat(2_000)));
  assert.equal(status, 5);
  assert.equal(text.length, 4_096);
});

test("what nobody serves is answered by name", () => {
  const server = new TestDoor();
  for (const [path, text] of [
    ["/t.T/NoSuch", "unknown method NoSuch for service t.T"],
    ["/no.Service/Method", "unknown service no.Service"],
    ["/", 'malformed method name: "/"'],
    ["none", 'malformed method name: "none"'],
  ] as const) {
    assert.deepEqual(failure(server, requestFields(path)), [12, text]);
  }
});

test("what is no gRPC call is answered in HTTP, and in gRPC", () => {
  const server = new TestDoor();
  const replaced = (name: string, value: string | null): Pairs =>
    requestFields(ECHO).flatMap(([n, v]) =>
      n !== name ? [[n, v] as const] : value === null ? [] : [[n, value] as const],
    );
  const get = ask(server, replaced(":method", "GET"), null);
  assert.deepEqual([get.headers[0]?.get(":status"), get.headers[0]?.get("allow"), get.status], ["405", "POST", 13]);
  for (const type of ["text/plain", "application/grpcx", "application/grpc-web", null]) {
    const answer = ask(server, replaced("content-type", type));
    assert.deepEqual([answer.headers[0]?.get(":status"), answer.status], ["415", 3], String(type));
    assert.match(answer.message, /is application\/grpc, not/);
  }
  for (const type of ["application/grpc", "application/grpc+proto", "application/grpc;x=y", "Application/GRPC"]) {
    assert.deepEqual(ask(server, replaced("content-type", type)).texts, ["x"], type);
  }
  const connect: Pairs = [
    [":method", "CONNECT"],
    [":authority", "x:1"],
  ];
  assert.equal(ask(server, connect).headers[0]?.get(":status"), "405");
});

test("a call whose time is up is answered, and told so", () => {
  for (const [timeout, ms] of [
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3_000],
    ["40m", 40],
    ["50000u", 50],
    ["60000000n", 60],
  ] as const) {
    const server = new TestDoor();
    const answer = ask(server, requestFields("/t.T/Hold", [["grpc-timeout", timeout]]));
    server.clock.advance(ms - 1);
    assert.equal(answer.status, null, timeout);
    assert.equal(server.over, 0);
    server.clock.advance(1);
    assert.deepEqual([answer.status, answer.message], [4, "context deadline exceeded"], timeout);
    assert.equal(server.over, 1);
    assert.equal(server.held[0]?.call.cancelled, true);
    server.held[0]?.answer(null, bytesOf("late"));
    server.clock.turn();
    assert.equal(server.door.calls, 0);
  }
});

test("no time is none, much time is any, and what is no time is refused", () => {
  const server = new TestDoor();
  assert.deepEqual(failure(server, requestFields(ECHO, [["grpc-timeout", "0m"]])), [4, "context deadline exceeded"]);
  assert.deepEqual(ask(server, requestFields(ECHO, [["grpc-timeout", "99999999H"]])).texts, ["x"]);
  for (const wrong of ["1", "m", "1s", "123456789m", "-1m", "1.5S", " 1m".trim().padStart(3, "+")]) {
    const [status, text] = failure(server, requestFields(ECHO, [["grpc-timeout", wrong]]));
    assert.equal(status, 13);
    assert.ok(text.startsWith(`malformed grpc-timeout "${wrong}"`), text);
  }
});

test("a deadline ends a stream: with a status if no message is half out, else with a reset", () => {
  const server = new TestDoor();
  const client = server.connect([[Setting.initialWindowSize, 10]]);
  const fields = requestFields("/t.T/Stream", [["grpc-timeout", "1S"]]);
  for (const id of [1, 3]) {
    client.send(client.script.headers(id, fields), client.script.data(id, prefixed(""), true));
  }
  server.streams[0]?.call.write(bytesOf("whole"));
  server.streams[0]?.call.write(bytesOf("never"));
  server.streams[1]?.call.write(bytesOf("half of it"));
  server.clock.advance(1_000);
  assert.deepEqual([client.answer(1).texts, client.answer(1).status], [["whole"], 4]);
  assert.deepEqual([client.answer(3).status, client.answer(3).reset], [null, ErrorCode.cancel]);
  assert.equal(server.over, 2);
  assert.equal(server.door.calls, 0);
});

test("compressed messages are not taken, and who sends one is told what is", () => {
  const server = new TestDoor();
  const gzip = ask(server, requestFields(ECHO, [["grpc-encoding", "gzip"]]), prefixed("x", 1));
  assert.equal(gzip.status, 12);
  assert.equal(gzip.headers[0]?.get("grpc-accept-encoding"), "identity");
  assert.match(gzip.message, /"gzip" are not taken/);
  assert.deepEqual(ask(server, requestFields(ECHO, [["grpc-encoding", "gzip"]]), prefixed("x")).texts, ["x"]);
  assert.equal(failure(server, requestFields(ECHO), prefixed("x", 1))[0], 13);
  assert.equal(failure(server, requestFields(ECHO), prefixed("x", 2))[0], 13);
});

test("a message above the limit is refused as etcd's server does, as soon as its length is known", () => {
  const server = new TestDoor({}, 100);
  const refused = [8, "grpc: received message larger than max (101 vs. 100)"];
  assert.deepEqual(ask(server, requestFields(ECHO), prefixed("x".repeat(100))).texts, ["x".repeat(100)]);
  assert.deepEqual(failure(server, requestFields(ECHO), prefixed("x".repeat(101))), refused);
  const client = server.connect();
  client.send(client.script.headers(1, requestFields(ECHO)), client.script.data(1, Uint8Array.of(0, 0, 0, 0)));
  assert.equal(client.answer(1).status, null);
  client.send(client.script.data(1, Uint8Array.of(101)));
  assert.deepEqual([client.answer(1).status, client.answer(1).message], refused);
  assert.equal(client.answer(1).reset, ErrorCode.noError);
  client.send(client.script.data(1, new Uint8Array(101), true), client.script.call(3, ECHO, "next"));
  assert.deepEqual(client.answer(3).texts, ["next"]);
});

test("a call that takes one message takes one", () => {
  const server = new TestDoor();
  const one = [...prefixed("x")];
  for (const path of [ECHO, "/t.T/Stream"]) {
    assert.deepEqual(failure(server, requestFields(path), null), [12, `${path} takes one message, but none came`]);
    const two = Uint8Array.from([...one, ...one]);
    assert.deepEqual(failure(server, requestFields(path), two), [12, `${path} takes one message, but more came`]);
    const cut = Uint8Array.from(one.slice(0, -1));
    assert.deepEqual(failure(server, requestFields(path), cut), [13, "the request ended within a message"]);
  }
  assert.equal(server.streams.length, 0);
});

test("requests may come padded, with priorities, in many frames, with trailers, between frames nobody knows", () => {
  const server = new TestDoor();
  const client = server.connect();
  const { script } = client;
  client.send(
    script.headers(1, requestFields(ECHO), { padding: 200, priority: true, pieces: 5 }),
    frame(FrameType.priority, 0, 1, Uint8Array.of(0x80, 0, 0, 1, 255)),
    frame(77, 255, 1, new Uint8Array(30)),
    script.data(1, prefixed("padded").subarray(0, 3), false, 0),
    frame(FrameType.settings, 0, 0, Uint8Array.of(0xab, 0xcd, 1, 2, 3, 4)),
    script.data(1, prefixed("padded").subarray(3), false, 255),
    script.headers(1, [["trailer", "value"]], { endStream: true, padding: 1 }),
  );
  assert.deepEqual([client.answer(1).texts, client.answer(1).status], [["padded"], 0]);
});

test("a stream of messages each way, however they are cut into frames", () => {
  const server = new TestDoor();
  const client = server.connect();
  const { script } = client;
  const messages = ["", "a", "b".repeat(300), "c".repeat(40_000), "", "d"];
  const bytes = Uint8Array.from(messages.flatMap((message) => [...prefixed(message)]));
  client.send(script.headers(1, requestFields("/t.T/EchoBidi")));
  // Many frames a message, then many messages a frame.
  for (let at = 0; at < bytes.length; at += 7) client.send(script.data(1, bytes.subarray(at, at + 7)));
  const few = Uint8Array.from(["x", "y", "z"].flatMap((message) => [...prefixed(message)]));
  client.send(script.data(1, few, true));
  client.allow(1, 1 << 20);
  client.allow(0, 1 << 20);
  assert.deepEqual(client.answer(1).texts, [...messages, "x", "y", "z"]);
  assert.equal(client.answer(1).status, 0);
});

test("who has said all may still be answered, and who is answered needs not say all", () => {
  const server = new TestDoor();
  const client = server.connect();
  const { script } = client;
  client.send(script.headers(1, requestFields("/t.T/Bidi")), script.data(1, prefixed("m"), true));
  const bidi = server.bidis[0];
  assert.deepEqual([bidi?.messages, bidi?.isEnded], [["m"], true]);
  bidi?.call.write(bytesOf("one"));
  bidi?.call.write(bytesOf("two"));
  server.clock.turn();
  assert.deepEqual(client.answer(1).texts, ["one", "two"]);
  bidi?.call.end();
  assert.equal(bidi?.call.write(bytesOf("dropped")), false);
  server.clock.turn();
  assert.deepEqual([client.answer(1).status, client.answer(1).reset], [0, null]);

  client.send(script.headers(3, requestFields("/t.T/Bidi")), script.data(3, prefixed("m")));
  server.bidis[1]?.call.end();
  server.clock.turn();
  assert.deepEqual([client.answer(3).status, client.answer(3).reset], [0, ErrorCode.noError]);
  assert.equal(server.over, 2);
  client.send(script.data(3, prefixed("late")), script.headers(3, [["x", "y"]], { endStream: true }));
  assert.deepEqual(server.bidis[1]?.messages, ["m"]);
  assert.equal(client.goodbyes.length, 0);
});

test("what a service throws is answered as an error of its call alone", () => {
  const server = new TestDoor();
  assert.deepEqual(failure(server, requestFields("/t.T/Throw")), [13, "internal error: thrown"]);
  const client = server.connect();
  client.send(
    client.script.headers(1, requestFields("/t.T/EchoBidi")),
    client.script.data(1, prefixed("throw")),
    client.script.call(3, ECHO, "x"),
  );
  assert.deepEqual([client.answer(1).status, client.answer(1).message], [13, "internal error: thrown"]);
  assert.deepEqual(client.answer(3).texts, ["x"]);
});

test("a header block that is remembered does not outlive what it stood for", () => {
  const server = new TestDoor();
  const client = server.connect();
  const index = (n: number): Uint8Array => Uint8Array.of(0x83, 0x86, 0x80 | n, 0x80 | 62);
  // The newest entry of the table is 62, and the one before it 63.
  const add = (name: string, value: string): Uint8Array =>
    Uint8Array.from([0x40, name.length, ...bytesOf(name), value.length, ...bytesOf(value)]);
  const once = (id: number, block: Uint8Array): void =>
    client.send(client.script.block(id, block), client.script.data(id, prefixed(String(id)), true));
  const type = add("content-type", "application/grpc");
  once(1, Uint8Array.from([0x83, 0x86, ...add(":path", ECHO), ...type]));
  for (const id of [3, 5, 7]) once(id, index(63));
  once(9, Uint8Array.from([0x83, 0x86, ...add(":path", "/t.T/Fail"), ...type]));
  for (const id of [11, 13]) once(id, index(63));
  for (const id of [1, 3, 5, 7]) assert.deepEqual(client.answer(id).texts, [String(id)]);
  for (const id of [9, 11, 13])
    assert.deepEqual([client.answer(id).status, client.answer(id).message], [5, String(id)]);
});

test("answers need no memory of the client's, whatever table it offers", () => {
  const client = new TestDoor().connect([[Setting.headerTableSize, 0]]);
  client.send(client.script.call(1, ECHO, "x"));
  const blocks = client.frames.filter(({ type }) => type === FrameType.headers);
  for (const { payload, flags } of blocks) {
    assert.ok((flags & Flag.endHeaders) !== 0);
    assert.equal([0x40, 0x20].includes((payload[0] ?? 0) & 0xe0), false);
  }
  assert.deepEqual(blocks[1]?.payload, encodeBlock([["grpc-status", "0"]]));
});
