import type { SeededRandom } from "../consensus/random.ts";
import type { DiskFile } from "../environment.ts";
import type { DiskLatency, Step } from "./disk-call.ts";
import { diskFault } from "./disk-fault.ts";
import type { Inode } from "./inode.ts";
import type { VirtualProcess } from "./process.ts";

/** Up to this size a batch goes into the page cache in the call itself, as it does on the real disk. */
const SMALL_BATCH_BYTES = 64 * 1024;
/** What a write that is killed on its way may be cut into. */
const PAGE_BYTES = 4096;

/** What a file needs of its disk. */
export interface FileDisk {
  readonly latency: DiskLatency;
  readonly random: SeededRandom;
  readonly misdirects: (path: string, offset: number) => number;
  run<T>(process: VirtualProcess, path: string, first: Step<T>): Promise<T>;
  run<T>(process: VirtualProcess, path: string, first: Step<unknown>, last: Step<T>): Promise<T>;
  /** How many of the bytes by which a file is to grow fit. */
  roomFor(inode: Inode, growth: number): number;
  /** A file's size has changed. */
  resized(inode: Inode, growth: number): void;
}

/** An open file. */
export class VirtualFile implements DiskFile {
  readonly path: string;
  readonly #disk: FileDisk;
  readonly #process: VirtualProcess;
  readonly #inode: Inode;
  readonly #isWritable: boolean;
  #isOpen = true;

  constructor(disk: FileDisk, process: VirtualProcess, path: string, inode: Inode, mode: "read" | "write" | "create") {
    this.#disk = disk;
    this.#process = process;
    this.path = path;
    this.#inode = inode;
    this.#isWritable = mode !== "read";
  }

  size(): Promise<number> {
    return this.#run({ operation: "read", delay: this.#disk.latency.readMs, work: () => this.#opened().size });
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    const work = (): number => this.#opened().read(into, this.#checked(offset));
    return this.#run({ operation: "read", delay: this.#disk.latency.readMs, work });
  }

  write(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    const bytes = lengthOf(pieces);
    return this.#run(this.#writing(pieces, bytes, this.#cut(bytes), offset));
  }

  sync(): Promise<void> {
    return this.#run(this.#syncing());
  }

  writeAndSync(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    const bytes = lengthOf(pieces);
    const write =
      bytes <= SMALL_BATCH_BYTES
        ? { ...this.#writing(pieces, bytes, 0, offset), inline: true as const }
        : this.#writing(pieces, bytes, this.#cut(bytes), offset);
    return this.#disk.run(this.#process, this.#inode.path, write, this.#syncing());
  }

  truncate(size: number): Promise<void> {
    const work = (): void => {
      const inode = this.#writeable();
      this.#disk.resized(inode, this.#checked(size) - inode.size);
      inode.truncate(size);
    };
    return this.#run({ operation: "truncate", delay: this.#disk.latency.writeMs, work });
  }

  close(): Promise<void> {
    const work = (): void => {
      this.#isOpen = false;
    };
    return this.#run({ operation: "close", delay: this.#disk.latency.readMs, work });
  }

  #run<T>(step: Step<T>): Promise<T> {
    return this.#disk.run(this.#process, this.#inode.path, step);
  }

  /** How much of a write happens when it begins: nothing, all, or some pages. */
  #cut(bytes: number): number {
    const { random } = this.#disk;
    const pages = Math.ceil(bytes / PAGE_BYTES);
    return Math.min(bytes, PAGE_BYTES * (random.chance(0.5) ? 0 : 1 + random.below(Math.max(1, pages))));
  }

  #writing(pieces: readonly Uint8Array[], bytes: number, cut: number, asked: number): Step<void> {
    const offset = asked + this.#disk.misdirects(this.#inode.path, asked);
    return {
      operation: "write",
      delay: this.#disk.latency.writeMs,
      ...(cut > 0 && { start: () => this.#put(pieces, 0, cut, offset) }),
      work: () => this.#put(pieces, cut, bytes, offset),
    };
  }

  #syncing(): Step<void> {
    return { operation: "sync", delay: this.#disk.latency.syncMs, work: () => this.#opened().sync() };
  }

  /** Writes bytes `from` to `to` of the pieces. */
  #put(pieces: readonly Uint8Array[], from: number, to: number, offset: number): void {
    const disk = this.#disk;
    const inode = this.#writeable();
    this.#checked(offset);
    const before = inode.size;
    const growth = to > from ? Math.max(0, offset + to - before) : 0;
    const missing = growth - disk.roomFor(inode, growth);
    // Of what does not fit, a part may have been written.
    const end = missing === 0 ? to : from + disk.random.below(Math.max(0, to - missing - from) + 1);
    inode.write(pieces, from, end, offset);
    disk.resized(inode, inode.size - before);
    if (missing > 0) throw diskFault("ENOSPC", "no space left on the device");
  }

  /** @throws DiskError if this is no offset or size. */
  #checked(bytes: number): number {
    if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
    throw diskFault("EINVAL", `${this.path} has no place ${bytes}: give whole bytes from its start`);
  }

  #opened(): Inode {
    if (!this.#isOpen) throw diskFault("EBADF", `${this.path} is closed`);
    return this.#inode;
  }

  #writeable(): Inode {
    if (!this.#isWritable) throw diskFault("EBADF", `${this.path} was opened for reading`);
    return this.#opened();
  }
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}
