import { type Placement, type PlacementKey, type PlacementNode, refuse } from "./placement.ts";

/**
 * The nodes that keep a key's replicas: all different, and in different zones as long as there are zones without one. A
 * node without a zone is a zone of its own. The first is the one that `locate` names.
 *
 * @returns fewer than `count` only if there are fewer nodes
 */
export function replicas(placement: Placement, key: PlacementKey, count: number): PlacementNode[] {
  if (!Number.isInteger(count) || count < 1) refuse(`the count of replicas is ${count}: give a whole number above 0`);
  const chosen: PlacementNode[] = [];
  const spare: PlacementNode[] = [];
  const zones = new Set<string>();
  for (const node of placement.preference(key)) {
    if (chosen.length === count) return chosen;
    if (node.zone !== undefined && zones.has(node.zone)) {
      spare.push(node);
      continue;
    }
    if (node.zone !== undefined) zones.add(node.zone);
    chosen.push(node);
  }
  return [...chosen, ...spare].slice(0, count);
}
