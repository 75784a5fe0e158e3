/**
 * Consistent hashing with bounded loads: a key goes to its node unless that has its fill already; then to the next in the
 * key's order. No node has more than `factor` times its fair share, and few keys are away from home.
 *
 * V. Mirrokni, M. Thorup, M. Zadimoghaddam, "Consistent hashing with bounded loads" (SODA 2018).
 */
import { type Placement, type PlacementKey, type PlacementNode, refuse, weightOf } from "./placement.ts";

export interface BoundedLoadOptions {
  /** A node has at most so many times its fair share. Above 1; default 1.25. */
  readonly factor?: number;
  /** Nodes that are passed over. */
  readonly isExcluded?: (node: PlacementNode) => boolean;
}

const DEFAULT_FACTOR = 1.25;

/**
 * Where one more unit of work for this key goes.
 *
 * @param load what each node has now, in the unit of which this is one more: keys, calls under way
 * @returns null only if there is no node that is not excluded
 */
export function locateBounded(
  placement: Placement,
  key: PlacementKey,
  load: (node: PlacementNode) => number,
  options: BoundedLoadOptions = {},
): PlacementNode | null {
  const { factor = DEFAULT_FACTOR, isExcluded = () => false } = options;
  if (!(factor > 1)) refuse(`factor is ${factor}: give a number above 1`);
  let weights = 0;
  let loads = 1;
  for (const node of placement.nodes) {
    if (isExcluded(node)) continue;
    weights += weightOf(node);
    loads += load(node);
  }
  for (const node of placement.preference(key)) {
    if (isExcluded(node)) continue;
    // Together the nodes have room for `factor` times all there is, rounded up: one of them has some.
    if (load(node) + 1 <= Math.ceil((factor * loads * weightOf(node)) / weights)) return node;
  }
  return null;
}
