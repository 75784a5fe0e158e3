/**
 * The machine's disk.
 *
 * How `writeAndSync` is done was measured (ext4 on a virtual disk, 600-byte batches into a zeroed file, median and 90th
 * percentile in microseconds, two runs): write in this thread, then fdatasync in the pool 125/171 and 153/179; both in
 * the pool 225/265 and 156/196; one O_DSYNC write in the pool 140/175 and 129/174; both in this thread 131/145 and
 * 105/116. The first is kept: within noise of O_DSYNC, one trip to the pool, and no wait for the disk in this thread.
 * The same batches at the end of a growing file cost 60 more: that is why segments are zeroed ahead.
 */
import fs from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { Disk, DiskFile } from "../environment.ts";
import { lockDirectory } from "./directory-lock.ts";
import { diskError } from "./disk-error.ts";

/** Batches up to this size (bytes) are copied into the page cache without leaving this thread. */
const smallBatchBytes = 64 * 1024;

/** The most pieces one system call takes (IOV_MAX of Linux and macOS). */
const maxPiecesPerCall = 1024;

const openFile = promisify(fs.open);
const closeFile = promisify(fs.close);
const readFile = promisify(fs.read);
const writePieces = promisify(fs.writev);
const truncateFile = promisify(fs.ftruncate);
const statFile = promisify(fs.fstat);

export const nodeDisk: Disk = {
  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
    const flags = mode === "read" ? O_RDONLY : mode === "write" ? O_RDWR | O_CREAT : O_RDWR | O_CREAT | O_EXCL;
    return new NodeFile(path, await openFile(path, flags, 0o600));
  },
  async list(directory: string): Promise<string[]> {
    return (await fs.promises.readdir(directory)).sort();
  },
  async makeDirectory(directory: string): Promise<void> {
    // Node's own recursive mkdir never ends where the system denies a directory by saying its parent is missing (/proc).
    if (await isDirectory(directory)) return;
    const parent = dirname(directory);
    if (parent !== directory && !(await isDirectory(parent))) await nodeDisk.makeDirectory(parent);
    try {
      await fs.promises.mkdir(directory, { mode: 0o700 });
    } catch (error) {
      // Somebody else was quicker.
      if (!(await isDirectory(directory))) throw error;
    }
  },
  async rename(from: string, to: string): Promise<void> {
    await fs.promises.rename(from, to);
  },
  async remove(path: string): Promise<void> {
    await fs.promises.rm(path, { recursive: true, force: true });
  },
  async syncDirectory(directory: string): Promise<void> {
    const descriptor = await openFile(directory, fs.constants.O_RDONLY);
    try {
      await sync(descriptor, fs.fsync);
    } finally {
      await closeFile(descriptor);
    }
  },
  lock: lockDirectory,
};

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await fs.promises.stat(path)).isDirectory();
  } catch {
    return false;
  }
}

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  async size(): Promise<number> {
    return (await statFile(this.#descriptor)).size;
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await readFile(this.#descriptor, into, done, into.length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    for (let first = 0; first < pieces.length; first += maxPiecesPerCall) {
      let rest = pieces.slice(first, first + maxPiecesPerCall);
      while (rest.length > 0) {
        const { bytesWritten } = await writePieces(this.#descriptor, rest, offset);
        offset += bytesWritten;
        rest = behind(rest, bytesWritten);
      }
    }
  }

  sync(): Promise<void> {
    return sync(this.#descriptor, fs.fdatasync);
  }

  async writeAndSync(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    if (bytes <= smallBatchBytes) this.#writeNow(pieces, offset);
    else await this.write(pieces, offset);
    await sync(this.#descriptor, fs.fdatasync);
  }

  async truncate(size: number): Promise<void> {
    await truncateFile(this.#descriptor, size);
  }

  async close(): Promise<void> {
    await closeFile(this.#descriptor);
  }

  #writeNow(pieces: readonly Uint8Array[], offset: number): void {
    for (let first = 0; first < pieces.length; first += maxPiecesPerCall) {
      let rest = pieces.slice(first, first + maxPiecesPerCall);
      while (rest.length > 0) {
        const written = fs.writevSync(this.#descriptor, rest, offset);
        offset += written;
        rest = behind(rest, written);
      }
    }
  }
}

/** What is left of the pieces behind their first `taken` bytes: a system call may take less than it was given. */
function behind(pieces: Uint8Array[], taken: number): Uint8Array[] {
  let at = 0;
  while (at < pieces.length) {
    const piece = pieces[at];
    if (piece === undefined || taken < piece.length) break;
    taken -= piece.length;
    at++;
  }
  const rest = pieces.slice(at);
  const head = rest[0];
  if (head !== undefined && taken > 0) rest[0] = head.subarray(taken);
  return rest;
}

/**
 * A sync that fails for want of room (file systems that allocate late) has lost what was written, like any other
 * failed sync. It must not look like a write that did not fit and may be tried again: so it is told as EIO.
 */
function sync(
  descriptor: number,
  call: (descriptor: number, done: (error: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    call(descriptor, (error) => {
      if (error === null) return resolve();
      const code = "code" in error ? error.code : undefined;
      if (code !== "ENOSPC" && code !== "EDQUOT") return reject(error);
      reject(diskError("EIO", `cannot make written data durable: ${error.message}`, error));
    });
  });
}
