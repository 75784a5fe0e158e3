/**
 * A disk that loses exactly what a real one may lose, drawn from one seed.
 *
 * Paths are taken from the root, with or without a slash in front; `files` and the fault switches name them without.
 */
import type { SeededRandom } from "../consensus/random.ts";
import type { Disk } from "../environment.ts";
import { assert } from "../errors.ts";
import { Directory, type Node } from "./directory.ts";
import {
  DiskCall,
  type DiskDriver,
  type DiskLatency,
  type DiskOperation,
  type PendingCall,
  type Step,
} from "./disk-call.ts";
import { diskFault } from "./disk-fault.ts";
import { VirtualFile } from "./file.ts";
import { Inode } from "./inode.ts";
import type { VirtualProcess } from "./process.ts";
import type { Timeline } from "./timeline.ts";

export class VirtualDisk {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  /** Steps of operations begun since the start; `writeAndSync` has two. */
  operations = 0;
  latency: DiskLatency = { readMs: [0.02, 0.2], writeMs: [0.01, 0.1], syncMs: [0.1, 1] };
  /** Bytes that fit on the disk. */
  capacity: number = Number.POSITIVE_INFINITY;
  /** True: this operation rejects with EIO; of a sync, the unsynced bytes are lost. */
  fails: (operation: DiskOperation, path: string) => boolean = () => false;
  /** Whether the operation waits for `unhang`. */
  hangs: (operation: DiskOperation, path: string) => boolean = () => false;
  /** Bytes to add to the offset of a write that goes astray. */
  misdirects: (path: string, offset: number) => number = () => 0;
  /** Called when an operation has begun, done or not: here a test may crash the machine. */
  onOperation: (number: number, operation: DiskOperation, path: string) => void = () => undefined;
  readonly #root = new Directory("");
  readonly #locks = new Map<string, VirtualProcess>();
  readonly #driver: DiskDriver;
  #used = 0;
  #hung: PendingCall[] = [];

  constructor(timeline: Timeline, random: SeededRandom) {
    this.timeline = timeline;
    this.random = random;
    this.#driver = {
      timeline,
      random,
      arrives: (call) => {
        this.operations++;
        const waits = this.hangs(call.operation, call.path);
        if (waits) this.#hung.push(call);
        return waits;
      },
      faultOf: (call) => {
        if (!this.fails(call.operation, call.path)) return null;
        if (call.operation === "sync") this.#dropPages(call.path);
        return diskFault("EIO", `input/output error on ${call.path}`);
      },
      begun: (call) => this.onOperation(this.operations, call.operation, call.path),
    };
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** Paths of all files that programs see, in the order in which they got there. */
  get files(): string[] {
    const found: string[] = [];
    visitFiles(this.#root, (inode) => found.push(inode.path));
    return found;
  }

  /** A copy of what readers see. */
  contentOf(path: string): Uint8Array {
    const inode = this.#file(path);
    const content = new Uint8Array(inode.size);
    inode.read(content, 0);
    return content;
  }

  /** Changes a file on the medium itself, behind everybody's back. */
  alter(path: string, change: (content: Uint8Array) => void): void {
    this.#file(path).alter(change);
  }

  /** Puts a file onto the medium itself, with the directories it needs. */
  place(path: string, content: Uint8Array): void {
    const names = split(path);
    const name = names.pop();
    assert(name !== undefined, "a file needs a name to be placed");
    let directory = this.#root;
    for (const part of names) {
      const found = directory.get(part);
      assert(found === undefined || found instanceof Directory, `${path} leads through a file: ${part}`);
      const next = found ?? new Directory(below(directory, part));
      directory.place(part, next);
      directory = next;
    }
    const inode = new Inode(below(directory, name));
    inode.place(content);
    directory.place(name, inode);
    this.#recount();
  }

  /** Takes a file, or a directory, off the medium itself. */
  lose(path: string): void {
    const { directory, name } = this.#parent(path);
    const node = directory.get(name);
    directory.lose(name);
    if (node !== undefined) this.#unlink(node);
  }

  /** Lets go of what hangs, or of a part of it. */
  unhang(isMeant: (operation: DiskOperation, path: string) => boolean = () => true): void {
    const hung = this.#hung;
    this.#hung = hung.filter(({ operation, path }) => !isMeant(operation, path));
    for (const call of hung) if (call.process.alive && isMeant(call.operation, call.path)) call.proceed();
  }

  /** Power is lost: what is not durable is lost or torn. Whoever used the disk must be dead. */
  crash(): void {
    this.#hung = [];
    this.#root.crash(this.random);
    this.#recount();
  }

  /** How many of the bytes by which a file is to grow fit. */
  roomFor(inode: Inode, growth: number): number {
    if (!inode.linked || growth === 0) return growth;
    return Math.min(growth, Math.max(0, this.capacity - this.#used));
  }

  /** A file's size has changed. */
  resized(inode: Inode, growth: number): void {
    if (inode.linked) this.#used += growth;
  }

  /** Starts an operation. */
  run<T>(process: VirtualProcess, path: string, first: Step<T>): Promise<T>;
  run<T>(process: VirtualProcess, path: string, first: Step<unknown>, last: Step<T>): Promise<T>;
  run<T>(process: VirtualProcess, path: string, first: Step<T>, last: Step<T> | null = null): Promise<T> {
    const call = new DiskCall<T>(this.#driver, process, path, first, last);
    call.begin();
    return call.promise;
  }

  /** The disk as one process sees it, as long as it lives. */
  attach(process: VirtualProcess): Disk {
    const run = <T>(operation: DiskOperation, path: string, work: () => T): Promise<T> => {
      const delay = this.latency[operation === "sync" ? "syncMs" : "readMs"];
      const name = PLAIN.test(path) ? path : plainNames(path).join("/");
      return this.run(process, name, { operation, delay, work });
    };
    return {
      open: (path, mode) => run("open", path, () => new VirtualFile(this, process, path, this.#open(path, mode), mode)),
      list: (path) => run("list", path, () => [...this.#directory(path).names.keys()].sort()),
      makeDirectory: (path) => run("open", path, () => this.#makeDirectory(path)),
      rename: (from, to) => run("rename", from, () => this.#rename(from, to)),
      remove: (path) => run("remove", path, () => this.#remove(path)),
      syncDirectory: (path) => run("sync", path, () => this.#directory(path).sync()),
      lock: (path) => run("lock", path, () => this.#lock(this.#directory(path).path, process)),
    };
  }

  #open(path: string, mode: "read" | "write" | "create"): Inode {
    const { directory, name } = this.#parent(path);
    const node = directory.get(name);
    if (node instanceof Directory) throw diskFault("EISDIR", `${path} is a directory`);
    if (node !== undefined) {
      if (mode === "create") throw diskFault("EEXIST", `${path} exists`);
      return node;
    }
    if (mode === "read") throw diskFault("ENOENT", `there is no ${path}`);
    const made = new Inode(below(directory, name));
    directory.add(name, made);
    return made;
  }

  #makeDirectory(path: string): void {
    let directory = this.#root;
    for (const name of split(path)) {
      const found = directory.get(name);
      if (found instanceof Inode) throw diskFault("ENOTDIR", `${found.path} is no directory`);
      const next = found ?? new Directory(below(directory, name));
      if (found === undefined) directory.add(name, next);
      directory = next;
    }
  }

  #rename(from: string, to: string): void {
    const source = this.#parent(from);
    const target = this.#parent(to);
    const node = source.directory.get(source.name);
    if (node === undefined) throw diskFault("ENOENT", `there is no ${from}`);
    if (source.directory !== target.directory) {
      throw diskFault("EXDEV", `${from} cannot become ${to}: this disk renames within a directory only`);
    }
    const replaced = target.directory.get(target.name);
    if (replaced === node) return;
    if (replaced instanceof Directory || (replaced !== undefined && node instanceof Directory)) {
      throw diskFault("EISDIR", `${to} is in the way of ${from}`);
    }
    if (replaced !== undefined) this.#unlink(replaced);
    source.directory.rename(source.name, target.name);
    rename(node, below(target.directory, target.name));
  }

  #remove(path: string): void {
    const parent = this.#find(split(path).slice(0, -1));
    if (!(parent instanceof Directory)) return;
    const name = split(path).at(-1) ?? "";
    const node = parent.get(name);
    if (node === undefined) return;
    parent.remove(name);
    this.#unlink(node);
  }

  #lock(path: string, process: VirtualProcess): { release(): Promise<void> } {
    if (this.#locks.get(path)?.alive) throw diskFault("EBUSY", `${path} is in use by another process`);
    this.#locks.set(path, process);
    return {
      release: () => {
        if (this.#locks.get(path) === process) this.#locks.delete(path);
        return Promise.resolve();
      },
    };
  }

  /** No name leads to it any more. */
  #unlink(node: Node): void {
    const free = (inode: Inode): void => {
      this.#used -= inode.size;
      inode.linked = false;
    };
    if (node instanceof Inode) free(node);
    else visitFiles(node, free);
  }

  #recount(): void {
    this.#used = 0;
    for (const [name, node] of this.#root.names) rename(node, name);
    visitFiles(this.#root, (inode) => {
      inode.linked = true;
      this.#used += inode.size;
    });
  }

  #dropPages(path: string): void {
    const node = this.#find(split(path));
    if (node instanceof Inode) node.forget();
  }

  #directory(path: string): Directory {
    const node = this.#find(split(path));
    if (node instanceof Inode) throw diskFault("ENOTDIR", `${path} is no directory`);
    if (node === undefined) throw diskFault("ENOENT", `there is no directory ${path}`);
    return node;
  }

  #parent(path: string): { directory: Directory; name: string } {
    const names = split(path);
    const name = names.pop();
    if (name === undefined) throw diskFault("EISDIR", `${path} is the root`);
    return { directory: this.#directory(names.join("/")), name };
  }

  #find(names: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of names) node = node instanceof Directory ? node.get(name) : undefined;
    return node;
  }

  #file(path: string): Inode {
    const node = this.#find(split(path));
    assert(node instanceof Inode, `there is no file ${path} on the disk`);
    return node;
  }
}

/** @throws DiskError for a path that climbs up: nothing here needs one. */
function split(path: string): string[] {
  const names = plainNames(path);
  if (names.includes("..")) throw diskFault("EINVAL", `${path} climbs up: name the place from the root`);
  return names;
}

/** Nothing to leave out: no empty name, no name that is a dot. */
const PLAIN = /^[^/.][^/]*(?:\/[^/.][^/]*)*$/;

function plainNames(path: string): string[] {
  const names = path.split("/");
  return PLAIN.test(path) ? names : names.filter((name) => name !== "" && name !== ".");
}

function below(directory: Directory, name: string): string {
  return directory.path === "" ? name : `${directory.path}/${name}`;
}

function rename(node: Node, path: string): void {
  node.path = path;
  if (node instanceof Directory) for (const [name, inner] of node.names) rename(inner, `${path}/${name}`);
}

function visitFiles(directory: Directory, visit: (inode: Inode) => void): void {
  for (const node of directory.names.values()) {
    if (node instanceof Inode) visit(node);
    else visitFiles(node, visit);
  }
}
