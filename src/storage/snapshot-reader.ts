/** Reading a snapshot's file: nothing leaves here that does not match its checksum. */
import type { SnapshotMeta } from "../consensus/engine.ts";
import type { Disk, DiskFile } from "../environment.ts";
import { InvariantViolation } from "../errors.ts";
import { mix } from "./checksum.ts";
import { corrupt } from "./fault.ts";
import {
  blockBytes,
  blockChecksum,
  blockHeaderBytes,
  blockOffset,
  decodeSnapshotFooter,
  decodeSnapshotHeader,
  fixedHeaderBytes,
  footerBytes,
  type SnapshotFooter,
  type SnapshotHeader,
  snapshotHeaderBytes,
} from "./snapshot-format.ts";
import type { SnapshotReader } from "./storage.ts";

/** Blocks checked with one read. */
const blocksPerRead = 16;
/** The most bytes one `read` gives. */
export const maxReadBytes: number = 64 * 1024 * 1024;

export class SnapshotFile implements SnapshotReader {
  readonly header: SnapshotHeader;
  readonly #file: DiskFile;
  readonly #headerBytes: number;
  readonly #footer: SnapshotFooter;
  readonly #closed: () => void;
  #open = true;

  private constructor(
    file: DiskFile,
    header: SnapshotHeader,
    headerBytes: number,
    footer: SnapshotFooter,
    closed: () => void,
  ) {
    this.#file = file;
    this.header = header;
    this.#headerBytes = headerBytes;
    this.#footer = footer;
    this.#closed = closed;
  }

  /** @throws QuorateError with code `DATA_CORRUPT` if header or footer are damaged. */
  static async open(disk: Disk, path: string, closed: () => void): Promise<SnapshotFile> {
    const file = await disk.open(path, "read");
    try {
      const fixed = await readExactly(file, 0, fixedHeaderBytes);
      const headerBytes = snapshotHeaderBytes(fixed);
      const header = headerBytes === null ? null : decodeSnapshotHeader(await readExactly(file, 0, headerBytes));
      if (headerBytes === null || header === null) throw corrupt(`the header of snapshot ${path} is damaged`);
      const fileBytes = await file.size();
      const end = await readExactly(file, Math.max(0, fileBytes - footerBytes), footerBytes);
      const footer = decodeSnapshotFooter(end, header.nonce);
      const expected = footer && headerBytes + footer.size + footer.blocks * blockHeaderBytes + footerBytes;
      if (footer === null || expected !== fileBytes) throw corrupt(`the end of snapshot ${path} is damaged`);
      return new SnapshotFile(file, header, headerBytes, footer, closed);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get meta(): SnapshotMeta {
    return this.header.meta;
  }

  get fileBytes(): number {
    return this.#headerBytes + this.#footer.size + this.#footer.blocks * blockHeaderBytes + footerBytes;
  }

  get size(): number {
    return this.#footer.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!this.#open) throw new InvariantViolation(`snapshot ${this.#file.path} is closed`);
    if (!(Number.isSafeInteger(offset) && offset >= 0 && length >= 0))
      throw new InvariantViolation(`cannot read ${length} bytes at ${offset}`);
    const end = Math.min(this.size, offset + Math.min(length, maxReadBytes));
    if (offset >= end) return new Uint8Array(0);
    const first = Math.floor(offset / blockBytes);
    const last = Math.floor((end - 1) / blockBytes);
    const blocks = await this.#blocks(first, last + 1);
    const content = Buffer.allocUnsafeSlow(end - offset);
    let at = 0;
    blocks.forEach((block, number) => {
      const begin = (first + number) * blockBytes;
      const part = block.subarray(Math.max(0, offset - begin), Math.min(block.length, end - begin));
      content.set(part, at);
      at += part.length;
    });
    return content;
  }

  /** Reads all of it. @throws QuorateError with code `DATA_CORRUPT` if any of it is damaged. */
  async verify(): Promise<void> {
    let digest = 0;
    for (let first = 0; first < this.#footer.blocks; first += blocksPerRead) {
      const next = Math.min(this.#footer.blocks, first + blocksPerRead);
      const blocks = await this.#blocks(first, next);
      blocks.forEach((block, number) => {
        digest = mix(digest, blockChecksum(block, this.header.nonce, first + number));
      });
    }
    if (digest !== this.#footer.digest)
      throw corrupt(`the blocks of snapshot ${this.#file.path} are not the ones written`);
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#file.close();
    this.#closed();
  }

  /** Contents of the blocks from `first` to before `next`, each checked. */
  async #blocks(first: number, next: number): Promise<Buffer[]> {
    const from = blockOffset(this.#headerBytes, first);
    const all = this.#headerBytes + this.#footer.size + this.#footer.blocks * blockHeaderBytes;
    const bytes = await readExactly(this.#file, from, Math.min(all, blockOffset(this.#headerBytes, next)) - from);
    const blocks: Buffer[] = [];
    for (let number = first; number < next; number++) {
      const at = (number - first) * (blockHeaderBytes + blockBytes);
      const length = Math.min(blockBytes, this.#footer.size - number * blockBytes);
      const content = bytes.subarray(at + blockHeaderBytes, at + blockHeaderBytes + length);
      const sum = blockChecksum(content, this.header.nonce, number);
      if (content.length !== length || bytes.readUInt32LE(at + 4) !== length || bytes.readUInt32LE(at) !== sum) {
        throw corrupt(`snapshot ${this.#file.path} is damaged ${number * blockBytes} bytes into its content`);
      }
      blocks.push(content);
    }
    return blocks;
  }
}

/** Fewer bytes than asked for stand for a file that was cut: the rest reads as zeros and fails its check. */
async function readExactly(file: DiskFile, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const read = await file.read(bytes.subarray(done), offset + done);
    if (read === 0) break;
    done += read;
  }
  return bytes;
}
