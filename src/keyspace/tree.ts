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
import { InvariantViolation } from "../errors.ts";
import type { ByteString } from "../wire/kv.ts";
import type { KeyRecord } from "./record.ts";
import { TreeBuilder } from "./tree-builder.ts";
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
import { ascend, checkNode, descend, TreeCursor, type Visitor } from "./tree-walk.ts";

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
      // An inner node keeps two children at least: a child alone would have no neighbour to join.
      const newest = node.leaf ? 1 : 2;
      const halves = splitNode(node, last ? sizeOf(node) - newest : sizeOf(node) >>> 1, this.#owner);
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
    if (size !== this.#size) throw new InvariantViolation(`tree: size is ${this.#size}, but there are ${size} records`);
    if (depths.size !== 1) throw new InvariantViolation(`tree: leaves at depths ${[...depths].join(", ")}`);
  }

  /** Builds a tree from records in ascending order of key, without a search for each. */
  static builder(): TreeBuilder<Tree> {
    return new TreeBuilder((root, owner, size) => {
      const tree = new Tree();
      tree.#root = root;
      tree.#owner = owner;
      tree.#size = size;
      return tree;
    });
  }
}
