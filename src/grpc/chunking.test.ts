import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode, FrameType, frame, Setting, settingsFrame, windowUpdateFrame } from "./http2/frames.ts";
import { type HandClient, prefixed, requestFields, Script } from "./testing/hand-client.ts";
import { bytesOf, TestDoor } from "./testing/test-door.ts";

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** A conversation with a little of everything in it. */
function conversation(): Uint8Array {
  const s = new Script();
  return concat([
    s.preface([[Setting.initialWindowSize, 40]]),
    s.call(1, "/t.T/Echo", "hello"),
    s.headers(3, requestFields("/t.T/EchoBidi"), { padding: 9, pieces: 3 }),
    s.data(3, concat([prefixed("a"), prefixed("bc"), prefixed("def").subarray(0, 6)]), false, 3),
    frame(FrameType.ping, 0, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
    s.data(3, prefixed("def").subarray(6), true),
    s.call(5, "/t.T/Size", "120"),
    s.call(7, "/t.T/None", "x"),
    windowUpdateFrame(5, 50),
    s.headers(9, requestFields("/t.T/Bidi", [["grpc-timeout", "5S"]])),
    s.data(9, prefixed("m")),
    settingsFrame([[Setting.initialWindowSize, 1_000]]),
    s.reset(9),
    s.call(11, "/t.T/Fail", "not there"),
    frame(99, 1, 2, bytesOf("unknown")),
    s.call(13, "/t.T/Echo", "last"),
  ]);
}

/** What the client has at the end, and what the services saw. */
function outcome(server: TestDoor, client: HandClient): unknown {
  server.clock.turn();
  return {
    answers: [...client.answers.entries()]
      // Whoever is answered before all of the request has come is told that the rest is not needed: NO_ERROR.
      .map(([id, { texts, status, message, reset, isEnded }]) => ({
        id,
        texts,
        status,
        message,
        isEnded,
        reset: isEnded && reset === ErrorCode.noError ? null : reset,
      }))
      .sort((a, b) => a.id - b.id),
    goodbyes: client.goodbyes,
    messages: server.bidis.map(({ messages }) => messages),
    over: server.over,
    calls: server.door.calls,
  };
}

function play(chunks: readonly Uint8Array[]): unknown {
  const server = new TestDoor();
  const client = server.connect(null);
  for (const chunk of chunks) client.wire.arrive(chunk);
  return outcome(server, client);
}

const BYTES = conversation();
const EXPECTED = play([BYTES]) as { readonly answers: readonly { readonly id: number; readonly texts: string[] }[] };

test("the conversation is answered", () => {
  const texts = Object.fromEntries(EXPECTED.answers.map(({ id, texts: all }) => [id, all]));
  assert.deepEqual(texts[1], ["hello"]);
  assert.deepEqual(texts[3], ["a", "bc", "def"]);
  assert.equal(texts[5]?.[0]?.length, 120);
  assert.deepEqual(texts[13], ["last"]);
});

test("calls are the same wherever their bytes are cut", () => {
  for (let at = 0; at <= BYTES.length; at++) {
    assert.deepEqual(play([BYTES.slice(0, at), BYTES.slice(at)]), EXPECTED, `cut at ${at}`);
  }
  assert.deepEqual(play(Array.from(BYTES, (byte) => Uint8Array.of(byte))), EXPECTED);
});

test("calls are the same in random pieces", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(BYTES.length), { maxLength: 30, size: "max" }), (cuts) => {
      const sorted = [0, ...cuts.sort((a, b) => a - b), BYTES.length];
      const chunks = sorted.slice(1).map((end, n) => BYTES.slice(sorted[n], end));
      assert.deepEqual(play(chunks), EXPECTED);
    }),
    { numRuns: 200 },
  );
});

/** Whatever came: the door lives, and nothing is left when the client is gone. */
function assertSurvives(chunks: readonly Uint8Array[]): void {
  const server = new TestDoor();
  const bystander = server.connect();
  const client = server.connect(null);
  for (const chunk of chunks) client.wire.arrive(chunk);
  server.clock.turn();
  for (const { answer } of server.held) answer(null, bytesOf("x"));
  for (const { call } of [...server.streams, ...server.bidis]) call.write(bytesOf("x"));
  server.clock.advance(3_000);
  client.wire.destroy();
  assert.equal(server.door.calls, 0);
  assert.equal(server.door.connections, 1);
  assert.equal(server.over, server.held.length + server.streams.length + server.bidis.length);
  bystander.send(bystander.script.call(1, "/t.T/Echo", "still here"));
  assert.deepEqual(bystander.answer(1).texts, ["still here"]);
  bystander.wire.destroy();
  assert.equal(server.clock.pending, 0);
}

test("random bytes behind the preface harm nobody else", () => {
  const preface = new Script().preface();
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100, size: "max" }), { maxLength: 10, size: "max" }), (chunks) => {
      assertSurvives([preface, ...chunks]);
    }),
    { numRuns: 500 },
  );
});

test("random frames harm nobody else", () => {
  const anyFrame = fc
    .tuple(fc.nat(10), fc.nat(255), fc.constantFrom(0, 1, 3, 5, 2), fc.uint8Array({ maxLength: 40 }))
    .map(([type, flags, stream, payload]) => frame(type, flags, stream, payload));
  const preface = new Script().preface();
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 30, size: "max" }), (frames) => {
      const s = new Script();
      assertSurvives([preface, s.headers(1, requestFields("/t.T/Bidi")), s.call(3, "/t.T/Hold", "x"), ...frames]);
    }),
    { numRuns: 1_000 },
  );
});

test("a conversation with some bytes changed, left out or doubled harms nobody else", () => {
  const at = fc.nat(BYTES.length - 1);
  const mutation = fc.oneof(
    fc.tuple(fc.constant("change" as const), at, fc.nat(255)),
    fc.tuple(fc.constant("drop" as const), at, fc.nat(20)),
    fc.tuple(fc.constant("double" as const), at, fc.nat(60)),
  );
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), at, (mutations, cut) => {
      let bytes = [...BYTES];
      for (const [kind, where, value] of mutations) {
        if (kind === "change") bytes[where % bytes.length] = value;
        else if (kind === "drop") bytes.splice(where % bytes.length, value);
        else bytes = [...bytes.slice(0, where + value), ...bytes.slice(where)];
      }
      const whole = Uint8Array.from(bytes);
      assertSurvives([whole.subarray(0, cut), whole.subarray(cut)]);
    }),
    { numRuns: 1_000 },
  );
});
