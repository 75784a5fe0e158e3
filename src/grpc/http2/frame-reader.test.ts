import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameReader } from "./frame-reader.ts";
import { ErrorCode, frame, PREFACE } from "./frames.ts";

const GREETING = new TextEncoder().encode(PREFACE);
const FRAMES = [
  frame(0, 1, 5, Uint8Array.of(1, 2, 3)),
  frame(4, 0, 0, new Uint8Array(0)),
  frame(200, 255, 0x7fffffff, new Uint8Array(40).fill(9)),
  frame(6, 0, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
];
const STREAM = Uint8Array.from([...GREETING, ...FRAMES.flatMap((one) => [...one])]);

function read(chunks: readonly Uint8Array[]): string[] {
  const seen: string[] = [];
  const reader = new FrameReader({
    frame: (bytes, at, length) => seen.push(Buffer.from(bytes.subarray(at, at + 9 + length)).toString("hex")),
  });
  for (const chunk of chunks) reader.feed(chunk);
  return seen;
}

test("frames are the same wherever the network cuts them", () => {
  const whole = read([STREAM]);
  assert.deepEqual(
    whole,
    FRAMES.map((one) => Buffer.from(one).toString("hex")),
  );
  for (let first = 0; first <= STREAM.length; first++) {
    for (let second = first; second <= STREAM.length; second++) {
      const chunks = [STREAM.slice(0, first), STREAM.slice(first, second), STREAM.slice(second)];
      assert.deepEqual(read(chunks), whole, `cut at ${first} and ${second}`);
    }
  }
  assert.deepEqual(read(Array.from(STREAM, (byte) => Uint8Array.of(byte))), whole);
});

test("a frame that is whole within its chunk is not copied", () => {
  const reader = new FrameReader({ frame: (bytes) => assert.equal(bytes, STREAM) });
  reader.feed(STREAM);
});

test("what is no preface, or a frame that is too large, is refused before more of it has come", () => {
  const wrong = { name: "ConnectionError", code: ErrorCode.protocolError };
  assert.throws(() => read([new TextEncoder().encode("PRI * HTTP/2.1")]), wrong);
  const large = Uint8Array.of(0, 0x40, 1, 0, 0, 0, 0, 0, 1);
  const error = {
    code: ErrorCode.frameSizeError,
    message: "a frame of 16385 bytes is larger than SETTINGS_MAX_FRAME_SIZE, 16384",
  };
  assert.throws(() => read([GREETING, large]), error);
  assert.throws(() => read([GREETING, large.subarray(0, 4), large.subarray(4)]), error);
});
