import assert from "node:assert/strict";
import { test } from "node:test";
import { GrpcStatus } from "../../errors.ts";
import { ErrorCode, Flag, FrameType, frame } from "../http2/frames.ts";
import { prefixed } from "../testing/hand-client.ts";
import { HEAD } from "./testing/hand-server.ts";
import { TestClient } from "./testing/test-client.ts";

test("a call leaves with all that gRPC wants to be said, and brings its answer", () => {
  const t = new TestClient();
  const { heard } = t.call("hello", 4_999, { authorization: "secret", hasleader: "true" });
  const { server } = t;
  const request = server.request(1);
  assert.deepEqual(Object.fromEntries(request.headers[0] ?? []), {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/t.T/Unary",
    ":authority": "test:1",
    te: "trailers",
    "grpc-timeout": "5000m",
    "content-type": "application/grpc",
    "user-agent": "quorate",
    authorization: "secret",
    hasleader: "true",
  });
  assert.deepEqual([request.texts, request.isEnded], [["hello"], true]);
  server.answer(1, "world");
  assert.deepEqual([heard.messages, heard.outcome], [["world"], "status 0"]);
  server.wire.destroy();
  assert.equal(t.clock.pending, 0);
});

test("nothing is told of an answer before its status has come", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  t.server.head(1);
  t.server.message(1, "b");
  assert.deepEqual([heard.messages, heard.outcome], [[], "under way"]);
  t.server.trailers(1, GrpcStatus.aborted, "no");
  assert.deepEqual([heard.messages, heard.outcome, heard.text], [[], "status 10", "no"]);
});

test("calls of one event leave in one write, a message of a stream with them", () => {
  const t = new TestClient();
  const { call } = t.stream();
  const { wire } = t.server;
  const before = wire.writes;
  t.begin("a");
  t.begin("b");
  call.send(new Uint8Array(3));
  assert.equal(wire.writes, before);
  t.clock.turn();
  assert.equal(wire.writes, before + 1);
  assert.deepEqual(t.server.begun, [1, 3, 5]);
});

test("an acknowledgement leaves with the next request, or at the end of the turn", () => {
  const t = new TestClient();
  const { wire } = t.server;
  const before = wire.writes;
  const ping = frame(FrameType.ping, Flag.none, 0, new Uint8Array(8));
  t.server.send(ping);
  t.begin("a");
  t.clock.turn();
  assert.deepEqual([wire.writes - before, t.server.count(FrameType.ping)], [1, 1]);
  t.server.send(ping, ping);
  t.clock.turn();
  assert.deepEqual([wire.writes - before, t.server.count(FrameType.ping)], [2, 3]);
});

test("an answer with trailers only brings the server's error, its text decoded", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  t.server.refuse(1, GrpcStatus.outOfRange, "50%25 of%20it, na%C3%AFve; 100% %zz");
  assert.deepEqual([heard.outcome, heard.text], ["status 11", "50% of it, naïve; 100% %zz"]);
  const other = t.call("b");
  t.server.send(t.server.script.headers(3, [...HEAD, ["grpc-status", "x"]], { endStream: true }));
  assert.equal(other.heard.outcome, "status 2");
});

test("a text with blanks around it is no malformed one", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  t.server.refuse(1, GrpcStatus.internal, " what? ");
  assert.deepEqual([heard.outcome, heard.text], ["status 13", " what? "]);
});

test("a stream carries messages both ways until the server ends it, and is then ended on our side, too", () => {
  const t = new TestClient();
  const { call, heard } = t.stream();
  assert.equal(t.server.request(1).headers.length, 1, "it is begun before its first message");
  t.server.head(1);
  t.send(call, "a");
  t.send(call, "b");
  t.server.message(1, "x");
  t.server.message(1, "");
  const request = t.server.request(1);
  assert.deepEqual([request.texts, request.isEnded], [["a", "b"], false]);
  assert.deepEqual(heard.messages, ["x", ""]);
  t.server.trailers(1);
  t.clock.turn();
  assert.deepEqual([heard.outcome, request.reset], ["status 0", ErrorCode.noError]);
  t.send(call, "late");
  assert.deepEqual(request.texts, ["a", "b"]);
});

test("a stream of no word ends with the server's error", () => {
  const t = new TestClient();
  const { heard } = t.stream();
  t.server.refuse(1, GrpcStatus.unauthenticated, "who are you");
  assert.deepEqual([heard.messages, heard.outcome], [[], "status 16"]);
});

test("what was given up is reset, says no more, and is told nothing; others go on", () => {
  const t = new TestClient();
  const [one, other] = [t.call("a"), t.call("b")];
  assert.equal(one.call.cancel(), true);
  assert.equal(one.call.cancel(), true);
  t.clock.turn();
  assert.equal(t.server.request(1).reset, ErrorCode.cancel);
  t.server.answer(1, "late");
  t.server.answer(3, "b");
  assert.equal(one.heard.outcome, "under way");
  assert.deepEqual(other.heard.messages, ["b"]);
});

test("what was given up before it left never leaves", () => {
  const t = new TestClient();
  const [first, second] = [t.begin("a"), t.begin("b")];
  assert.equal(first.call.cancel(), false);
  t.clock.turn();
  assert.deepEqual(t.server.begun, [3]);
  t.server.answer(3, "b");
  assert.deepEqual(second.heard.messages, ["b"]);
});

test("a stream may be given up by who takes its messages", () => {
  const t = new TestClient();
  const { call, heard } = t.stream();
  heard.onMessage = () => void call.cancel();
  t.server.head(1);
  t.server.send(t.server.script.data(1, Uint8Array.from([...prefixed("a"), ...prefixed("b")])));
  t.server.message(1, "c");
  assert.deepEqual(heard.messages, ["a"]);
});

test("while it is paused, no more is allowed than was; then it goes on", () => {
  const t = new TestClient();
  const { call, heard } = t.stream();
  t.server.head(1);
  call.pause();
  const piece = "x".repeat(16_000);
  for (let n = 0; n < 40; n++) t.server.message(1, piece);
  t.clock.turn();
  assert.equal(t.server.granted(1), 0);
  call.resume();
  t.clock.turn();
  assert.equal(t.server.granted(1), 40 * 16_005);
  assert.equal(heard.messages.length, 40);
});

test("what is no answer of gRPC is told apart", () => {
  const html = [":status", "200"] as const;
  const cases = [
    {
      fields: [html, ["content-type", "text/html"]],
      is: "broken, may have arrived",
      says: /text\/html.*no gRPC server/,
    },
    { fields: [[":status", "503"]], is: "status 14", says: /HTTP status 503/ },
    { fields: [[":status", "401"]], is: "status 16", says: /HTTP status 401/ },
    { fields: [[":status", "418"]], is: "status 2", says: /HTTP status 418/ },
  ] as const;
  for (const endStream of [false, true]) {
    for (const { fields, is, says } of cases) {
      const t = new TestClient();
      const { heard } = t.call("a");
      t.server.send(t.server.script.headers(1, fields, { endStream }));
      t.clock.turn();
      assert.equal(heard.outcome, is);
      if (!endStream) assert.equal(t.server.request(1).reset, ErrorCode.cancel);
      if (!endStream || is !== "broken, may have arrived") assert.match(heard.text + (heard.fault?.text ?? ""), says);
      assert.equal(t.over.length, 0);
    }
  }
});

test("a gRPC status counts whatever the HTTP status is", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  const fields = [
    [":status", "503"],
    ["grpc-status", "5"],
  ] as const;
  t.server.send(t.server.script.headers(1, fields, { endStream: true }));
  assert.equal(heard.outcome, "status 5");
});

test("answers of HTTP that come before the answer say nothing", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  t.server.head(1, [
    [":status", "103"],
    ["link", "x"],
  ]);
  t.server.head(1, [[":status", "100"]]);
  t.server.answer(1, "b");
  assert.deepEqual(heard.messages, ["b"]);
});

test("an answer that is not one is broken, with the reason", () => {
  const s = (t: TestClient) => t.server.script;
  const cases: readonly (readonly [name: string, play: (t: TestClient) => void, says: RegExp])[] = [
    ["no message", (t) => t.server.trailers(1), /without a message/],
    [
      "two messages",
      (t) => {
        t.server.message(1, "a");
        t.server.message(1, "b");
      },
      /more came/,
    ],
    ["no trailers", (t) => t.server.send(s(t).data(1, prefixed("a"), true)), /without a status/],
    ["no status", (t) => t.server.send(s(t).headers(1, [["x", "y"]], { endStream: true })), /without a grpc-status/],
    [
      "half a message",
      (t) => {
        t.server.send(s(t).data(1, prefixed("abc").subarray(0, 6)));
        t.server.trailers(1);
      },
      /within a message/,
    ],
    [
      "a compressed message",
      (t) => t.server.send(s(t).data(1, prefixed("a", 1))),
      /flag 1 \(grpc-encoding: identity\)/,
    ],
  ];
  for (const [name, play, says] of cases) {
    const t = new TestClient();
    const { heard } = t.call("a");
    t.server.head(1);
    play(t);
    t.clock.turn();
    assert.equal(heard.outcome, "broken, may have arrived", name);
    assert.match(heard.fault?.text ?? "", says, name);
    assert.equal(t.over.length, 0, name);
    const other = t.call("b");
    t.server.answer(3, "b");
    assert.deepEqual(other.heard.messages, ["b"], name);
  }
});

test("a message above the limit is refused by its prefix, whole or not", () => {
  for (const sent of [5, 100]) {
    const t = new TestClient([], { maxMessageBytes: 50 });
    const { heard } = t.call("a");
    t.server.head(1);
    t.server.send(t.server.script.data(1, prefixed(new Uint8Array(95)).subarray(0, sent)));
    assert.equal(heard.outcome, "tooLarge, may have arrived");
    assert.match(heard.fault?.text ?? "", /95 bytes is larger than 50/);
    t.clock.turn();
    assert.equal(t.server.request(1).reset, ErrorCode.cancel);
  }
});

test("a server's reset says what became of the call", () => {
  const cases = [
    [ErrorCode.refusedStream, "lost, not arrived", GrpcStatus.unavailable],
    [ErrorCode.cancel, "broken, may have arrived", GrpcStatus.cancelled],
    [ErrorCode.enhanceYourCalm, "broken, may have arrived", GrpcStatus.resourceExhausted],
    [ErrorCode.internalError, "broken, may have arrived", GrpcStatus.internal],
    [ErrorCode.noError, "broken, may have arrived", GrpcStatus.internal],
    [99, "broken, may have arrived", GrpcStatus.internal],
  ] as const;
  for (const [code, outcome, status] of cases) {
    const t = new TestClient();
    const { heard } = t.call("a");
    t.server.send(t.server.script.reset(1, code));
    assert.deepEqual([heard.outcome, heard.fault?.status], [outcome, status]);
    assert.equal(t.server.request(1).reset, null, "it is not answered by one");
  }
});

test("who has begun to answer has not refused, whatever it says", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  t.server.head(1);
  t.server.send(t.server.script.reset(1, ErrorCode.refusedStream));
  assert.equal(heard.outcome, "broken, may have arrived");
});

test("a reset behind the end says nothing", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  t.server.answer(1, "b");
  t.server.send(
    t.server.script.reset(1, ErrorCode.noError),
    frame(FrameType.priority, Flag.none, 1, new Uint8Array(5)),
  );
  assert.deepEqual([heard.outcome, t.over.length], ["status 0", 0]);
});

test("metadata that cannot be sent is named, but for its value", () => {
  const t = new TestClient();
  for (const [metadata, says] of [
    [{ authorization: "a\nb" }, /value of authorization has a line end/],
    [{ authorization: "naïve" }, /authorization has a character that is not ASCII/],
    [{ Upper: "a" }, /"Upper" has a character/],
    [{ a: "x".repeat(9_000) }, /metadata of a call has \d+ bytes, at most 8156/],
  ] as const) {
    assert.throws(() => t.begin("a", 1_000, metadata), { code: "INVALID_ARGUMENT", message: says });
  }
  t.clock.turn();
  assert.deepEqual([t.server.begun, t.busy], [[], []]);
});

test("it is busy while calls are under way", () => {
  const t = new TestClient();
  const [first, second] = [t.call("a"), t.call("b")];
  assert.deepEqual(t.busy, [true]);
  t.server.answer(3, "x");
  first.call.cancel();
  assert.deepEqual([t.busy, second.heard.outcome], [[true, false], "status 0"]);
  t.call("c");
  t.server.wire.destroy();
  assert.deepEqual(t.busy, [true, false, true, false]);
});
