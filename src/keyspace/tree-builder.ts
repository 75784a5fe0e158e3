/** Builds the nodes of a tree from the leaves up. */
import type { ByteString } from "../wire/kv.ts";
import type { KeyRecord } from "./record.ts";
import { MAX_FANOUT, makeInner, makeLeaf, type Node, type Owner } from "./tree-node.ts";

/** Takes records in strictly ascending order of key. */
export class TreeBuilder<Tree> {
  readonly #owner: Owner = {};
  readonly #make: (root: Node, owner: Owner, size: number) => Tree;
  readonly #leaves: Node[] = [];
  readonly #separators: ByteString[] = [];
  #keys: ByteString[] = [];
  #records: KeyRecord[] = [];
  #size = 0;
  #last: KeyRecord | null = null;

  constructor(make: (root: Node, owner: Owner, size: number) => Tree) {
    this.#make = make;
  }

  /** Returns false, and takes nothing, if the key is not above the last one. */
  push(record: KeyRecord): boolean {
    if (this.#last !== null && !(this.#last.key < record.key)) return false;
    this.#last = record;
    // Some room stays in each leaf, so that the first writes do not split all of them.
    if (this.#records.length === MAX_FANOUT - MAX_FANOUT / 8) this.#closeLeaf();
    this.#keys.push(record.key);
    this.#records.push(record);
    this.#size++;
    return true;
  }

  #closeLeaf(): void {
    const first = this.#keys[0];
    if (first === undefined) return;
    if (this.#leaves.length > 0) this.#separators.push(first);
    this.#leaves.push(makeLeaf(this.#owner, this.#keys, this.#records));
    this.#keys = [];
    this.#records = [];
  }

  finish(): Tree {
    this.#closeLeaf();
    let nodes = this.#leaves;
    let separators = this.#separators;
    if (nodes.length === 0) nodes = [makeLeaf(this.#owner, [], [])];
    while (nodes.length > 1) {
      const parents: Node[] = [];
      const above: ByteString[] = [];
      // Even shares, so that no node is left with too few.
      const groups = Math.ceil(nodes.length / MAX_FANOUT);
      for (let group = 0; group < groups; group++) {
        const from = Math.floor((group * nodes.length) / groups);
        const to = Math.floor(((group + 1) * nodes.length) / groups);
        if (group > 0) above.push(separators[from - 1] as ByteString);
        parents.push(makeInner(this.#owner, separators.slice(from, to - 1), nodes.slice(from, to)));
      }
      nodes = parents;
      separators = above;
    }
    return this.#make(nodes[0] as Node, this.#owner, this.#size);
  }
}
