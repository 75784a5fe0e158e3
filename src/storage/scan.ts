/** Reading a segment that may be damaged: the batches from its front, and signs of later ones behind a bad place. */
import { decodeCommit, nextChain } from "./batch.ts";
import { mix } from "./checksum.ts";
import { decodeRecord, type FoundRecord, RecordType, recordHeaderBytes } from "./record.ts";

export interface ScanStart {
  readonly segmentSeed: number;
  /** Offset of the first batch. */
  readonly offset: number;
  /** The number the first batch must have, and the chain it must go on from. */
  readonly batch: number;
  readonly chain: number;
}

export interface ScanEnd {
  /** Behind the last good batch. */
  readonly end: number;
  /** Number of the last good batch; the one before `start.batch` if there was none. */
  readonly batch: number;
  readonly chain: number;
}

/**
 * Hands out the batches from `start` on, each only when all of it has been proven, up to the first that is missing or
 * bad. Records are views into `bytes`.
 */
export function scanBatches(
  bytes: Buffer,
  limit: number,
  start: ScanStart,
  visit: (records: readonly FoundRecord[], batch: number, chain: number, offset: number) => void,
): ScanEnd {
  let { offset: end, batch: expected, chain } = start;
  for (;;) {
    const found = readBatch(bytes, end, limit, start.segmentSeed, expected, chain);
    if (found === null) return { end, batch: expected - 1, chain };
    chain = found.chain;
    visit(found.records, expected, chain, end);
    end = found.end;
    expected++;
  }
}

interface GoodBatch {
  readonly records: readonly FoundRecord[];
  readonly end: number;
  readonly chain: number;
}

function readBatch(
  bytes: Buffer,
  start: number,
  limit: number,
  seed: number,
  number: number,
  chain: number,
): GoodBatch | null {
  const records: FoundRecord[] = [];
  let digest = 0;
  let at = start;
  for (;;) {
    const found = decodeRecord(bytes, at, limit, seed);
    if (found.is !== "record" || found.record.batch !== number % 0x10000) return null;
    const { record } = found;
    if (record.type === RecordType.commit) {
      const commit = decodeCommit(record.data);
      const whole =
        commit !== null &&
        record.index === number &&
        commit.digest === digest &&
        commit.previousChain === chain &&
        commit.records === records.length &&
        commit.bytes === at - start;
      return whole ? { records, end: record.end, chain: nextChain(chain, digest, number) } : null;
    }
    digest = mix(mix(digest, record.headerChecksum), record.dataChecksum);
    records.push(record);
    at = record.end;
  }
}

/** What stands behind the last good batch of a segment. */
export interface Rest {
  /** Nothing was ever written there: only zeros. */
  readonly zeros: boolean;
  /** There is a valid record of a later batch than the one that should stand first: that one was durable once. */
  readonly later: boolean;
}

/** Looks through the rest of a segment, in which batch `number` is missing or bad. */
export function inspectRest(bytes: Buffer, from: number, limit: number, seed: number, number: number): Rest {
  const firstByte = firstNonZero(bytes, from, limit);
  if (firstByte === limit) return { zeros: true, later: false };
  let later = false;
  forEachRecordIn(bytes, from, limit, seed, (record) => {
    const ahead = (record.batch - (number % 0x10000) + 0x10000) % 0x10000;
    later = ahead > 0 && ahead < 0x8000;
    return !later;
  });
  return { zeros: false, later };
}

/**
 * Calls `visit` with each record whose header is intact, wherever it stands (records stand on multiples of eight), until
 * it returns false. `data` is null where only the header is good.
 */
export function forEachRecordIn(
  bytes: Buffer,
  from: number,
  limit: number,
  seed: number,
  visit: (record: Omit<FoundRecord, "data">, data: Uint8Array | null) => boolean,
): void {
  for (let at = Math.ceil(from / 8) * 8; at + recordHeaderBytes <= limit; at += 8) {
    // The byte that tells the type is zero in most of what is no record.
    if (bytes[at + 12] === 0) continue;
    const found = decodeRecord(bytes, at, limit, seed);
    if (found.is === "nothing") continue;
    if (!visit(found.record, found.is === "record" ? found.record.data : null)) return;
  }
}

const zeroBlock = Buffer.alloc(64 * 1024);

/** Offset of the first byte that is not zero, or `limit`. */
function firstNonZero(bytes: Buffer, from: number, limit: number): number {
  for (let at = from; at < limit; at += zeroBlock.length) {
    const end = Math.min(at + zeroBlock.length, limit);
    if (bytes.compare(zeroBlock, 0, end - at, at, end) === 0) continue;
    for (let byte = at; byte < end; byte++) if (bytes[byte] !== 0) return byte;
  }
  return limit;
}
