/**
 * A disk that loses exactly what a real one may lose, drawn from one seed.
 *
 * Each file has two contents: what readers see (the page cache) and what is durable. A crash keeps, of every 512-byte
 * sector that was not synced, the old or the new bytes, whichever the seed says, and does likewise for every creation,
 * rename and removal in a directory that was not synced. Faults are set from outside: a sync that fails once and
 * succeeds later (having dropped its pages), no room, a write that hangs, one that lands elsewhere, bits that rot.
 */
import type { Disk, DiskError, DiskFile } from "../../environment.ts";
import { assert } from "../../errors.ts";

const sectorBytes = 512;
/** The most microtasks an operation takes, so that operations overtake each other. */
const longestTicks = 4;

interface Inode {
  readonly kind: "file";
  content: Buffer;
  durable: Buffer;
  readonly dirty: Set<number>;
}

interface Directory {
  readonly kind: "directory";
}

type Node = Inode | Directory;
type Names = Map<string, Node>;

/** A creation, rename or removal that is not durable yet. */
type NameChange = (names: Names) => void;

export type Operation =
  | "open"
  | "list"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "close"
  | "rename"
  | "remove"
  | "lock";

export class SimulatedDisk {
  /** Uniform in [0, 1). */
  readonly #random: () => number;
  readonly #names: Names = new Map([[".", { kind: "directory" }]]);
  readonly #durable: Names = new Map(this.#names);
  readonly #pending = new Map<string, NameChange[]>();
  readonly #locks = new Set<string>();
  #life = 0;
  #released: Promise<void> = Promise.resolve();

  /** Operations begun since the start. */
  operations = 0;
  /** Called before each operation with its number; true: the machine crashes now. */
  crashWhen: (operation: number) => boolean = () => false;
  /** Bytes that fit on the disk. */
  capacity: number = Number.POSITIVE_INFINITY;
  /** True: this operation rejects with EIO; of a sync, the unsynced bytes are lost. */
  fails: (operation: Operation, path: string) => boolean = () => false;
  /** Bytes to add to the offset of a write that goes astray. */
  misdirects: (path: string, offset: number) => number = () => 0;
  /** Whether the operation waits for `unhang`. */
  hangs: (operation: Operation, path: string) => boolean = () => false;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Bytes in use. */
  get used(): number {
    let sum = 0;
    for (const node of this.#names.values()) if (node.kind === "file") sum += node.content.length;
    return sum;
  }

  /** Paths of all files, as seen by readers. */
  get files(): string[] {
    return [...this.#names].filter(([, node]) => node.kind === "file").map(([path]) => path);
  }

  contentOf(path: string): Buffer {
    return Buffer.from(this.#file(path).content);
  }

  /** Changes a file on the medium itself, behind everybody's back. */
  alter(path: string, change: (content: Buffer) => void): void {
    const inode = this.#file(path);
    change(inode.content);
    change(inode.durable);
  }

  /** Removes a file, or a directory, on the medium itself. */
  lose(path: string): void {
    for (const names of [this.#names, this.#durable]) {
      for (const name of names.keys()) if (name === path || name.startsWith(`${path}/`)) names.delete(name);
    }
  }

  /** Puts a file onto the medium itself. */
  place(path: string, content: Uint8Array): void {
    const parts = path.split("/");
    for (let at = 1; at < parts.length; at++) {
      for (const names of [this.#names, this.#durable]) names.set(parts.slice(0, at).join("/"), { kind: "directory" });
    }
    const inode: Inode = {
      kind: "file",
      content: Buffer.from(content),
      durable: Buffer.from(content),
      dirty: new Set(),
    };
    for (const names of [this.#names, this.#durable]) names.set(path, inode);
  }

  /** Lets go of what hangs. */
  unhang: () => void = () => undefined;

  /** The machine loses power: whoever used the disk never hears of it again. */
  crash(): void {
    this.#life++;
    this.#locks.clear();
    for (const changes of this.#pending.values()) {
      for (const change of changes) if (this.#random() < 0.5) change(this.#durable);
    }
    this.#pending.clear();
    for (const [path, node] of this.#durable) {
      if (!this.#durable.has(parentOf(path))) this.#durable.delete(path);
      if (node.kind === "file") this.#settle(node);
    }
    this.#names.clear();
    for (const [path, node] of this.#durable) this.#names.set(path, node);
  }

  /** The disk as a process sees it until the next crash. */
  attach(): Disk {
    const life = this.#life;
    const run = <T>(operation: Operation, path: string, work: () => T): Promise<T> =>
      this.#run(life, operation, path, work);
    return {
      open: (path, mode) =>
        run("open", path, () => {
          let node = this.#names.get(path);
          if (node === undefined) {
            if (mode === "read") throw fault("ENOENT", `there is no ${path}`);
            this.#checkDirectory(parentOf(path));
            const made: Inode = { kind: "file", content: Buffer.alloc(0), durable: Buffer.alloc(0), dirty: new Set() };
            node = made;
            this.#changeNames(parentOf(path), (names) => names.set(path, made));
          } else if (mode === "create") {
            throw fault("EEXIST", `${path} exists`);
          }
          if (node.kind !== "file") throw fault("EISDIR", `${path} is a directory`);
          return this.#open(run, path, node, mode !== "read");
        }),
      list: (directory) =>
        run("list", directory, () => {
          this.#checkDirectory(directory);
          const inside = [...this.#names.keys()].filter((path) => path !== "." && parentOf(path) === directory);
          return inside.map((path) => path.slice(directory === "." ? 0 : directory.length + 1)).sort();
        }),
      makeDirectory: (directory) =>
        run("open", directory, () => {
          const parts = directory.split("/");
          for (let at = 1; at <= parts.length; at++) {
            const path = parts.slice(0, at).join("/");
            if (!this.#names.has(path)) {
              this.#changeNames(parentOf(path), (names) => names.set(path, { kind: "directory" }));
            }
          }
        }),
      rename: (from, to) =>
        run("rename", from, () => {
          const node = this.#names.get(from);
          if (node === undefined) throw fault("ENOENT", `there is no ${from}`);
          assert(parentOf(from) === parentOf(to), "only renames within a directory are simulated");
          this.#changeNames(parentOf(from), (names) => {
            names.delete(from);
            names.set(to, node);
          });
        }),
      remove: (path) =>
        run("remove", path, () => {
          if (!this.#names.has(path)) return;
          this.#changeNames(parentOf(path), (names) => {
            for (const name of names.keys()) if (name === path || name.startsWith(`${path}/`)) names.delete(name);
          });
        }),
      syncDirectory: (directory) =>
        run("sync", directory, () => {
          this.#checkDirectory(directory);
          for (const change of this.#pending.get(directory) ?? []) change(this.#durable);
          this.#pending.delete(directory);
        }),
      lock: (directory) =>
        run("lock", directory, () => {
          if (this.#locks.has(directory)) throw fault("EBUSY", `${directory} is in use`);
          this.#locks.add(directory);
          return {
            release: async () => {
              if (life === this.#life) this.#locks.delete(directory);
            },
          };
        }),
    };
  }

  #open(
    run: <T>(operation: Operation, path: string, work: () => T) => Promise<T>,
    path: string,
    inode: Inode,
    writable: boolean,
  ): DiskFile {
    let isOpen = true;
    const doing = <T>(operation: Operation, work: () => T): Promise<T> =>
      run(operation, this.#nameOf(inode) ?? path, () => {
        if (!isOpen) throw fault("EBADF", `${path} is closed`);
        return work();
      });
    const write = (pieces: readonly Uint8Array[], offset: number): void => {
      if (!writable) throw fault("EBADF", `${path} was opened for reading`);
      this.#write(inode, Buffer.concat(pieces), offset + this.misdirects(this.#nameOf(inode) ?? path, offset));
    };
    const file: DiskFile = {
      path,
      size: () => doing("read", () => inode.content.length),
      read: (into, offset) => doing("read", () => inode.content.copy(into, 0, offset, offset + into.length)),
      write: (pieces, offset) => doing("write", () => write(pieces, offset)),
      sync: () => doing("sync", () => sync(inode)),
      writeAndSync: async (pieces, offset) => {
        await file.write(pieces, offset);
        await file.sync();
      },
      truncate: (size) =>
        doing("truncate", () => {
          const content = Buffer.alloc(size);
          inode.content.copy(content);
          for (
            let at = Math.min(size, inode.content.length);
            at < Math.max(size, inode.content.length);
            at += sectorBytes
          ) {
            inode.dirty.add(Math.floor(at / sectorBytes));
          }
          inode.content = content;
        }),
      close: () =>
        doing("close", () => {
          isOpen = false;
        }),
    };
    return file;
  }

  async #run<T>(life: number, operation: Operation, path: string, work: () => T): Promise<T> {
    const number = ++this.operations;
    const lost = (): boolean => life !== this.#life;
    if (!lost() && this.crashWhen(number)) {
      // What the operation does may have reached the page cache, and from there the medium.
      if (this.#random() < 0.5 && operation !== "sync") attempt(work);
      this.crash();
    }
    if (lost()) return new Promise<never>(() => undefined);
    if (this.hangs(operation, path)) {
      this.#released = new Promise((resolve) => {
        const before = this.unhang;
        this.unhang = () => {
          before();
          resolve();
        };
      });
      await this.#released;
    }
    for (let ticks = Math.floor(this.#random() * longestTicks); ticks > 0; ticks--) await Promise.resolve();
    if (lost()) return new Promise<never>(() => undefined);
    if (this.fails(operation, path)) {
      const node = this.#names.get(path);
      // As Linux does: the pages are clean now, the next sync has nothing to do and succeeds.
      if (operation === "sync" && node?.kind === "file") node.dirty.clear();
      throw fault("EIO", `input/output error on ${path}`);
    }
    return work();
  }

  #write(inode: Inode, bytes: Buffer, offset: number): void {
    const growth = Math.max(0, offset + bytes.length - inode.content.length);
    if (this.used + growth > this.capacity) {
      // A part of it may have been written.
      const fitting = Math.max(0, bytes.length - (this.used + growth - this.capacity));
      put(inode, bytes.subarray(0, Math.floor(this.#random() * (fitting + 1))), offset);
      throw fault("ENOSPC", "no space left on the device");
    }
    put(inode, bytes, offset);
  }

  /** What a crash leaves of a file. */
  #settle(inode: Inode): void {
    const { content, durable } = inode;
    const size = content.length !== durable.length && this.#random() < 0.5 ? durable.length : content.length;
    const left = Buffer.alloc(inode.dirty.size === 0 ? durable.length : size);
    durable.copy(left);
    for (const sector of inode.dirty) {
      const at = sector * sectorBytes;
      if (at < left.length && at < content.length && this.#random() < 0.5) {
        left.fill(0, at, Math.min(left.length, at + sectorBytes));
        content.copy(left, at, at, at + sectorBytes);
      }
    }
    inode.dirty.clear();
    inode.content = left;
    inode.durable = Buffer.from(left);
  }

  #changeNames(directory: string, change: NameChange): void {
    change(this.#names);
    const pending = this.#pending.get(directory);
    if (pending === undefined) this.#pending.set(directory, [change]);
    else pending.push(change);
  }

  #checkDirectory(path: string): void {
    if (this.#names.get(path)?.kind !== "directory") throw fault("ENOENT", `there is no directory ${path}`);
  }

  /** What an open file is called now; null if it was removed. */
  #nameOf(inode: Inode): string | null {
    for (const [path, node] of this.#names) if (node === inode) return path;
    return null;
  }

  #file(path: string): Inode {
    const node = this.#names.get(path);
    assert(node?.kind === "file", `there is no file ${path}`);
    return node;
  }
}

function put(inode: Inode, bytes: Buffer, offset: number): void {
  if (bytes.length === 0) return;
  const end = offset + bytes.length;
  if (end > inode.content.length) {
    const grown = Buffer.alloc(end);
    inode.content.copy(grown);
    for (let at = inode.content.length; at < end; at += sectorBytes) inode.dirty.add(Math.floor(at / sectorBytes));
    inode.content = grown;
  }
  bytes.copy(inode.content, offset);
  for (let sector = Math.floor(offset / sectorBytes); sector * sectorBytes < end; sector++) inode.dirty.add(sector);
}

function sync(inode: Inode): void {
  if (inode.durable.length !== inode.content.length) {
    const durable = Buffer.alloc(inode.content.length);
    inode.durable.copy(durable);
    inode.durable = durable;
  }
  for (const sector of inode.dirty) {
    // A sector behind the end was cut off since.
    if (sector * sectorBytes >= inode.content.length) continue;
    inode.content.copy(inode.durable, sector * sectorBytes, sector * sectorBytes, (sector + 1) * sectorBytes);
  }
  inode.dirty.clear();
}

function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? "." : path.slice(0, at);
}

function attempt(work: () => unknown): void {
  try {
    work();
  } catch {
    // The machine is gone before it could say so.
  }
}

function fault(code: string, message: string): DiskError {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
