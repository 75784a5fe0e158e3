import type { SeededRandom } from "../consensus/random.ts";
import type { Inode } from "./inode.ts";

export type Node = Inode | Directory;

/** A creation, a removal or (both) a rename. */
interface NameChange {
  readonly gone: string | null;
  readonly come: string | null;
  readonly node: Node | null;
}

/** The names in a directory: those that programs see, and those that are durable. */
export class Directory {
  path: string;
  #names = new Map<string, Node>();
  readonly #durable = new Map<string, Node>();
  /** What `sync` will make durable, in order. */
  #pending: NameChange[] = [];

  constructor(path: string) {
    this.path = path;
  }

  get names(): ReadonlyMap<string, Node> {
    return this.#names;
  }

  get(name: string): Node | undefined {
    return this.#names.get(name);
  }

  add(name: string, node: Node): void {
    this.#change({ gone: null, come: name, node });
  }

  remove(name: string): void {
    this.#change({ gone: name, come: null, node: null });
  }

  /** One change: a crash leaves both or none. */
  rename(from: string, to: string): void {
    this.#change({ gone: from, come: to, node: this.#names.get(from) ?? null });
  }

  sync(): void {
    for (const change of this.#pending) carryOut(change, this.#durable);
    this.#pending = [];
  }

  /** Power is lost: of the changes that are not durable any may have happened. Settles all that is inside. */
  crash(random: SeededRandom): void {
    for (const change of this.#pending) if (random.chance(0.5)) carryOut(change, this.#durable);
    this.#pending = [];
    this.#names = new Map(this.#durable);
    for (const node of this.#names.values()) node.crash(random);
  }

  /** Puts a node onto the medium itself, behind everybody's back. */
  place(name: string, node: Node): void {
    this.#names.set(name, node);
    this.#durable.set(name, node);
  }

  /** Takes a name off the medium itself. */
  lose(name: string): void {
    this.#names.delete(name);
    this.#durable.delete(name);
    this.#pending = this.#pending.filter(({ come }) => come !== name);
  }

  #change(change: NameChange): void {
    carryOut(change, this.#names);
    this.#pending.push(change);
  }
}

function carryOut({ gone, come, node }: NameChange, names: Map<string, Node>): void {
  if (gone !== null) names.delete(gone);
  if (come !== null && node !== null) names.set(come, node);
}
