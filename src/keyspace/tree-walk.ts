/** Ways through the nodes of a tree that change nothing. */
import { assert, InvariantViolation } from "../errors.ts";
import type { ByteString } from "../wire/kv.ts";
import type { KeyRecord } from "./record.ts";
import { childIndex, type Inner, type Leaf, lowerBound, MAX_FANOUT, type Node, sizeOf } from "./tree-node.ts";

/** Called with each record; false ends the walk. */
export type Visitor = (record: KeyRecord) => boolean;

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

/** Visits the living (or all) records of a subtree with `from` <= key < `to` in order. False: the visitor ended it. */
export function ascend(
  node: Node,
  from: ByteString,
  to: ByteString | null,
  living: boolean,
  visitor: Visitor,
): boolean {
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

/** As `ascend`, from the largest key down. */
export function descend(
  node: Node,
  from: ByteString,
  to: ByteString | null,
  living: boolean,
  visitor: Visitor,
): boolean {
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
export function checkNode(
  node: Node,
  from: ByteString,
  to: ByteString | null,
  depth: number,
  depths: Set<number>,
  root: boolean,
): number {
  if (sizeOf(node) > MAX_FANOUT) throw new InvariantViolation(`tree: a node of ${sizeOf(node)}`);
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
    if (live !== node.live)
      throw new InvariantViolation(`tree: a leaf counts ${node.live} living records and has ${live}`);
    assert(node.keys.length === node.records.length, "tree: a leaf with more keys than records, or fewer");
    assert(root || node.records.length > 0, "tree: an empty leaf");
    return node.records.length;
  }
  assert(node.separators.length === node.children.length - 1, "tree: separators do not fit the children");
  assert(node.children.length > 1, "tree: an inner node with one child");
  let size = 0;
  let live = 0;
  for (const [i, child] of node.children.entries()) {
    size += checkNode(child, node.separators[i - 1] ?? from, node.separators[i] ?? to, depth + 1, depths, false);
    live += child.live;
  }
  if (live !== node.live)
    throw new InvariantViolation(`tree: an inner node counts ${node.live} living records and has ${live}`);
  return size;
}
