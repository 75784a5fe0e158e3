/**
 * The nodes of the tree, and the steps that concern one node or two neighbours. `tree.ts` says how they make a tree.
 *
 * A node belongs to one `owner`, a token held by exactly one tree. Only a tree with the same token may change it; all
 * others see it as frozen and copy it first. So a clone is two new tokens, and nothing is visited.
 */
import type { ByteString } from "../wire/kv.ts";
import type { KeyRecord } from "./record.ts";

/** Entries of a leaf and children of an inner node, at most. Measured on 1 M keys: 64 inserts a third slower. */
export const MAX_FANOUT = 32;

/** A node with fewer takes from, or is merged with, a neighbour. */
export const MIN_FANOUT = 8;

/** Who may change a node. Compared by identity only. */
export type Owner = object;

export interface Leaf {
  readonly leaf: true;
  readonly owner: Owner;
  /** Sorted. The keys of `records` once more: a search that had to go through each record takes a quarter longer. */
  readonly keys: ByteString[];
  readonly records: KeyRecord[];
  /** How many of them are no tombstones. */
  live: number;
}

export interface Inner {
  readonly leaf: false;
  readonly owner: Owner;
  /** One less than children. Keys in `children[i]` are below `separators[i]`, those in `children[i + 1]` are not. */
  readonly separators: ByteString[];
  readonly children: Node[];
  /** Sum over the children. */
  live: number;
}

export type Node = Leaf | Inner;

export function makeLeaf(owner: Owner, keys: ByteString[], records: KeyRecord[]): Leaf {
  let live = 0;
  for (const record of records) if (!record.deleted) live++;
  return { leaf: true, owner, keys, records, live };
}

export function makeInner(owner: Owner, separators: ByteString[], children: Node[]): Inner {
  let live = 0;
  for (const child of children) live += child.live;
  return { leaf: false, owner, separators, children, live };
}

/** The node itself if `owner` may change it, else a copy that it may. */
export function ownedNode(node: Node, owner: Owner): Node {
  if (node.owner === owner) return node;
  return node.leaf
    ? { leaf: true, owner, keys: node.keys.slice(), records: node.records.slice(), live: node.live }
    : { leaf: false, owner, separators: node.separators.slice(), children: node.children.slice(), live: node.live };
}

/** Where the first key >= `key` is, or would be. */
export function lowerBound(keys: readonly ByteString[], key: ByteString): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as ByteString) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Which child holds `key`: the number of separators <= `key`. */
export function childIndex(separators: readonly ByteString[], key: ByteString): number {
  let low = 0;
  let high = separators.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((separators[middle] as ByteString) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts `value` at `index`, as `splice` does, without the array that `splice` makes. */
export function insertAt<T>(array: T[], index: number, value: T): void {
  array.push(value);
  for (let i = array.length - 1; i > index; i--) array[i] = array[i - 1] as T;
  array[index] = value;
}

/** Takes out the element at `index`. */
export function removeAt<T>(array: T[], index: number): void {
  for (let i = index + 1; i < array.length; i++) array[i - 1] = array[i] as T;
  array.pop();
}

/** A node cut in two, and the smallest key of the right half. */
export interface Halves {
  readonly left: Node;
  readonly separator: ByteString;
  readonly right: Node;
}

/** Cuts a node before entry (or child) `at`. Both halves are new: arrays without spare room, which saves memory. */
export function splitNode(node: Node, at: number, owner: Owner): Halves {
  if (node.leaf) {
    return {
      left: makeLeaf(owner, node.keys.slice(0, at), node.records.slice(0, at)),
      separator: node.keys[at] as ByteString,
      right: makeLeaf(owner, node.keys.slice(at), node.records.slice(at)),
    };
  }
  return {
    left: makeInner(owner, node.separators.slice(0, at - 1), node.children.slice(0, at)),
    separator: node.separators[at - 1] as ByteString,
    right: makeInner(owner, node.separators.slice(at), node.children.slice(at)),
  };
}

/** Two neighbours of one height as one node, which may be too large. `separator` is the one between them. */
export function joinNodes(left: Node, separator: ByteString, right: Node, owner: Owner): Node {
  if (left.leaf) {
    const leaf = right as Leaf;
    return makeLeaf(owner, left.keys.concat(leaf.keys), left.records.concat(leaf.records));
  }
  const inner = right as Inner;
  return makeInner(owner, left.separators.concat(separator, inner.separators), left.children.concat(inner.children));
}

/** Entries of a leaf, children of an inner node. */
export function sizeOf(node: Node): number {
  return node.leaf ? node.records.length : node.children.length;
}
