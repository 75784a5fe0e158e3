/**
 * Rendezvous hashing: each node draws a number for the key, and the highest has it. Perfectly even for any weights, and
 * without memory; a look-up asks all nodes, so it is for tens of them.
 *
 * D. Thaler, C. Ravishankar, "A name-based mapping scheme for rendezvous" (1996); weights after J. Schindelhauer,
 * G. Schomaker, "Weighted distributed hash tables" (SPAA 2005): with w / -ln(u) a node wins in proportion to w.
 */
import { murmur3, murmur53 } from "./murmur3.ts";
import { checkNodes, inOrder, type Placement, type PlacementKey, type PlacementNode, weightOf } from "./placement.ts";

/**
 * Rendezvous hashing over these nodes, whatever their order.
 *
 * @throws QuorateError INVALID_ARGUMENT for nodes that cannot be used, and what is wrong with them
 */
export function rendezvous(nodes: readonly PlacementNode[]): Placement {
  checkNodes(nodes);
  return new Rendezvous(inOrder(nodes));
}

class Rendezvous implements Placement {
  readonly nodes: readonly PlacementNode[];
  readonly #seeds: Uint32Array;

  constructor(nodes: readonly PlacementNode[]) {
    this.nodes = nodes;
    this.#seeds = Uint32Array.from(nodes, ({ id }) => murmur3(id, 0));
  }

  locate(key: PlacementKey): PlacementNode | null {
    let best: PlacementNode | null = null;
    let highest = Number.NEGATIVE_INFINITY;
    this.nodes.forEach((node, n) => {
      const score = this.#score(key, n);
      if (score <= highest) return;
      highest = score;
      best = node;
    });
    return best;
  }

  *preference(key: PlacementKey): Iterable<PlacementNode> {
    const scored = this.nodes.map((node, n) => ({ node, score: this.#score(key, n) }));
    scored.sort((a, b) => b.score - a.score);
    for (const { node } of scored) yield node;
  }

  /** Two nodes with one seed would draw alike; then the order of their ids decides. */
  #score(key: PlacementKey, n: number): number {
    const uniform = (murmur53(key, this.#seeds[n] as number) + 1) / (2 ** 53 + 2);
    return weightOf(this.nodes[n] as PlacementNode) / -Math.log(uniform);
  }
}
