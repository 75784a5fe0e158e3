import assert from "node:assert/strict";
import { test } from "node:test";
import { type HandClient, type Pairs, prefixed, requestFields } from "../testing/hand-client.ts";
import { bytesOf, TestDoor } from "../testing/test-door.ts";
import { ErrorCode, FrameType, frame, Setting, settingsFrame } from "./frames.ts";

const HOLD = requestFields("/t.T/Hold");
const NOTHING = new Uint8Array(0);
const PING = frame(FrameType.ping, 0, 0, new Uint8Array(8));

/** Sends until the server has had enough; returns how often. */
function sendUntilGoodbye(client: HandClient, make: (n: number) => Uint8Array, most = 1_000): number {
  let n = 0;
  while (client.goodbyes.length === 0 && n < most) client.send(make(n++));
  return n;
}

function assertCalm(client: HandClient, text: RegExp): void {
  assert.equal(client.goodbyes[0]?.code, ErrorCode.enhanceYourCalm);
  assert.match(client.goodbyes[0]?.text ?? "", text);
}

test("clients are told of the limits that they can keep", () => {
  const client = new TestDoor({ maxConcurrentStreams: 7, maxHeaderListBytes: 9_000 }).connect();
  assert.deepEqual(
    client.frames[0]?.payload,
    settingsFrame([
      [Setting.maxConcurrentStreams, 7],
      [Setting.maxHeaderListSize, 9_000],
    ]).subarray(9),
  );
});

test("streams above the limit are refused, and may be tried again", () => {
  const server = new TestDoor({ maxConcurrentStreams: 2 });
  const client = server.connect();
  for (const id of [1, 3, 5]) client.send(client.script.call(id, "/t.T/Hold", ""));
  assert.equal(client.answer(5).reset, ErrorCode.refusedStream);
  assert.equal(server.held.length, 2);
  server.held[0]?.answer(null, NOTHING);
  server.clock.turn();
  client.send(client.script.call(7, "/t.T/Echo", "x"));
  assert.deepEqual(client.answer(7).texts, ["x"]);
});

test("a header block in many CONTINUATION frames ends the connection, whether they have content or not", () => {
  for (const content of [NOTHING, Uint8Array.of(0x83)]) {
    const client = new TestDoor({ maxContinuations: 10 }).connect();
    client.send(frame(FrameType.headers, 0, 1, NOTHING));
    assert.equal(
      sendUntilGoodbye(client, () => frame(FrameType.continuation, 0, 1, content)),
      11,
    );
    assertCalm(client, /more than 10 CONTINUATION frames/);
  }
});

test("a header block that is too long ends the connection before it is read", () => {
  const client = new TestDoor({ maxHeaderListBytes: 50_000 }).connect();
  client.send(frame(FrameType.headers, 0, 1, NOTHING));
  assert.equal(
    sendUntilGoodbye(client, () => frame(FrameType.continuation, 0, 1, new Uint8Array(16_000))),
    4,
  );
  assertCalm(client, /more than 50000 bytes/);
});

test("a list of fields that is too long is answered 431, also one that was short on the wire", () => {
  const client = new TestDoor({ maxHeaderListBytes: 5_000 }).connect();
  const large: Pairs = [["x", "y".repeat(2_000)]];
  client.send(client.script.headers(1, requestFields("/t.T/Echo", large)), client.script.data(1, prefixed("x"), true));
  assert.deepEqual(client.answer(1).texts, ["x"]);
  client.send(client.script.headers(3, requestFields("/t.T/Echo", [...large, ...large, ...large])));
  assert.equal(client.answer(3).headers[0]?.get(":status"), "431");
  assert.equal(client.answer(3).status, 8);
  assert.match(client.answer(3).message, /more than 5000 bytes of metadata/);
  client.send(client.script.call(5, "/t.T/Echo", "z"));
  assert.deepEqual(client.answer(5).texts, ["z"], "the tables are still in step");
});

test("a client that opens streams and resets them may do so only so often", () => {
  const resets = { burst: 20, perSecond: 10 };
  for (const end of [
    (client: HandClient, id: number) => client.script.reset(id),
    // Makes the server reset the stream.
    (_client: HandClient, id: number) => frame(FrameType.windowUpdate, 0, id, new Uint8Array(4)),
  ]) {
    const server = new TestDoor({ resets });
    const client = server.connect();
    let id = 1;
    const openAndReset = (): Uint8Array => {
      client.send(client.script.headers(id, HOLD));
      id += 2;
      return end(client, id - 2);
    };
    for (let n = 0; n < 20; n++) client.send(openAndReset());
    assert.equal(client.goodbyes.length, 0);
    server.clock.advance(1_000);
    assert.equal(sendUntilGoodbye(client, openAndReset), 11);
    assertCalm(client, /too many streams were reset/);
    assert.equal(server.door.calls, 0);
  }
});

test("requests that are malformed or too many count as resets, too", () => {
  const client = new TestDoor({ resets: { burst: 5, perSecond: 0 }, maxConcurrentStreams: 0 }).connect();
  const sent = sendUntilGoodbye(client, (n) => client.script.headers(1 + 2 * n, n % 2 === 0 ? HOLD : [["x", "y"]]));
  assert.equal(sent, 6);
  assertCalm(client, /too many streams were reset/);
});

test("frames that bring nothing on may come only so often", () => {
  const idleFrames = { burst: 50, perSecond: 10 };
  for (const [name, bytes] of [
    ["GOAWAY", frame(FrameType.goAway, 0, 0, new Uint8Array(8))],
    ["acknowledgements of SETTINGS", frame(FrameType.settings, 1, 0, NOTHING)],
    ["answers to PING", frame(FrameType.ping, 1, 0, new Uint8Array(8))],
    ["PRIORITY", frame(FrameType.priority, 0, 1, new Uint8Array(5))],
    ["unknown frames", frame(99, 0, 0, NOTHING)],
    ["DATA without data", frame(FrameType.data, 0, 1, NOTHING)],
    ["DATA for a stream that is gone", frame(FrameType.data, 0, 3, Uint8Array.of(1))],
    ["RST_STREAM for a stream that is gone", frame(FrameType.resetStream, 0, 3, new Uint8Array(4))],
  ] as const) {
    const server = new TestDoor({ idleFrames });
    const client = server.connect();
    client.send(
      client.script.headers(1, requestFields("/t.T/Bidi")),
      client.script.headers(3, requestFields("/no/one")),
    );
    for (let n = 0; n < 50; n++) client.send(bytes);
    assert.equal(client.goodbyes.length, 0, name);
    server.clock.advance(1_000);
    assert.equal(
      sendUntilGoodbye(client, () => bytes),
      11,
      name,
    );
    assertCalm(client, /frames that bring nothing on/);
  }
});

test("settings may change only so often, and within one frame it is the last that counts", () => {
  const server = new TestDoor({ settings: { burst: 20, perSecond: 10 } });
  const client = server.connect();
  const flapping = settingsFrame(Array.from({ length: 1_000 }, (_, n) => [Setting.initialWindowSize, n] as const));
  for (let n = 0; n < 19; n++) client.send(flapping);
  assert.equal(client.goodbyes.length, 0);
  server.clock.advance(1_000);
  assert.equal(
    sendUntilGoodbye(client, () => flapping),
    11,
  );
  assertCalm(client, /too many SETTINGS/);
  const other = new TestDoor().connect();
  other.send(
    settingsFrame([
      [Setting.initialWindowSize, 2 ** 31 - 1],
      [Setting.initialWindowSize, 8],
    ]),
    other.script.call(1, "/t.T/Echo", "hello"),
  );
  assert.equal(other.answer(1).body.length, 8);
});

test("who asks for acknowledgements and never reads them is cut off", () => {
  const server = new TestDoor({ maxWaitingAnswers: 100, maxPingStrikes: 1e9 });
  const client = server.connect();
  client.wire.isStalled = true;
  let n = 0;
  for (; !client.wire.isClosed && n < 1_000; n++) client.send(PING);
  assert.equal(n, 102, "one went to the system");
  assert.equal(server.door.connections, 0);
});

test("who asks for more answers than it reads is cut off", () => {
  for (const path of ["/t.T/Size", "/t.T/Stream"]) {
    const server = new TestDoor({ maxUnreadBytes: 1 << 20 });
    const client = server.connect();
    let id = 1;
    for (; !client.wire.isClosed && id < 100; id += 2) {
      client.send(client.script.call(id, path, "200000"));
      server.streams.at(-1)?.call.write(new Uint8Array(200_000));
    }
    assert.equal(id, 13, "the window let 64 KiB of six answers out");
    assert.equal(server.door.calls, 0);
  }
});

test("answers that nobody wants any more do not count", () => {
  const server = new TestDoor({ maxUnreadBytes: 1 << 20 });
  const client = server.connect([[Setting.initialWindowSize, 0]]);
  for (let id = 1; id < 100; id += 2) {
    client.send(client.script.call(id, "/t.T/Size", "900000"));
    client.send(client.script.reset(id));
  }
  assert.equal(client.wire.isClosed, false);
});

test("what was begun and not finished is bounded, and what is only announced costs nothing", () => {
  const server = new TestDoor({ maxUnfinishedBytes: 1_000_000 });
  const client = server.connect();
  const begin = (id: number, bytes: number): void => {
    const message = prefixed(new Uint8Array(1 << 20)).subarray(0, bytes);
    client.send(client.script.headers(id, HOLD), client.script.data(id, message));
  };
  let id = 1;
  for (let n = 0; n < 200; n++, id += 2) begin(id, 6);
  assert.equal(server.door.calls, 200);
  for (; client.answer(id - 2).status === null; id += 2) begin(id, 16_000);
  assert.equal(client.answer(id - 2).status, 8);
  assert.match(client.answer(id - 2).message, /too many large requests at once/);
  assert.equal(server.door.calls, 200 + Math.floor((1_000_000 - 200 * 1_024) / (8 * 15_995)));
  // What is given up makes room again.
  for (let n = 0; n < 150; n++) client.send(client.script.reset(1 + 2 * n));
  begin(id, 16_000);
  assert.equal(client.answer(id).status, null);
});

test("messages that came in pieces and are whole do not count any more", () => {
  const server = new TestDoor({ maxUnfinishedBytes: 100_000 });
  const client = server.connect();
  client.send(client.script.headers(1, requestFields("/t.T/Bidi")));
  const message = prefixed("x".repeat(10_000));
  for (let n = 0; n < 50; n++) {
    client.send(client.script.data(1, message.subarray(0, 5_000)), client.script.data(1, message.subarray(5_000)));
  }
  assert.equal(server.bidis[0]?.messages.length, 50);
});

test("pings may come every five seconds, or when something was sent in between; else there are three strikes", () => {
  const server = new TestDoor();
  const polite = server.connect();
  for (let n = 0; n < 20; n++) {
    polite.send(PING);
    server.clock.advance(5_000);
  }
  for (let n = 0; n < 20; n++) polite.send(PING, polite.script.call(1 + 2 * n, "/t.T/Echo", ""));
  assert.equal(polite.goodbyes.length, 0);
  assert.equal(polite.count(FrameType.ping), 40, "each is answered");

  const hasty = server.connect();
  hasty.send(PING, PING, PING);
  assert.equal(hasty.goodbyes.length, 0);
  hasty.send(PING);
  assert.deepEqual(hasty.goodbyes, [{ lastStream: 0, code: ErrorCode.enhanceYourCalm, text: "too_many_pings" }]);
});

test("a small window that is opened often does not make many small frames out of one turn", () => {
  const client = new TestDoor().connect([[Setting.initialWindowSize, 0]]);
  client.send(client.script.call(1, "/t.T/Echo", "x".repeat(1_000)));
  const update = frame(FrameType.windowUpdate, 0, 1, Uint8Array.of(0, 0, 0, 1));
  client.set(Setting.initialWindowSize, 1);
  client.set(Setting.initialWindowSize, 1_000_000);
  client.send(update, update, update);
  assert.ok(client.count(FrameType.data) <= 2);
  assert.deepEqual(client.answer(1).messages, [bytesOf("x".repeat(1_000))]);
});
