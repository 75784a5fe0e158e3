import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { crc32 } from "./checksum.ts";
import { FRAME_HEADER_BYTES, FrameReader, frameHeader, PING } from "./frame.ts";

interface Received {
  readonly kind: number;
  readonly group: number;
  readonly payload: readonly number[];
}

function readerInto(received: Received[], maxFrameBytes = 1000): FrameReader {
  return new FrameReader(maxFrameBytes, crc32, (kind, group, payload) => {
    received.push({ kind, group, payload: [...payload] });
  });
}

function frame(kind: number, group: number, sequence: number, ...pieces: Uint8Array[]): Uint8Array {
  const payload = Buffer.concat(pieces);
  return Buffer.concat([frameHeader(kind, group, sequence, pieces, payload.length, crc32), payload]);
}

const anyFrames = fc.array(
  fc.record({
    kind: fc.constantFrom(1, 2, 3, 4, 5, 6, PING),
    group: fc.nat(0xffffffff),
    pieces: fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 3 }),
  }),
  { maxLength: 8 },
);

/** Cuts `bytes` at the given places, in whatever order and number they come. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  return ends.map((end) => {
    const piece = bytes.subarray(from, end);
    from = end;
    return piece;
  });
}

suite("frames", () => {
  test("come out as they went in, however the stream is cut", () => {
    fc.assert(
      fc.property(anyFrames, fc.array(fc.nat(), { maxLength: 20 }), (frames, places) => {
        const received: Received[] = [];
        const reader = readerInto(received);
        const stream = Buffer.concat(frames.map((one, i) => frame(one.kind, one.group, i, ...one.pieces)));
        for (const chunk of cut(stream, places)) assert.equal(reader.push(chunk), null);
        assert.deepEqual(
          received,
          frames.map(({ kind, group, pieces }) => ({ kind, group, payload: Array.from(Buffer.concat(pieces)) })),
        );
      }),
    );
  });

  test("arrive byte by byte as well", () => {
    const received: Received[] = [];
    const reader = readerInto(received);
    const stream = Buffer.concat([frame(1, 7, 0, Uint8Array.of(1, 2, 3)), frame(2, 8, 1)]);
    for (const byte of stream) assert.equal(reader.push(Uint8Array.of(byte)), null);
    assert.deepEqual(received, [
      { kind: 1, group: 7, payload: [1, 2, 3] },
      { kind: 2, group: 8, payload: [] },
    ]);
  });

  test("a payload within one chunk is not copied", () => {
    const stream = frame(1, 0, 0, Uint8Array.of(9, 9));
    let payload: Uint8Array | null = null;
    new FrameReader(100, crc32, (_kind, _group, given) => {
      payload = given;
    }).push(stream);
    assert.equal((payload as Uint8Array | null)?.buffer, stream.buffer);
  });

  test("any single damaged bit is found, and nothing after it is delivered", () => {
    const good = Buffer.concat([frame(1, 7, 0, Uint8Array.of(1, 2, 3, 4)), frame(1, 7, 1, Uint8Array.of(5))]);
    const firstLength = FRAME_HEADER_BYTES + 4;
    for (let bit = 0; bit < good.length * 8; bit++) {
      const damaged = Uint8Array.from(good);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const received: Received[] = [];
      const reader = readerInto(received);
      const problem = reader.push(damaged);
      const undamaged = bit >> 3 < firstLength ? 0 : 1;
      assert.equal(received.length, undamaged, `bit ${bit}`);
      // A length that grew leaves the reader waiting for more; every other damage is seen at once.
      if (problem === null) assert.ok((bit >> 3) % firstLength < 4, `bit ${bit}`);
      const more = frame(1, 7, 2, new Uint8Array(600));
      reader.push(more);
      reader.push(more);
      assert.equal(received.length, undamaged, `bit ${bit}, then more frames`);
    }
  });

  test("a repeated and a missing frame are found", () => {
    const received: Received[] = [];
    const reader = readerInto(received);
    assert.equal(reader.push(frame(1, 0, 0)), null);
    assert.match(reader.push(frame(1, 0, 0)) ?? "", /frame 0 where 1 was due: frames were lost or repeated/);
    assert.match(readerInto(received).push(frame(1, 0, 1)) ?? "", /frame 1 where 0 was due/);
    assert.equal(received.length, 1);
  });

  test("a frame above the limit is refused by its header, before its payload is there", () => {
    const received: Received[] = [];
    const header = frame(1, 0, 0, new Uint8Array(1001)).subarray(0, FRAME_HEADER_BYTES);
    assert.match(readerInto(received).push(header) ?? "", /a frame of 1001 bytes, above the limit of 1000/);
    assert.equal(readerInto(received).push(frame(1, 0, 0, new Uint8Array(1000))), null);
    assert.equal(received.length, 1);
  });

  test("unknown kinds and flags are refused", () => {
    assert.match(readerInto([]).push(frame(77, 0, 0)) ?? "", /unknown kind 77/);
    for (const at of [5, 6, 7]) {
      const bytes = frame(1, 0, 0);
      bytes[at] = 1;
      assert.match(readerInto([]).push(bytes) ?? "", /unknown flags/);
    }
  });

  test("once broken or stopped it delivers nothing more", () => {
    const received: Received[] = [];
    const broken = readerInto(received);
    assert.notEqual(broken.push(frame(77, 0, 0)), null);
    broken.push(frame(1, 0, 0));
    const stopped: FrameReader = new FrameReader(1000, crc32, (kind, group, payload) => {
      received.push({ kind, group, payload: [...payload] });
      stopped.stop();
    });
    assert.equal(stopped.push(Buffer.concat([frame(1, 1, 0), frame(1, 2, 1)])), null);
    assert.deepEqual(received, [{ kind: 1, group: 1, payload: [] }]);
  });

  test("any bytes are survived", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 5 }), (chunks) => {
        const reader = readerInto([]);
        for (const chunk of chunks) reader.push(chunk);
      }),
    );
  });
});
