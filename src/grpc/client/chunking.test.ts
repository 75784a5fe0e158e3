import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode, FrameType, frame, Setting, settingsFrame, windowUpdateFrame } from "../http2/frames.ts";
import { prefixed, Script } from "../testing/hand-client.ts";
import { HEAD } from "./testing/hand-server.ts";
import { type Made, TestClient } from "./testing/test-client.ts";

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** The server's side of a conversation with a little of everything in it. */
function conversation(): Uint8Array {
  const s = new Script();
  const end = { endStream: true };
  const ok = [["grpc-status", "0"]] as const;
  return concat([
    s.headers(1, [[":status", "103"]]),
    s.headers(1, HEAD, { padding: 9, pieces: 3 }),
    s.headers(3, HEAD),
    s.data(1, prefixed("hello").subarray(0, 3)),
    s.data(3, concat([prefixed("a"), prefixed("bc"), prefixed("def").subarray(0, 6)]), false, 3),
    frame(FrameType.ping, 0, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
    s.data(1, prefixed("hello").subarray(3)),
    s.data(3, prefixed("def").subarray(6)),
    s.headers(5, [...HEAD, ["grpc-status", "5"], ["grpc-message", "not%20there"]], end),
    s.reset(7, ErrorCode.refusedStream),
    s.headers(1, ok, end),
    windowUpdateFrame(0, 50),
    settingsFrame([[Setting.initialWindowSize, 1_000]]),
    s.headers(9, HEAD),
    s.data(9, prefixed("x".repeat(300))),
    s.headers(9, ok, end),
    frame(99, 1, 2, Uint8Array.of(1)),
    s.headers(
      3,
      [
        ["grpc-status", "14"],
        ["grpc-message", "bye"],
      ],
      end,
    ),
  ]);
}

/** A client that has begun what is answered. */
function begun(): { t: TestClient; made: Made[] } {
  const t = new TestClient();
  const made = [t.call("1"), t.stream(), t.call("5"), t.call("7"), t.call("9"), t.call("11")];
  const [, stream] = made;
  if (stream !== undefined) t.send(stream.call, "m");
  return { t, made };
}

function play(chunks: readonly Uint8Array[]): unknown {
  const { t, made } = begun();
  for (const chunk of chunks) t.server.wire.arrive(chunk);
  t.clock.turn();
  const said = t.server.frames.filter(({ type }) => type !== FrameType.windowUpdate).length;
  return { calls: made.map(({ heard }) => [heard.outcome, heard.text, heard.messages]), over: t.over, said };
}

const BYTES = conversation();
const EXPECTED = play([BYTES]) as { readonly calls: readonly (readonly unknown[])[] };

test("the conversation is understood", () => {
  assert.deepEqual(EXPECTED.calls, [
    ["status 0", "", ["hello"]],
    ["status 14", "bye", ["a", "bc", "def"]],
    ["status 5", "not there", []],
    ["lost, not arrived", "", []],
    ["status 0", "", ["x".repeat(300)]],
    ["under way", "", []],
  ]);
});

test("answers are the same wherever their bytes are cut", () => {
  for (let at = 0; at <= BYTES.length; at++) {
    assert.deepEqual(play([BYTES.slice(0, at), BYTES.slice(at)]), EXPECTED, `cut at ${at}`);
  }
  assert.deepEqual(play(Array.from(BYTES, (byte) => Uint8Array.of(byte))), EXPECTED);
});

test("answers are the same in random pieces", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(BYTES.length), { maxLength: 30, size: "max" }), (cuts) => {
      const sorted = [0, ...cuts.sort((a, b) => a - b), BYTES.length];
      const chunks = sorted.slice(1).map((end, n) => BYTES.slice(sorted[n], end));
      assert.deepEqual(play(chunks), EXPECTED);
    }),
    { numRuns: 200 },
  );
});

/** Whatever came: each call ends once, and nothing is left when the connection is gone, or when all time is over. */
function assertSurvives(chunks: readonly Uint8Array[], endsBy: "the wire" | "time"): void {
  const { t, made } = begun();
  for (const chunk of chunks) t.server.wire.arrive(chunk);
  t.clock.turn();
  if (endsBy === "the wire") t.server.wire.destroy();
  else t.clock.advance(60_000);
  for (const { heard } of made) assert.ok(heard.isOver);
  t.clock.advance(60_000);
  assert.deepEqual([t.busy.at(-1), t.clock.pending], [false, 0]);
  // Those that the server ended one by one leave the connection as it is.
  assert.ok(t.over.length === 1 || (t.over.length === 0 && endsBy === "time"));
}

const ending = fc.constantFrom("the wire" as const, "time" as const);

test("random bytes leave no call without an end", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 100, size: "max" }), { maxLength: 10, size: "max" }),
      ending,
      assertSurvives,
    ),
    { numRuns: 300 },
  );
});

test("random frames leave no call without an end", () => {
  const anyFrame = fc
    .tuple(fc.nat(10), fc.nat(255), fc.constantFrom(0, 1, 3, 5, 2), fc.uint8Array({ maxLength: 40 }))
    .map(([type, flags, stream, payload]) => frame(type, flags, stream, payload));
  fc.assert(fc.property(fc.array(anyFrame, { maxLength: 30, size: "max" }), ending, assertSurvives), { numRuns: 500 });
});

test("a conversation with some bytes changed, left out or doubled leaves no call without an end", () => {
  const at = fc.nat(BYTES.length - 1);
  const mutation = fc.oneof(
    fc.tuple(fc.constant("change" as const), at, fc.nat(255)),
    fc.tuple(fc.constant("drop" as const), at, fc.nat(20)),
    fc.tuple(fc.constant("double" as const), at, fc.nat(60)),
  );
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), at, ending, (mutations, cut, endsBy) => {
      let bytes = [...BYTES];
      for (const [kind, where, value] of mutations) {
        if (kind === "change") bytes[where % bytes.length] = value;
        else if (kind === "drop") bytes.splice(where % bytes.length, value);
        else bytes = [...bytes.slice(0, where + value), ...bytes.slice(where)];
      }
      const whole = Uint8Array.from(bytes);
      assertSurvives([whole.subarray(0, cut), whole.subarray(cut)], endsBy);
    }),
    { numRuns: 500 },
  );
});
