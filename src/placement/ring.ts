/**
 * Consistent hashing: nodes have points on a circle of 2³² places, and a key belongs to the point behind it.
 *
 *        b     a              A node that leaves gives its arcs to those behind them, and one that joins takes arcs
 *     c ╭──●──●──╮ b          from those behind it: no key moves between two nodes that stay.
 *       ●        ●
 *       │   key ─┼─▶ ● a      D. Karger and others, "Consistent hashing and random trees" (STOC 1997).
 *       ╰──●──●──╯
 *          a    c
 */
import { mixed, murmur3 } from "./murmur3.ts";
import {
  checkNodes,
  inOrder,
  type Placement,
  type PlacementKey,
  type PlacementNode,
  refuse,
  weightOf,
} from "./placement.ts";

export interface RingOptions {
  /** Points of a node of weight 1. The more, the more even: a node's share is off by about one in √points. Default 256. */
  readonly points?: number;
  /** Rings with different seeds place keys independently. Unsigned 32-bit, default 0. */
  readonly seed?: number;
}

const DEFAULT_POINTS = 256;
const MAX_POINTS_PER_NODE = 10_000;
/** Points of all nodes together: 64 MiB of memory. */
const MAX_POINTS = 2 ** 23;
/** A point is sorted as one number: its place above, its node's number in these bits below. 32 and 21 make 53. */
const NODE_BITS = 2 ** 21;

/**
 * A ring of these nodes, whatever their order.
 *
 * @throws QuorateError INVALID_ARGUMENT for nodes or options that cannot be used, and what is wrong with them
 * @example
 * ```ts
 * const shards = ring([{ id: "a", zone: "z1" }, { id: "b", zone: "z2", weight: 2 }]);
 * shards.locate("user/42")?.id;
 * ```
 */
export function ring(nodes: readonly PlacementNode[], options: RingOptions = {}): Placement {
  const { points = DEFAULT_POINTS, seed = 0 } = options;
  checkNodes(nodes);
  if (!Number.isInteger(points) || points < 1 || points > MAX_POINTS_PER_NODE) {
    refuse(`points is ${points}: give a whole number from 1 to ${MAX_POINTS_PER_NODE}`);
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) refuse(`seed is ${seed}: give an unsigned 32-bit number`);
  return new Ring(inOrder(nodes), points, seed);
}

class Ring implements Placement {
  readonly nodes: readonly PlacementNode[];
  readonly #seed: number;
  /** Places of the points, in ascending order, and whose they are. */
  readonly #places: Uint32Array;
  readonly #owners: Uint32Array;
  /** The circle in arcs of one length: the first point at or behind the beginning of each. */
  readonly #starts: Uint32Array;
  readonly #shift: number;

  constructor(nodes: readonly PlacementNode[], pointsPerWeight: number, seed: number) {
    const counts = nodes.map((node) => Math.max(1, Math.round(weightOf(node) * pointsPerWeight)));
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total > MAX_POINTS || nodes.length > NODE_BITS) {
      refuse(`the ring would have ${total} points, more than ${MAX_POINTS}: use fewer points or smaller weights`);
    }
    const points = new Float64Array(total);
    let at = 0;
    nodes.forEach(({ id }, owner) => {
      const name = murmur3(id, seed);
      // Two ids may have one hash; another hash of the same id tells them apart.
      const tag = murmur3(id, ~seed >>> 0);
      for (let n = 0; n < (counts[owner] ?? 0); n++) {
        points[at++] = mixed(mixed(n, name), tag) * NODE_BITS + owner;
      }
    });
    // Two points in one place are in the order of their nodes' ids: also that is the same everywhere.
    points.sort();
    this.nodes = nodes;
    this.#seed = seed;
    this.#places = new Uint32Array(total);
    this.#owners = new Uint32Array(total);
    for (let n = 0; n < total; n++) {
      const point = points[n] as number;
      this.#places[n] = Math.floor(point / NODE_BITS);
      this.#owners[n] = point % NODE_BITS;
    }
    this.#shift = shiftFor(total);
    this.#starts = new Uint32Array(2 ** (32 - this.#shift));
    for (let arc = 0, point = 0; arc < this.#starts.length; arc++) {
      while (point < total && (this.#places[point] as number) >>> this.#shift < arc) point++;
      this.#starts[arc] = point;
    }
  }

  locate(key: PlacementKey): PlacementNode | null {
    return this.#owners.length === 0 ? null : this.#ownerAt(this.#behind(murmur3(key, this.#seed)));
  }

  *preference(key: PlacementKey): Iterable<PlacementNode> {
    const total = this.#owners.length;
    if (total === 0) return;
    const first = this.#behind(murmur3(key, this.#seed));
    const told = new Set<PlacementNode>();
    for (let n = 0; n < total && told.size < this.nodes.length; n++) {
      const node = this.#ownerAt((first + n) % total);
      if (told.has(node)) continue;
      told.add(node);
      yield node;
    }
  }

  #ownerAt(point: number): PlacementNode {
    return this.nodes[this.#owners[point] as number] as PlacementNode;
  }

  /** The first point at this place or behind it; behind the last comes the first. */
  #behind(place: number): number {
    const places = this.#places;
    let at = this.#starts[place >>> this.#shift] as number;
    while (at < places.length && (places[at] as number) < place) at++;
    return at === places.length ? 0 : at;
  }
}

/** How far a place is shifted to find its arc: such that there are about as many arcs as points. */
function shiftFor(points: number): number {
  return 32 - Math.min(23, Math.max(1, Math.ceil(Math.log2(Math.max(1, points)))));
}
