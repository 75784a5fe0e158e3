/**
 * The tail hint: how far the log was durable a moment ago, written now and then into one of two slots in turn, so that
 * a torn write of one leaves the other. A log that ends before it has lost something, where its own end would look like
 * a torn batch. Also carries the identity, as a second copy.
 *
 *     0    4      8         16        24       32        40       48     52  53        85
 *     | hc | form | version | cluster | member | segment | batch  | chain|len| engine ...|      slot 0 at 0, slot 1 at 4096
 */
import type { Disk, DiskFile } from "../environment.ts";
import { InvariantViolation } from "../errors.ts";
import { checksum } from "./checksum.ts";
import { isMissing } from "./fault.ts";
import { readNumber, writeNumber } from "./record.ts";
import type { StorageIdentity } from "./storage.ts";
import { readWhole } from "./whole-file.ts";

export const hardStateName = "tail";
const formatVersion = 1;
const slotDistance = 4096;
const slotBytes = 88;
export const maxEngineNameBytes = 32;

/** Batch `batch` of the log was durable, and the chain behind it was `chain`. Batch 0: nothing was. */
export interface TailHint {
  readonly segment: number;
  readonly batch: number;
  readonly chain: number;
}

export interface HardState {
  /** Grows with each writing; its lowest bit names the slot. */
  readonly version: number;
  readonly identity: StorageIdentity;
  readonly hint: TailHint;
}

export function encodeSlot(state: HardState): Buffer {
  const bytes = Buffer.alloc(slotBytes);
  const { identity, hint } = state;
  bytes.writeUInt32LE(formatVersion, 4);
  writeNumber(bytes, state.version, 8);
  bytes.writeBigUInt64LE(identity.clusterId, 16);
  bytes.writeBigUInt64LE(identity.memberId, 24);
  writeNumber(bytes, hint.segment, 32);
  writeNumber(bytes, hint.batch, 40);
  bytes.writeUInt32LE(hint.chain, 48);
  const engine = Buffer.from(identity.engine);
  if (engine.length > maxEngineNameBytes)
    throw new InvariantViolation(`the engine's name ${identity.engine} is longer than 32 bytes`);
  bytes.writeUInt8(engine.length, 52);
  bytes.set(engine, 53);
  bytes.writeUInt32LE(checksum(bytes.subarray(4), state.version % 2), 0);
  return bytes;
}

export function decodeSlot(bytes: Buffer, slot: number): HardState | null {
  if (bytes.length < slotBytes) return null;
  if (checksum(bytes.subarray(4, slotBytes), slot) !== bytes.readUInt32LE(0)) return null;
  if (bytes.readUInt32LE(4) !== formatVersion) return null;
  const version = readNumber(bytes, 8);
  const segment = readNumber(bytes, 32);
  const batch = readNumber(bytes, 40);
  const nameBytes = bytes.readUInt8(52);
  if (version === null || segment === null || batch === null || nameBytes > maxEngineNameBytes) return null;
  const engine = bytes.toString("utf8", 53, 53 + nameBytes);
  const identity = { clusterId: bytes.readBigUInt64LE(16), memberId: bytes.readBigUInt64LE(24), engine };
  return { version, identity, hint: { segment, batch, chain: bytes.readUInt32LE(48) } };
}

/** The newer of the slots that are intact, or null. */
export async function readHardState(disk: Disk, directory: string): Promise<HardState | null> {
  let bytes: Buffer;
  try {
    bytes = await readWhole(disk, `${directory}/${hardStateName}`, slotDistance + slotBytes);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const states = [0, 1].map((slot) => decodeSlot(bytes.subarray(slot * slotDistance), slot));
  const [zero = null, one = null] = states;
  if (zero === null || one === null) return zero ?? one;
  return zero.version > one.version ? zero : one;
}

/** Writes the slots in turn. One writing at a time. */
export class HardStateFile {
  readonly #file: DiskFile;
  readonly #identity: StorageIdentity;
  #version: number;

  private constructor(file: DiskFile, identity: StorageIdentity, version: number) {
    this.#file = file;
    this.#identity = identity;
    this.#version = version;
  }

  /** The caller makes a new file's name durable. */
  static async open(
    disk: Disk,
    directory: string,
    identity: StorageIdentity,
    last: HardState | null,
  ): Promise<HardStateFile> {
    const file = await disk.open(`${directory}/${hardStateName}`, "write");
    return new HardStateFile(file, identity, last?.version ?? 0);
  }

  /** @throws DiskError */
  async write(hint: TailHint): Promise<void> {
    this.#version++;
    const slot = encodeSlot({ version: this.#version, identity: this.#identity, hint });
    await this.#file.writeAndSync([slot], (this.#version % 2) * slotDistance);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
