import assert from "node:assert/strict";
import { test } from "node:test";
import { requestFields, type Script } from "../testing/hand-client.ts";
import { TestDoor } from "../testing/test-door.ts";
import { ErrorCode, Flag, FrameType, frame, settingsFrame, windowUpdateFrame } from "./frames.ts";

const NOTHING = new Uint8Array(0);
const ECHO = requestFields("/t.T/Echo");
const LATER = requestFields("/t.T/Hold");
const body = Uint8Array.of(0, 0, 0, 0, 0);

/** Frames that break a rule, which begin with streams of their own. */
type Offence = (script: Script) => readonly Uint8Array[];

const CONNECTION_ERRORS: readonly (readonly [string, number, Offence])[] = [
  ["DATA on no stream", ErrorCode.protocolError, (s) => [s.data(0, body)]],
  ["DATA on an idle stream", ErrorCode.protocolError, (s) => [s.data(1, body)]],
  [
    "DATA with more padding than payload",
    ErrorCode.protocolError,
    (s) => [s.headers(1, LATER), frame(FrameType.data, Flag.padded, 1, Uint8Array.of(3, 0, 0))],
  ],
  [
    "padded DATA without a padding length",
    ErrorCode.frameSizeError,
    (s) => [s.headers(1, LATER), frame(FrameType.data, Flag.padded, 1, NOTHING)],
  ],
  ["HEADERS on no stream", ErrorCode.protocolError, (s) => [s.headers(0, ECHO)]],
  ["HEADERS on an even stream", ErrorCode.protocolError, (s) => [s.headers(2, ECHO)]],
  ["HEADERS on a lower stream than before", ErrorCode.protocolError, (s) => [s.headers(5, LATER), s.headers(3, LATER)]],
  [
    "HEADERS on a stream that has ended",
    ErrorCode.streamClosed,
    (s) => [s.call(1, "/t.T/Echo", ""), s.headers(3, LATER), s.headers(1, ECHO)],
  ],
  [
    "HEADERS with more padding than payload",
    ErrorCode.protocolError,
    () => [frame(FrameType.headers, Flag.padded | Flag.endHeaders, 1, Uint8Array.of(2, 0x82))],
  ],
  [
    "HEADERS too short for a priority",
    ErrorCode.frameSizeError,
    () => [frame(FrameType.headers, Flag.priority | Flag.endHeaders, 1, Uint8Array.of(0, 0))],
  ],
  ["a header block that is none", ErrorCode.compressionError, (s) => [s.block(1, Uint8Array.of(0x80))]],
  [
    "trailers that are no header block",
    ErrorCode.compressionError,
    (s) => [s.headers(1, LATER), s.block(1, Uint8Array.of(0x80), { endStream: true })],
  ],
  ["PRIORITY on no stream", ErrorCode.protocolError, () => [frame(FrameType.priority, 0, 0, new Uint8Array(5))]],
  ["RST_STREAM on no stream", ErrorCode.protocolError, (s) => [s.reset(0)]],
  ["RST_STREAM on an idle stream", ErrorCode.protocolError, (s) => [s.reset(1)]],
  [
    "RST_STREAM on a stream that only a server could open",
    ErrorCode.protocolError,
    (s) => [s.headers(5, LATER), s.reset(2)],
  ],
  [
    "RST_STREAM of a wrong size",
    ErrorCode.frameSizeError,
    (s) => [s.headers(1, LATER), frame(FrameType.resetStream, 0, 1, new Uint8Array(3))],
  ],
  ["SETTINGS on a stream", ErrorCode.protocolError, () => [frame(FrameType.settings, 0, 1, NOTHING)]],
  ["SETTINGS of a wrong size", ErrorCode.frameSizeError, () => [frame(FrameType.settings, 0, 0, new Uint8Array(5))]],
  [
    "an acknowledgement of SETTINGS with settings",
    ErrorCode.frameSizeError,
    () => [frame(FrameType.settings, Flag.ack, 0, new Uint8Array(6))],
  ],
  ["SETTINGS_ENABLE_PUSH of 2", ErrorCode.protocolError, () => [settingsFrame([[2, 2]])]],
  ["SETTINGS_INITIAL_WINDOW_SIZE of 2^31", ErrorCode.flowControlError, () => [settingsFrame([[4, 2 ** 31]])]],
  ["SETTINGS_MAX_FRAME_SIZE of 16383", ErrorCode.protocolError, () => [settingsFrame([[5, 16_383]])]],
  ["SETTINGS_MAX_FRAME_SIZE of 2^24", ErrorCode.protocolError, () => [settingsFrame([[5, 2 ** 24]])]],
  [
    "SETTINGS that make an open stream's window too large",
    ErrorCode.flowControlError,
    (s) => [s.headers(1, LATER), windowUpdateFrame(1, 2 ** 31 - 1 - 65_535), settingsFrame([[4, 65_536]])],
  ],
  [
    "PUSH_PROMISE",
    ErrorCode.protocolError,
    () => [frame(FrameType.pushPromise, Flag.endHeaders, 1, new Uint8Array(4))],
  ],
  ["PING on a stream", ErrorCode.protocolError, () => [frame(FrameType.ping, 0, 1, new Uint8Array(8))]],
  ["PING of a wrong size", ErrorCode.frameSizeError, () => [frame(FrameType.ping, 0, 0, new Uint8Array(6))]],
  ["GOAWAY on a stream", ErrorCode.protocolError, () => [frame(FrameType.goAway, 0, 1, new Uint8Array(8))]],
  ["GOAWAY of a wrong size", ErrorCode.frameSizeError, () => [frame(FrameType.goAway, 0, 0, new Uint8Array(7))]],
  [
    "WINDOW_UPDATE of a wrong size",
    ErrorCode.frameSizeError,
    () => [frame(FrameType.windowUpdate, 0, 0, new Uint8Array(3))],
  ],
  ["WINDOW_UPDATE by nothing", ErrorCode.protocolError, () => [windowUpdateFrame(0, 0)]],
  ["a connection's window beyond 2^31 - 1", ErrorCode.flowControlError, () => [windowUpdateFrame(0, 2 ** 31 - 1)]],
  ["WINDOW_UPDATE on an idle stream", ErrorCode.protocolError, () => [windowUpdateFrame(1, 1)]],
  [
    "CONTINUATION without HEADERS",
    ErrorCode.protocolError,
    () => [frame(FrameType.continuation, Flag.endHeaders, 1, NOTHING)],
  ],
  [
    "something else within a header block",
    ErrorCode.protocolError,
    () => [frame(FrameType.headers, 0, 1, Uint8Array.of(0x83)), frame(FrameType.ping, 0, 0, new Uint8Array(8))],
  ],
  [
    "another stream's CONTINUATION within a header block",
    ErrorCode.protocolError,
    () => [
      frame(FrameType.headers, 0, 1, Uint8Array.of(0x83)),
      frame(FrameType.continuation, Flag.endHeaders, 3, NOTHING),
    ],
  ],
  [
    "a frame that is too large",
    ErrorCode.frameSizeError,
    (s) => [s.headers(1, LATER), s.data(1, new Uint8Array(16_385))],
  ],
];

const MALFORMED: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ["no :method", ECHO.filter(([name]) => name !== ":method")],
  ["no :scheme", ECHO.filter(([name]) => name !== ":scheme")],
  ["no :path", ECHO.filter(([name]) => name !== ":path")],
  ["an empty :path", ECHO.map(([name, value]) => [name, name === ":path" ? "" : value])],
  ["two :paths", [[":path", "/"], ...ECHO]],
  ["a pseudo-header field of answers", [[":status", "200"], ...ECHO]],
  ["a pseudo-header field behind others", [...ECHO.slice(1), [":method", "POST"]]],
  ["an upper-case name", [...ECHO, ["Name", "value"]]],
  ["a line end in a value", [...ECHO, ["name", "a\nb"]]],
  ["connection", [...ECHO, ["connection", "keep-alive"]]],
  ["transfer-encoding", [...ECHO, ["transfer-encoding", "chunked"]]],
  ["te that is not trailers", [...ECHO.filter(([name]) => name !== "te"), ["te", "gzip"]]],
  ["a content-length that is none", [...ECHO, ["content-length", "-1"]]],
  ["two content-lengths", [...ECHO, ["content-length", "5"], ["content-length", "6"]]],
  ["a CONNECT with a path", ECHO.map(([name, value]) => [name, name === ":method" ? "CONNECT" : value])],
];

/** Each concerns stream 1 alone. */
const STREAM_ERRORS: readonly (readonly [string, number, Offence])[] = [
  ...MALFORMED.map(
    ([name, fields]) =>
      [`a request with ${name}`, ErrorCode.protocolError, (s: Script) => [s.headers(1, fields)]] as const,
  ),
  ["DATA behind the end", ErrorCode.streamClosed, (s) => [s.headers(1, LATER), s.data(1, body, true), s.data(1, body)]],
  [
    "HEADERS behind the end",
    ErrorCode.streamClosed,
    (s) => [s.headers(1, LATER), s.data(1, body, true), s.headers(1, [["x", "y"]], { endStream: true })],
  ],
  [
    "DATA on a stream that was reset",
    ErrorCode.streamClosed,
    (s) => [s.headers(1, LATER), s.reset(1), s.data(1, body)],
  ],
  ["trailers that do not end", ErrorCode.protocolError, (s) => [s.headers(1, LATER), s.headers(1, [["x", "y"]])]],
  [
    "trailers with a pseudo-header field",
    ErrorCode.protocolError,
    (s) => [s.headers(1, LATER), s.headers(1, [[":path", "/"]], { endStream: true })],
  ],
  [
    "PRIORITY of a wrong size",
    ErrorCode.frameSizeError,
    (s) => [s.headers(1, LATER), frame(FrameType.priority, 0, 1, new Uint8Array(4))],
  ],
  ["WINDOW_UPDATE by nothing", ErrorCode.protocolError, (s) => [s.headers(1, LATER), windowUpdateFrame(1, 0)]],
  [
    "a window beyond 2^31 - 1",
    ErrorCode.flowControlError,
    (s) => [s.headers(1, LATER), windowUpdateFrame(1, 2 ** 31 - 1)],
  ],
  [
    "less DATA than content-length says",
    ErrorCode.protocolError,
    (s) => [s.headers(1, [...LATER, ["content-length", "6"]]), s.data(1, body, true)],
  ],
  [
    "more DATA than content-length says",
    ErrorCode.protocolError,
    (s) => [s.headers(1, [...LATER, ["content-length", "4"]]), s.data(1, body)],
  ],
  [
    "no DATA where content-length says that some comes",
    ErrorCode.protocolError,
    (s) => [s.headers(1, [...LATER, ["content-length", "4"]], { endStream: true })],
  ],
  [
    "trailers where content-length says that DATA comes",
    ErrorCode.protocolError,
    (s) => [s.headers(1, [...LATER, ["content-length", "4"]]), s.headers(1, [["x", "y"]], { endStream: true })],
  ],
];

for (const [name, code, offence] of CONNECTION_ERRORS) {
  test(`${name}: the connection ends, and says why`, () => {
    const server = new TestDoor();
    const { door, clock } = server;
    const client = server.connect();
    for (const piece of offence(client.script)) client.send(piece);
    clock.turn();
    assert.equal(client.goodbyes.length, 1);
    assert.equal(client.goodbyes[0]?.code, code, client.goodbyes[0]?.text);
    assert.notEqual(client.goodbyes[0]?.text, "");
    assert.equal(door.calls, 0);
    client.send(client.script.call(101, "/t.T/Echo", "x"));
    assert.equal(client.answer(101).headers.length, 0);
    clock.advance(1_000);
    assert.equal(client.wire.isClosed, true);
    assert.equal(door.connections, 0);
    assert.equal(clock.pending, 0);
  });
}

for (const [name, code, offence] of STREAM_ERRORS) {
  test(`${name}: the stream is reset, the connection goes on`, () => {
    const server = new TestDoor();
    const { door, clock } = server;
    const client = server.connect();
    for (const piece of offence(client.script)) client.send(piece);
    assert.equal(client.answer(1).reset, code);
    assert.deepEqual(client.goodbyes, []);
    assert.equal(door.calls, 0);
    client.send(client.script.call(101, "/t.T/Echo", "x"));
    assert.deepEqual(client.answer(101).texts, ["x"]);
    client.wire.destroy();
    assert.equal(clock.pending, 0);
  });
}
