import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { BatchEncoder, decodeCommit, nextChain } from "./batch.ts";
import { decodeRecord, type FoundRecord, type LogRecord, RecordType } from "./record.ts";
import { inspectRest, scanBatches } from "./scan.ts";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  segmentHeaderBytes,
  segmentName,
  segmentSeed,
  sequenceOf,
} from "./segment.ts";

const header = {
  sequence: 7,
  clusterId: 2n ** 64n - 1n,
  memberId: 2n ** 63n + 5n,
  previousSequence: 6,
  previousEnd: 2 ** 40,
  firstBatch: 65_530,
  previousChain: 0xdeadbeef,
  nonce: 0xffffffff,
};
const seed = segmentSeed(header);
const start = { segmentSeed: seed, offset: segmentHeaderBytes, batch: header.firstBatch, chain: header.previousChain };

/** A segment with these batches and zeros behind them; also where each batch ends. */
function segmentOf(batches: readonly (readonly LogRecord[])[], room = 1000): { bytes: Buffer; ends: number[] } {
  const encoder = new BatchEncoder();
  const pieces: Buffer[] = [encodeSegmentHeader(header)];
  const ends: number[] = [];
  let offset = segmentHeaderBytes;
  let chain = header.previousChain;
  for (const [at, records] of batches.entries()) {
    encoder.begin(seed, offset, header.firstBatch + at);
    for (const record of records) encoder.add(record);
    const encoded = encoder.finish(chain);
    pieces.push(Buffer.concat(encoded.pieces));
    assert.equal(pieces.at(-1)?.length, encoded.bytes);
    offset += encoded.bytes;
    ends.push(offset);
    chain = encoded.chain;
  }
  return { bytes: Buffer.concat([...pieces, Buffer.alloc(room)]), ends };
}

function scan(bytes: Buffer): { batches: string[][]; end: number; batch: number } {
  const batches: string[][] = [];
  const { end, batch } = scanBatches(bytes, bytes.length, start, (records) => void batches.push(records.map(plain)));
  return { batches, end, batch };
}

/** A record in few words, so that a failing test can be read. */
function plain({ type, kind, group, index, epoch, data }: LogRecord | FoundRecord): string {
  const content = data.length > 100 ? `${data.length} bytes, crc ${crc32(data)}` : Buffer.from(data).toString("hex");
  return `${type} ${kind} ${group} ${index} ${epoch} ${content}`;
}

function plainly(batches: readonly (readonly LogRecord[])[]): string[][] {
  return batches.map((records) => records.map(plain));
}

const anyNumber = fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 32, 2 ** 53 - 1));
const anyRecord: fc.Arbitrary<LogRecord> = fc.record({
  type: fc.constantFrom(RecordType.entry, RecordType.state, RecordType.truncate, RecordType.checkpoint),
  kind: fc.nat(255),
  group: fc.constantFrom(0, 1, 2 ** 32 - 1),
  index: anyNumber,
  epoch: anyNumber,
  data: fc.oneof(
    { weight: 10, arbitrary: fc.uint8Array({ maxLength: 60 }).map((data) => Buffer.from(data)) },
    { weight: 1, arbitrary: fc.constantFrom(16_383, 16_384, 130_000, 300_001).map((size) => Buffer.alloc(size, size)) },
  ),
});
const anyBatches = fc.array(fc.array(anyRecord, { maxLength: 6 }), { maxLength: 6 });

test("what was encoded is found again, batch by batch, and nothing behind it", () => {
  fc.assert(
    fc.property(anyBatches, (batches) => {
      const { bytes, ends } = segmentOf(batches);
      const found = scan(bytes);
      assert.deepEqual(found.batches, plainly(batches));
      assert.equal(found.end, ends.at(-1) ?? segmentHeaderBytes);
      assert.equal(found.batch, header.firstBatch + batches.length - 1);
      assert.deepEqual(inspectRest(bytes, found.end, bytes.length, seed, found.batch + 1), {
        zeros: true,
        later: false,
      });
    }),
    { numRuns: 60 },
  );
});

test("a changed byte hides its batch and all behind it; a later batch is seen as a sign", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyRecord, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 5 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (batches, place, change) => {
        const { bytes, ends } = segmentOf(batches);
        const at = segmentHeaderBytes + (place % ((ends.at(-1) ?? 0) - segmentHeaderBytes));
        bytes[at] = (bytes[at] ?? 0) ^ change;
        const hit = ends.findIndex((end) => at < end);
        const found = scan(bytes);
        // Zeros that fill up a record carry nothing and are not checked.
        if (found.batches.length === batches.length) assert.deepEqual(found.batches, plainly(batches));
        else {
          assert.deepEqual(found.batches, plainly(batches.slice(0, hit)));
          const rest = inspectRest(bytes, found.end, bytes.length, seed, found.batch + 1);
          assert.deepEqual(rest, { zeros: false, later: hit < batches.length - 1 });
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("records that are each good do not make a batch that was not written", () => {
  const record = (index: number): LogRecord => {
    return { type: RecordType.entry, kind: 1, group: 0, index, epoch: 1, data: Buffer.from("same length") };
  };
  const one = segmentOf([[record(1), record(2)]]);
  const other = segmentOf([[record(1), record(3)]]);
  // The second record of one batch, at its own offset with its own checksums, in front of the commit of the other.
  const second = segmentHeaderBytes + 56;
  other.bytes.copy(one.bytes, second, second, second + 56);
  const found = decodeRecord(one.bytes, second, one.bytes.length, seed);
  assert.ok(found.is === "record" && found.record.index === 3, "the record by itself is good");
  assert.deepEqual(scan(one.bytes).batches, []);
});

test("a batch of another place, segment or chain is not taken", () => {
  const batches = [[], []] as LogRecord[][];
  const { bytes, ends } = segmentOf(batches);
  const [first = 0, second = 0] = ends;
  const moved = Buffer.concat([
    bytes.subarray(0, first),
    Buffer.alloc(8),
    bytes.subarray(first, second),
    Buffer.alloc(64),
  ]);
  assert.equal(scan(moved).batches.length, 1);
  const others = [
    { ...start, segmentSeed: segmentSeed({ ...header, nonce: 1 }) },
    { ...start, chain: 1 },
    { ...start, batch: 5 },
  ];
  for (const other of others) {
    const { end } = scanBatches(bytes, bytes.length, other, () => assert.fail("nothing may be found"));
    assert.equal(end, segmentHeaderBytes);
  }
});

test("damaged lengths lead nowhere: random bytes are read without harm", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (noise) => {
      const bytes = Buffer.concat([encodeSegmentHeader(header), noise]);
      const found = scan(bytes);
      assert.deepEqual(found, { batches: [], end: segmentHeaderBytes, batch: header.firstBatch - 1 });
      const rest = inspectRest(bytes, found.end, bytes.length, seed, header.firstBatch);
      assert.equal(
        rest.zeros,
        noise.every((byte) => byte === 0),
      );
      assert.equal(rest.later, false);
    }),
  );
});

test("a batch number that passes 65536 is still known as the later one", () => {
  const batches = Array.from({ length: 12 }, () => []) as LogRecord[][];
  const { bytes, ends } = segmentOf(batches);
  assert.ok(header.firstBatch + batches.length > 65_536);
  assert.equal(scan(bytes).batches.length, batches.length);
  const [first = 0] = ends;
  bytes.fill(0, segmentHeaderBytes, first);
  assert.deepEqual(inspectRest(bytes, segmentHeaderBytes, bytes.length, seed, header.firstBatch), {
    zeros: false,
    later: true,
  });
});

test("segment headers and names", () => {
  const bytes = encodeSegmentHeader(header);
  assert.equal(bytes.length, segmentHeaderBytes);
  assert.deepEqual(decodeSegmentHeader(bytes), header);
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(decodeSegmentHeader(changed), null, `byte ${at}`);
  }
  assert.equal(decodeSegmentHeader(bytes.subarray(0, 71)), null);
  assert.equal(sequenceOf(segmentName(12)), 12);
  for (const name of ["spare", "12.log", "0000000000000012.log.old"]) assert.equal(sequenceOf(name), null);
});

test("commits and chains", () => {
  assert.equal(decodeCommit(Buffer.alloc(15)), null);
  assert.notEqual(nextChain(1, 2, 3), nextChain(1, 2, 4));
  assert.notEqual(nextChain(1, 2, 3), nextChain(1, 2, 3 + 2 ** 32));
  assert.notEqual(nextChain(1, 2, 3), nextChain(2, 1, 3));
});
