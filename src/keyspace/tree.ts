/**
 * A copy-on-write B+tree from key to the key's newest record.
 *
 *                     ┌────────── g ───── p ──────────┐            inner: separators, children, live count
 *               ┌─ c ─ e ─┐        …             ┌─ s ─ w ─┐
 *             a b │ c d │ e f                  p r │ s t │ w z     leaves: records in order of key
 *
 * `clone()` costs nothing: both trees then copy a node before they first change it. So a snapshot is a clone that is
 * read in slices while writes go on, and pays only for the paths that the writes touch.
 *
 * Each node knows how many of its records are no tombstones: counting a range takes O(log n), and a walk over living
 * records passes dead subtrees in one step (a queue's consumed head would otherwise slow down each read of its front).
 *
 * Why not a Map beside it for single keys: it cannot be cloned, and costs 50 bytes a key to save a few hundred
 * nanoseconds.
 */
import { assert } from "../errors.ts";
import type { ByteString } from "../wire/kv.ts";
import type { KeyRecord } from "./record.ts";
import {
  childIndex,
  type Inner,
  insertAt,
  joinNodes,
  type Leaf,
  lowerBound,
  MAX_FANOUT,
  MIN_FANOUT,
  makeInner,
  makeLeaf,
  type Node,
  type Owner,
  ownedNode,
  removeAt,
  sizeOf,
  splitNode,
} from "./tree-node.ts";

/** Called with each record; false ends the walk. */
export type Visitor = (record: KeyRecord) => boolean;

export class Tree {
  #root: Node;
  #owner: Owner;
  #size: number;
  /** The path of the write under way: inner nodes from the root, and which child was taken. Kept to save allocation. */
  readonly #path: Inner[] = [];
  readonly #slots: number[] = [];
  /** Where `get` last found something: the `set` that mostly follows need not search again. */
  #foundIn: Leaf | null = null;
  #foundAt = 0;

  constructor() {
    this.#owner = {};
    this.#root = makeLeaf(this.#owner, [], []);
    this.#size = 0;
  }

  /** Records, tombstones among them. */
  get size(): number {
    return this.#size;
  }

  /** Records that are no tombstones. */
  get live(): number {
    return this.#root.live;
  }

  /** An independent tree with the same content. O(1). */
  clone(): Tree {
    const copy = new Tree();
    copy.#root = this.#root;
    copy.#size = this.#size;
    // The nodes belong to nobody now.
    this.#owner = {};
    return copy;
  }

  get(key: ByteString): KeyRecord | undefined {
    let node = this.#root;
    while (!node.leaf) node = node.children[childIndex(node.separators, key)] as Node;
    const at = lowerBound(node.keys, key);
    if (node.keys[at] !== key) return undefined;
    this.#foundIn = node;
    this.#foundAt = at;
    return node.records[at];
  }

  /** Puts a record in the place of the one with its key, or adds it. */
  set(record: KeyRecord): void {
    const found = this.#foundIn;
    if (found !== null && found.owner === this.#owner && found.keys[this.#foundAt] === record.key) {
      // A leaf of ours is in the tree: those that structural changes drop are forgotten there.
      const old = found.records[this.#foundAt] as KeyRecord;
      if (old.deleted === record.deleted) {
        found.records[this.#foundAt] = record;
        return;
      }
    }
    const leaf = this.#descend(record.key);
    const at = lowerBound(leaf.keys, record.key);
    let liveChange = record.deleted ? 0 : 1;
    if (leaf.keys[at] === record.key) {
      if (!(leaf.records[at] as KeyRecord).deleted) liveChange--;
      leaf.records[at] = record;
      if (liveChange !== 0) this.#count(leaf, liveChange);
      return;
    }
    insertAt(leaf.keys, at, record.key);
    insertAt(leaf.records, at, record);
    this.#size++;
    if (liveChange !== 0) this.#count(leaf, liveChange);
    if (leaf.records.length > MAX_FANOUT) this.#split(leaf, at);
  }

  /** Takes a record out. Returns whether it was there. */
  delete(key: ByteString): boolean {
    const record = this.get(key);
    if (record === undefined) return false;
    const leaf = this.#descend(key);
    const at = lowerBound(leaf.keys, key);
    removeAt(leaf.keys, at);
    removeAt(leaf.records, at);
    this.#size--;
    if (!record.deleted) this.#count(leaf, -1);
    if (leaf.records.length < MIN_FANOUT) this.#refill();
    return true;
  }

  /**
   * Visits records with `from` <= key < `to` (null: no end) in ascending order.
   * @param living pass over tombstones
   * @returns false if the visitor ended it
   */
  visit(from: ByteString, to: ByteString | null, living: boolean, visitor: Visitor): boolean {
    return ascend(this.#root, from, to, living, visitor);
  }

  /** As `visit`, from the largest key down. */
  visitDescending(from: ByteString, to: ByteString | null, living: boolean, visitor: Visitor): boolean {
    return descend(this.#root, from, to, living, visitor);
  }

  /** Walks over all records, tombstones among them, in ascending order. Good until the tree is next changed. */
  cursor(): TreeCursor {
    return new TreeCursor(this.#root);
  }

  /** Living records with `from` <= key < `to` (null: no end). O(log n). */
  count(from: ByteString, to: ByteString | null): number {
    const below = to === null ? this.#root.live : this.#rank(to);
    return Math.max(0, below - this.#rank(from));
  }

  /** Living records with a key below `key`. */
  #rank(key: ByteString): number {
    let node = this.#root;
    let rank = 0;
    while (!node.leaf) {
      const index = childIndex(node.separators, key);
      for (let i = 0; i < index; i++) rank += (node.children[i] as Node).live;
      node = node.children[index] as Node;
    }
    const end = lowerBound(node.keys, key);
    for (let i = 0; i < end; i++) if (!(node.records[i] as KeyRecord).deleted) rank++;
    return rank;
  }

  /** Finds the leaf for `key`, makes all nodes down to it ours, and notes the path. */
  #descend(key: ByteString): Leaf {
    const owner = this.#owner;
    let node = ownedNode(this.#root, owner);
    this.#root = node;
    let depth = 0;
    while (!node.leaf) {
      const index = childIndex(node.separators, key);
      const shared = node.children[index] as Node;
      const child = ownedNode(shared, owner);
      if (child !== shared) node.children[index] = child;
      this.#path[depth] = node;
      this.#slots[depth] = index;
      depth++;
      node = child;
    }
    this.#path.length = depth;
    return node;
  }

  #count(leaf: Leaf, change: number): void {
    leaf.live += change;
    for (const node of this.#path) node.live += change;
  }

  /** Splits the leaf that a record was added to at index `at`, and then its ancestors as far as needed. */
  #split(leaf: Leaf, at: number): void {
    this.#foundIn = null;
    const slots = this.#slots;
    const depth = this.#path.length;
    // Keys that only grow (numbered jobs, dates) would leave half-empty nodes behind: cut the newest off instead.
    let last = at === leaf.records.length - 1;
    for (let i = 0; last && i < depth; i++) last = slots[i] === (this.#path[i] as Inner).children.length - 1;
    let node: Node = leaf;
    for (let level = depth - 1; sizeOf(node) > MAX_FANOUT; level--) {
      const halves = splitNode(node, last ? MAX_FANOUT : sizeOf(node) >>> 1, this.#owner);
      if (level < 0) {
        this.#root = makeInner(this.#owner, [halves.separator], [halves.left, halves.right]);
        return;
      }
      const parent = this.#path[level] as Inner;
      const index = slots[level] as number;
      parent.children[index] = halves.left;
      insertAt(parent.children, index + 1, halves.right);
      insertAt(parent.separators, index, halves.separator);
      node = parent;
    }
  }

  /** Joins the small node at the end of the path with a neighbour, then its ancestors as far as needed. */
  #refill(): void {
    this.#foundIn = null;
    for (let level = this.#path.length - 1; level >= 0; level--) {
      const parent = this.#path[level] as Inner;
      const slot = this.#slots[level] as number;
      if (sizeOf(parent.children[slot] as Node) >= MIN_FANOUT) break;
      const left = slot > 0 ? slot - 1 : 0;
      const joined = joinNodes(
        parent.children[left] as Node,
        parent.separators[left] as ByteString,
        parent.children[left + 1] as Node,
        this.#owner,
      );
      if (sizeOf(joined) <= MAX_FANOUT) {
        parent.children[left] = joined;
        removeAt(parent.children, left + 1);
        removeAt(parent.separators, left);
      } else {
        const halves = splitNode(joined, sizeOf(joined) >>> 1, this.#owner);
        parent.children[left] = halves.left;
        parent.separators[left] = halves.separator;
        parent.children[left + 1] = halves.right;
      }
    }
    while (!this.#root.leaf && this.#root.children.length === 1) this.#root = this.#root.children[0] as Node;
  }

  /** Throws unless all that the drawing promises holds. For tests: it visits every node. */
  check(): void {
    const depths = new Set<number>();
    const size = checkNode(this.#root, "", null, 0, depths, true);
    assert(size === this.#size, `tree: size is ${this.#size}, but there are ${size} records`);
    assert(depths.size === 1, `tree: leaves at depths ${[...depths].join(", ")}`);
  }

  /** Builds a tree from records in ascending order of key, without a search for each. */
  static builder(): TreeBuilder {
    return new TreeBuilder((root, owner, size) => {
      const tree = new Tree();
      tree.#root = root;
      tree.#owner = owner;
      tree.#size = size;
      return tree;
    });
  }
}

/** A walk that can be interrupted: unlike `visit` it keeps its place between calls. */
export class TreeCursor {
  /** Nodes on the way to the next record, and the next child of each. */
  readonly #nodes: Inner[] = [];
  readonly #next: number[] = [];
  #leaf: Leaf;
  #at = 0;

  constructor(root: Node) {
    this.#leaf = this.#firstLeaf(root);
  }

  /** The next record, or null at the end. */
  next(): KeyRecord | null {
    for (;;) {
      const record = this.#leaf.records[this.#at];
      if (record !== undefined) {
        this.#at++;
        return record;
      }
      const depth = this.#nodes.length - 1;
      if (depth < 0) return null;
      const node = this.#nodes[depth] as Inner;
      const index = this.#next[depth] as number;
      if (index === node.children.length) {
        this.#nodes.pop();
        this.#next.pop();
      } else {
        this.#next[depth] = index + 1;
        this.#leaf = this.#firstLeaf(node.children[index] as Node);
        this.#at = 0;
      }
    }
  }

  #firstLeaf(from: Node): Leaf {
    let node = from;
    while (!node.leaf) {
      this.#nodes.push(node);
      this.#next.push(1);
      node = node.children[0] as Node;
    }
    return node;
  }
}

/** Takes records in strictly ascending order of key. */
export class TreeBuilder {
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

function ascend(node: Node, from: ByteString, to: ByteString | null, living: boolean, visitor: Visitor): boolean {
  if (living && node.live === 0) return true;
  if (!node.leaf) {
    const end = node.children.length;
    for (let i = childIndex(node.separators, from); i < end; i++) {
      if (to !== null && i > 0 && (node.separators[i - 1] as ByteString) >= to) return true;
      if (!ascend(node.children[i] as Node, from, to, living, visitor)) return false;
    }
    return true;
  }
  const { keys, records } = node;
  for (let i = lowerBound(keys, from); i < keys.length; i++) {
    if (to !== null && (keys[i] as ByteString) >= to) return true;
    const record = records[i] as KeyRecord;
    if (living && record.deleted) continue;
    if (!visitor(record)) return false;
  }
  return true;
}

function descend(node: Node, from: ByteString, to: ByteString | null, living: boolean, visitor: Visitor): boolean {
  if (living && node.live === 0) return true;
  if (!node.leaf) {
    const first = childIndex(node.separators, from);
    for (let i = to === null ? node.separators.length : childIndex(node.separators, to); i >= first; i--) {
      if (!descend(node.children[i] as Node, from, to, living, visitor)) return false;
    }
    return true;
  }
  const { keys, records } = node;
  for (let i = (to === null ? keys.length : lowerBound(keys, to)) - 1; i >= 0; i--) {
    if ((keys[i] as ByteString) < from) return true;
    const record = records[i] as KeyRecord;
    if (living && record.deleted) continue;
    if (!visitor(record)) return false;
  }
  return true;
}

/** Checks a subtree whose keys must lie in [`from`, `to`); returns its number of records. */
function checkNode(
  node: Node,
  from: ByteString,
  to: ByteString | null,
  depth: number,
  depths: Set<number>,
  root: boolean,
): number {
  assert(sizeOf(node) <= MAX_FANOUT, `tree: a node of ${sizeOf(node)}`);
  if (node.leaf) {
    depths.add(depth);
    let live = 0;
    for (const [i, record] of node.records.entries()) {
      const previous = node.records[i - 1];
      assert(previous === undefined || previous.key < record.key, "tree: a leaf out of order");
      assert(node.keys[i] === record.key, "tree: a leaf's keys are not those of its records");
      assert(record.key >= from && (to === null || record.key < to), "tree: a key on the wrong side of a separator");
      if (!record.deleted) live++;
    }
    assert(live === node.live, `tree: a leaf counts ${node.live} living records and has ${live}`);
    assert(node.keys.length === node.records.length, "tree: a leaf with more keys than records, or fewer");
    assert(root || node.records.length > 0, "tree: an empty leaf");
    return node.records.length;
  }
  assert(node.separators.length === node.children.length - 1, "tree: separators do not fit the children");
  assert(!root || node.children.length > 1, "tree: a root with one child");
  let size = 0;
  let live = 0;
  for (const [i, child] of node.children.entries()) {
    size += checkNode(child, node.separators[i - 1] ?? from, node.separators[i] ?? to, depth + 1, depths, false);
    live += child.live;
  }
  assert(live === node.live, `tree: an inner node counts ${node.live} living records and has ${live}`);
  return size;
}
