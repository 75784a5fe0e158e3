/**
 * Which intervals hold a key? A balanced (AVL) tree of half-open intervals of byte strings, in the order of their
 * starts, where each node knows the furthest end below it.
 *
 *                    [d, k) furthest z
 *                   /                 \
 *        [a, c) furthest c       [f, z) furthest z
 *
 * Looking for "x", the left half is passed over at once: nothing there reaches beyond "c". Only one path is walked
 * on which nothing may be found; every other subtree entered holds at least one interval with the key.
 */
import type { ByteString } from "../wire/kv.ts";
import { addToGroup, forEachInGroup, type Group, groupHas, removeFromGroup } from "./interval-group.ts";

/** An exclusive end; null: unbounded. */
export type IntervalEnd = ByteString | null;

interface Node<T extends object> {
  readonly from: ByteString;
  readonly to: IntervalEnd;
  group: Group<T>;
  left: Node<T> | null;
  right: Node<T> | null;
  height: number;
  /** The furthest `to` in this subtree. */
  furthest: IntervalEnd;
}

export class IntervalTree<T extends object> {
  #root: Node<T> | null = null;
  #nodes = 0;

  /** Different intervals held, each with one or more values. */
  get intervals(): number {
    return this.#nodes;
  }

  /** Adds a value at [from, to). The same value at the same interval twice counts once. O(log n). */
  insert(from: ByteString, to: IntervalEnd, value: T): void {
    this.#root = this.#insert(this.#root, from, to, value);
  }

  /** Takes a value out again; false if it was not there. O(log n). */
  remove(from: ByteString, to: IntervalEnd, value: T): boolean {
    let node = this.#root;
    for (;;) {
      if (node === null) return false;
      const order = compare(from, to, node);
      if (order === 0) break;
      node = order < 0 ? node.left : node.right;
    }
    if (!groupHas(node.group, value)) return false;
    const rest = removeFromGroup(node.group, value);
    if (rest === undefined) {
      this.#root = unlink(this.#root, from, to);
      this.#nodes -= 1;
    } else {
      node.group = rest;
    }
    return true;
  }

  /**
   * Calls `visit` for each value whose interval holds `key`. The tree must not be changed meanwhile.
   * @returns the number of nodes looked at: about log n plus a few for each interval found.
   */
  stab(key: ByteString, visit: (value: T) => void): number {
    return stab(this.#root, key, visit);
  }

  #insert(node: Node<T> | null, from: ByteString, to: IntervalEnd, value: T): Node<T> {
    if (node === null) {
      this.#nodes += 1;
      return { from, to, group: value, left: null, right: null, height: 1, furthest: to };
    }
    const order = compare(from, to, node);
    if (order === 0) {
      node.group = addToGroup(node.group, value);
      return node;
    }
    if (order < 0) node.left = this.#insert(node.left, from, to, value);
    else node.right = this.#insert(node.right, from, to, value);
    return balance(node);
  }
}

function stab<T extends object>(start: Node<T> | null, key: ByteString, visit: (value: T) => void): number {
  let looked = 0;
  let node = start;
  while (node !== null && reaches(node.furthest, key)) {
    looked += 1;
    if (node.from > key) {
      node = node.left;
      continue;
    }
    looked += stab(node.left, key, visit);
    if (reaches(node.to, key)) forEachInGroup(node.group, visit);
    node = node.right;
  }
  return looked;
}

function reaches(to: IntervalEnd, key: ByteString): boolean {
  return to === null || to > key;
}

function compare<T extends object>(from: ByteString, to: IntervalEnd, node: Node<T>): number {
  if (from !== node.from) return from < node.from ? -1 : 1;
  if (to === node.to) return 0;
  if (to === null) return 1;
  return node.to === null || to < node.to ? -1 : 1;
}

function unlink<T extends object>(node: Node<T> | null, from: ByteString, to: IntervalEnd): Node<T> | null {
  if (node === null) return null;
  const order = compare(from, to, node);
  if (order < 0) {
    node.left = unlink(node.left, from, to);
    return balance(node);
  }
  if (order > 0) {
    node.right = unlink(node.right, from, to);
    return balance(node);
  }
  if (node.left === null) return node.right;
  if (node.right === null) return node.left;
  let next = node.right;
  while (next.left !== null) next = next.left;
  const right = unlink(node.right, next.from, next.to);
  next.left = node.left;
  next.right = right;
  return balance(next);
}

function balance<T extends object>(node: Node<T>): Node<T> {
  const lean = height(node.left) - height(node.right);
  if (lean > 1 && node.left !== null) {
    if (height(node.left.left) < height(node.left.right)) node.left = rotateLeft(node.left);
    return rotateRight(node);
  }
  if (lean < -1 && node.right !== null) {
    if (height(node.right.right) < height(node.right.left)) node.right = rotateRight(node.right);
    return rotateLeft(node);
  }
  return refresh(node);
}

function rotateLeft<T extends object>(node: Node<T>): Node<T> {
  const top = node.right;
  if (top === null) return refresh(node);
  node.right = top.left;
  top.left = refresh(node);
  return refresh(top);
}

function rotateRight<T extends object>(node: Node<T>): Node<T> {
  const top = node.left;
  if (top === null) return refresh(node);
  node.left = top.right;
  top.right = refresh(node);
  return refresh(top);
}

function refresh<T extends object>(node: Node<T>): Node<T> {
  const { left, right } = node;
  node.height = 1 + Math.max(height(left), height(right));
  let furthest = node.to;
  if (left !== null) furthest = further(furthest, left.furthest);
  if (right !== null) furthest = further(furthest, right.furthest);
  node.furthest = furthest;
  return node;
}

function height(node: { readonly height: number } | null): number {
  return node === null ? 0 : node.height;
}

function further(a: IntervalEnd, b: IntervalEnd): IntervalEnd {
  if (a === null || b === null) return null;
  return a > b ? a : b;
}
