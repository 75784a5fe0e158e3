/** Writing a snapshot's file under a name of its own; publishing it is `snapshots.ts`. */
import type { SnapshotMeta } from "../consensus/engine.ts";
import type { DiskFile } from "../environment.ts";
import { assert, InvariantViolation } from "../errors.ts";
import { mix } from "./checksum.ts";
import {
  blockBytes,
  blockChecksum,
  blockHeaderBytes,
  encodeSnapshotFooter,
  encodeSnapshotHeader,
  type SnapshotHeader,
} from "./snapshot-format.ts";
import type { SnapshotWriter } from "./storage.ts";

/** Blocks are gathered and written this many at once. */
const blocksPerWrite = 16;
/** Synced after this many bytes, so that the log's own syncs never wait behind hundreds of megabytes. */
const syncBytes = 8 * 1024 * 1024;

/** What the owner of a writer does for it. */
export interface SnapshotOwner {
  /** Makes the finished, synced file the group's newest snapshot. */
  publish(): Promise<void>;
  /** Removes the file, which will not be published. */
  discard(): Promise<void>;
  /** An operation on the file failed: says with which error the caller gets to know. */
  failed(error: unknown): Error;
}

export class SnapshotFileWriter implements SnapshotWriter {
  readonly #file: DiskFile;
  readonly #header: SnapshotHeader;
  readonly #owner: SnapshotOwner;
  /** Blocks not written yet: headers and content as in the file. */
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(blocksPerWrite * (blockHeaderBytes + blockBytes));
  /** Bytes of `#buffer` that are complete blocks, and content bytes in the block behind them. */
  #complete = 0;
  #partial = 0;
  #fileOffset = 0;
  #unsynced = 0;
  #offset = 0;
  #blocks = 0;
  #digest = 0;
  #state: "open" | "busy" | "ended" = "open";

  constructor(file: DiskFile, header: SnapshotHeader, owner: SnapshotOwner) {
    this.#file = file;
    this.#header = header;
    this.#owner = owner;
  }

  get meta(): SnapshotMeta {
    return this.#header.meta;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Bytes in the file so far. */
  get fileBytes(): number {
    return this.#fileOffset;
  }

  async begin(): Promise<void> {
    await this.#run(async () => this.#put([encodeSnapshotHeader(this.#header)]));
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#run(async () => {
      let rest = chunk;
      while (rest.length > 0) {
        const part = rest.subarray(0, blockBytes - this.#partial);
        this.#buffer.set(part, this.#complete + blockHeaderBytes + this.#partial);
        this.#partial += part.length;
        this.#offset += part.length;
        rest = rest.subarray(part.length);
        if (this.#partial === blockBytes) this.#closeBlock();
        if (this.#complete === this.#buffer.length) await this.#flush();
      }
    });
  }

  async commit(): Promise<void> {
    await this.#run(async () => {
      if (this.#partial > 0) this.#closeBlock();
      await this.#flush();
      const footer = { blocks: this.#blocks, size: this.#offset, digest: this.#digest };
      await this.#put([encodeSnapshotFooter(footer, this.#header.nonce)]);
      await this.#sync();
      await this.#file.close();
    });
    this.#state = "ended";
    await this.#owner.publish();
  }

  async abort(): Promise<void> {
    if (this.#state === "ended") return;
    assert(this.#state === "open", "a snapshot is aborted while a write to it is under way");
    this.#state = "ended";
    await this.#file.close();
    await this.#owner.discard();
  }

  /** One operation at a time; a failure ends the snapshot and removes its file. */
  async #run(work: () => Promise<void>): Promise<void> {
    if (this.#state !== "open") throw new InvariantViolation(`a snapshot that is ${this.#state} cannot be written to`);
    this.#state = "busy";
    try {
      await work();
      this.#state = "open";
    } catch (error) {
      this.#state = "ended";
      const told = this.#owner.failed(error);
      await this.#file.close().catch(() => undefined);
      await this.#owner.discard();
      throw told;
    }
  }

  #closeBlock(): void {
    const content = this.#buffer.subarray(
      this.#complete + blockHeaderBytes,
      this.#complete + blockHeaderBytes + this.#partial,
    );
    const sum = blockChecksum(content, this.#header.nonce, this.#blocks);
    this.#buffer.writeUInt32LE(sum, this.#complete);
    this.#buffer.writeUInt32LE(this.#partial, this.#complete + 4);
    this.#digest = mix(this.#digest, sum);
    this.#complete += blockHeaderBytes + this.#partial;
    this.#partial = 0;
    this.#blocks++;
  }

  async #flush(): Promise<void> {
    if (this.#complete === 0) return;
    await this.#put([this.#buffer.subarray(0, this.#complete)]);
    this.#complete = 0;
    if (this.#unsynced >= syncBytes) await this.#sync();
  }

  async #put(pieces: readonly Buffer[]): Promise<void> {
    await this.#file.write(pieces, this.#fileOffset);
    for (const piece of pieces) {
      this.#fileOffset += piece.length;
      this.#unsynced += piece.length;
    }
  }

  async #sync(): Promise<void> {
    await this.#file.sync();
    this.#unsynced = 0;
  }
}
