import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DEFAULT_WINDOW,
  ErrorCode,
  Flag,
  FrameType,
  frame,
  resetStreamFrame,
  Setting,
  settingsFrame,
  windowUpdateFrame,
} from "../http2/frames.ts";
import { type Pairs, prefixed } from "../testing/hand-client.ts";
import { bytesOf } from "../testing/test-door.ts";
import { HEAD } from "./testing/hand-server.ts";
import { TestClient } from "./testing/test-client.ts";

const nothing = new Uint8Array(0);

type Play = (t: TestClient) => void;

/** With a call on stream 1 under way, and one on stream 3 that the server has ended. */
const BREAKING: readonly (readonly [name: string, play: Play, code: ErrorCode, says: RegExp])[] = [
  ["DATA of the connection", (t) => t.server.send(frame(FrameType.data, 0, 0, nothing)), 1, /DATA must belong/],
  ["HEADERS of the connection", (t) => t.server.send(frame(FrameType.headers, 4, 0, nothing)), 1, /HEADERS must/],
  ["RST_STREAM of the connection", (t) => t.server.send(resetStreamFrame(0, 0)), 1, /RST_STREAM must/],
  ["PRIORITY of the connection", (t) => t.server.send(frame(FrameType.priority, 0, 0, nothing)), 1, /PRIORITY must/],
  ["SETTINGS of a stream", (t) => t.server.send(frame(FrameType.settings, 0, 1, nothing)), 1, /SETTINGS must not/],
  ["PING of a stream", (t) => t.server.send(frame(FrameType.ping, 0, 1, new Uint8Array(8))), 1, /PING must not/],
  ["GOAWAY of a stream", (t) => t.server.send(frame(FrameType.goAway, 0, 1, new Uint8Array(8))), 1, /GOAWAY must/],
  [
    "a short PING",
    (t) => t.server.send(frame(FrameType.ping, 0, 0, new Uint8Array(7))),
    6,
    /8 bytes of payload, not 7/,
  ],
  ["a short GOAWAY", (t) => t.server.send(frame(FrameType.goAway, 0, 0, new Uint8Array(7))), 6, /at least 8 bytes/],
  ["a short RST_STREAM", (t) => t.server.send(frame(FrameType.resetStream, 0, 1, nothing)), 6, /4 bytes/],
  ["a short WINDOW_UPDATE", (t) => t.server.send(frame(FrameType.windowUpdate, 0, 1, nothing)), 6, /4 bytes/],
  ["odd SETTINGS", (t) => t.server.send(frame(FrameType.settings, 0, 0, new Uint8Array(5))), 6, /multiple of six/],
  [
    "an acknowledgement that says more",
    (t) => t.server.send(frame(FrameType.settings, 1, 0, new Uint8Array(6))),
    6,
    /0 bytes/,
  ],
  ["SETTINGS_ENABLE_PUSH", (t) => t.server.set([[Setting.enablePush, 1]]), 1, /SETTINGS_ENABLE_PUSH is 1/],
  [
    "a frame size that may not be",
    (t) => t.server.set([[Setting.maxFrameSize, 100]]),
    1,
    /SETTINGS_MAX_FRAME_SIZE is 100/,
  ],
  ["a window that may not be", (t) => t.server.set([[Setting.initialWindowSize, 2 ** 31]]), 3, /largest window/],
  ["a push", (t) => t.server.send(frame(FrameType.pushPromise, 4, 1, new Uint8Array(4))), 1, /PUSH_PROMISE/],
  [
    "DATA for a stream that was not opened",
    (t) => t.server.send(frame(FrameType.data, 0, 9, nothing)),
    1,
    /stream 9, which was not/,
  ],
  ["HEADERS for a stream of the server's", (t) => t.server.head(2), 1, /stream 2, which was not/],
  [
    "RST_STREAM for a stream that was not opened",
    (t) => t.server.send(resetStreamFrame(9, 8)),
    1,
    /stream 9, which was not/,
  ],
  [
    "WINDOW_UPDATE for a stream that was not opened",
    (t) => t.server.send(windowUpdateFrame(9, 8)),
    1,
    /stream 9, which/,
  ],
  ["DATA behind the end", (t) => t.server.message(3, "x"), 5, /stream 3, which the server had ended/],
  ["HEADERS behind the end", (t) => t.server.trailers(3), 5, /stream 3, which the server had ended/],
  ["WINDOW_UPDATE by nothing", (t) => t.server.send(windowUpdateFrame(0, 0)), 1, /by nothing/],
  ["a window beyond 2^31 - 1", (t) => t.server.send(windowUpdateFrame(0, 2 ** 31 - 1)), 3, /grew beyond/],
  [
    "CONTINUATION of nothing",
    (t) => t.server.send(frame(FrameType.continuation, 4, 1, nothing)),
    1,
    /CONTINUATION without/,
  ],
  [
    "something within a header block",
    (t) => t.server.send(frame(FrameType.headers, 0, 1, nothing), frame(FrameType.ping, 0, 0, new Uint8Array(8))),
    1,
    /something else than its continuation/,
  ],
  [
    "a header block without end",
    (t) => {
      t.server.send(frame(FrameType.headers, 0, 1, nothing));
      for (let n = 0; n < 17; n++) t.server.send(frame(FrameType.continuation, 0, 1, nothing));
    },
    ErrorCode.enhanceYourCalm,
    /more than 16 CONTINUATION/,
  ],
  [
    "a header block that cannot be read",
    (t) => t.server.send(frame(FrameType.headers, 4, 1, Uint8Array.of(0xff))),
    9,
    /cannot be read/,
  ],
  [
    "more padding than payload",
    (t) => t.server.send(frame(FrameType.data, Flag.padded, 1, Uint8Array.of(1))),
    1,
    /padding/,
  ],
  [
    "a frame that is too large",
    (t) => t.server.send(frame(FrameType.data, 0, 1, new Uint8Array(16_385))),
    6,
    /16385 bytes/,
  ],
];

for (const [name, play, code, says] of BREAKING) {
  test(`${name}: the connection ends, in words, and the call may have arrived`, () => {
    const t = new TestClient();
    const { heard } = t.call("a");
    t.call("b");
    t.server.answer(3, "b");
    play(t);
    assert.equal(t.server.goodbye?.code, code);
    assert.match(t.server.goodbye?.text ?? "", says);
    assert.equal(t.over.length, 1);
    assert.match(t.over[0]?.message ?? "", /^the server broke the rules of HTTP\/2: /);
    assert.match(heard.fault?.text ?? "", says);
    assert.equal(heard.outcome, "lost, may have arrived");
    assert.ok(t.server.wire.isClosed);
    assert.equal(t.clock.pending, 0);
  });
}

const MALFORMED: readonly (readonly [name: string, play: Play, code: ErrorCode, says: RegExp])[] = [
  ["DATA in front", (t) => t.server.message(1, "a"), 1, /DATA came before/],
  ["no :status", (t) => t.server.head(1, [["a", "b"]]), 1, /:status is missing/],
  ["a :status that is none", (t) => t.server.head(1, [[":status", "abc"]]), 1, /"abc" is no status/],
  ["two :status", (t) => t.server.head(1, [...HEAD.slice(0, 1), ...HEAD]), 1, /twice/],
  ["a late :status", (t) => t.server.head(1, HEAD.toReversed()), 1, /behind a regular/],
  [
    "another pseudo-header field",
    (t) => t.server.head(1, [[":path", "/"]] as Pairs),
    1,
    /:path is no field of an answer/,
  ],
  ["an upper-case name", (t) => t.server.head(1, [...HEAD, ["Upper", "x"]]), 1, /"Upper"/],
  ["a field of one connection", (t) => t.server.head(1, [...HEAD, ["connection", "x"]]), 1, /no place in HTTP\/2/],
  [
    "more fields than we take",
    (t) => t.server.send(t.server.script.headers(1, [...HEAD, ["x", "y".repeat(70_000)]], { pieces: 6 })),
    1,
    /more than 65536 bytes/,
  ],
  [
    "an end with what is no answer yet",
    (t) => t.server.send(t.server.script.headers(1, [[":status", "100"]], { endStream: true })),
    1,
    /ends with :status 100/,
  ],
  [
    "trailers that do not end",
    (t) => {
      t.server.head(1);
      t.server.head(1, [["grpc-status", "0"]]);
    },
    1,
    /does not end them/,
  ],
  [
    "a second :status",
    (t) => {
      t.server.head(1);
      t.server.refuse(1, 0);
    },
    1,
    /:status came a second time/,
  ],
  ["WINDOW_UPDATE of its own by nothing", (t) => t.server.send(windowUpdateFrame(1, 0)), 1, /by nothing/],
  ["a window of its own beyond 2^31 - 1", (t) => t.server.send(windowUpdateFrame(1, 2 ** 31 - 1)), 3, /grew beyond/],
  [
    "more DATA than it was allowed",
    (t) => {
      t.server.head(1);
      // A message that is to come as a whole is allowed as a whole, these are not.
      const many = new Uint8Array(16_000).fill(0);
      for (let n = 0; n < 3_300; n++) many[n * 5 + 4] = 0;
      for (let n = 0; n < 70 && t.server.request(1).reset === null; n++) t.server.send(t.server.script.data(1, many));
    },
    3,
    /more DATA came than/,
  ],
];

for (const [name, play, code, says] of MALFORMED) {
  test(`an answer with ${name}: its stream is reset, others go on`, () => {
    const t = new TestClient();
    const { heard, call } = name.startsWith("more DATA") ? t.stream() : t.call("a");
    call.pause();
    if (name.startsWith("more DATA")) t.send(call, "a");
    play(t);
    t.clock.turn();
    assert.equal(heard.outcome, "broken, may have arrived");
    assert.match(heard.fault?.text ?? "", says);
    assert.equal(t.server.request(1).reset, code);
    const other = t.call("b");
    t.server.answer(3, "c");
    assert.deepEqual([other.heard.messages, t.over.length], [["c"], 0]);
  });
}

test("what comes late for a stream that we have reset is let pass, and the tables stay in step", () => {
  const t = new TestClient();
  const calls = Array.from({ length: 200 }, () => t.begin("a"));
  t.clock.turn();
  for (const { call } of calls) call.cancel();
  t.clock.turn();
  for (const id of t.server.begun) {
    t.server.head(id, [...HEAD, [`x-${id}`, "y"]]);
    t.server.message(id, "late");
    t.server.send(windowUpdateFrame(id, 1));
    t.server.trailers(id);
  }
  const { heard } = t.call("b");
  t.server.answer(401, "c");
  assert.deepEqual([heard.messages, t.over.length], [["c"], 0]);
});

test("what nobody knows is ignored", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  t.server.send(
    frame(99, 255, 4, bytesOf("x")),
    settingsFrame([[77, 5]]),
    frame(FrameType.ping, Flag.ack, 0, new Uint8Array(8)),
  );
  t.server.answer(1, "b");
  assert.deepEqual(heard.messages, ["b"]);
});

test("padding and blocks in pieces are read", () => {
  const t = new TestClient();
  const { heard } = t.call("a");
  const { script } = t.server;
  t.server.send(script.headers(1, HEAD, { padding: 9, pieces: 3, priority: true }));
  t.server.send(script.data(1, prefixed("b"), false, 7));
  t.server.trailers(1);
  assert.deepEqual(heard.messages, ["b"]);
});

test("pings and settings are acknowledged", () => {
  const t = new TestClient();
  t.server.send(frame(FrameType.ping, Flag.none, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  t.server.set([[Setting.initialWindowSize, DEFAULT_WINDOW]]);
  t.clock.turn();
  const acks = t.server.frames.filter(({ flags }) => flags === Flag.ack);
  assert.deepEqual(
    acks.map(({ type, payload }) => [type, payload.length]),
    [
      [FrameType.settings, 0],
      [FrameType.ping, 8],
      [FrameType.settings, 0],
    ],
  );
});

test("a server that asks and does not read loses the connection", () => {
  const t = new TestClient();
  t.server.wire.isStalled = true;
  for (let n = 0; n < 11_000; n++) t.server.send(frame(FrameType.ping, Flag.none, 0, new Uint8Array(8)));
  assert.equal(t.over.length, 1);
  assert.match(t.over[0]?.message ?? "", /more is asked than is read/);
});

test("who does not speak HTTP/2 is found out at the first word", () => {
  for (const words of [
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "\x15\x03\x01\x00\x02\x02\x46",
    "220 mail.example ESMTP\r\n",
  ]) {
    const t = new TestClient(null);
    t.server.send(bytesOf(words));
    // Less than a frame's header may still become one.
    if (words.length < 9) t.server.send(bytesOf("\x00\x00\x00"));
    assert.deepEqual([t.greeted, t.over.length], [0, 1]);
    assert.match(t.over[0]?.message ?? "", /what answers there is not HTTP\/2/);
  }
  for (const first of [
    frame(FrameType.ping, 0, 0, new Uint8Array(8)),
    frame(FrameType.settings, Flag.ack, 0, nothing),
  ]) {
    const t = new TestClient(null);
    t.server.send(first);
    assert.deepEqual([t.greeted, t.over.length], [0, 1]);
  }
});
