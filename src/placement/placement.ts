/**
 * Which node has which key: the same answer on every machine that knows the same nodes, with few keys that change their
 * place when a node comes or goes.
 *
 * Pure: nodes and keys in, names out. `ring.ts`, `rendezvous.ts` and `jump.ts` are three ways with one face; `replicas.ts`
 * and `bounded-load.ts` work on any of them. It must not know what a node is, nor whether it is alive.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";

/** One that keys are placed on, or that calls go to. */
export interface PlacementNode {
  readonly id: string;
  /** Its share of the keys, relative to the others'. Above 0, at most `MAX_WEIGHT`. Default 1. */
  readonly weight?: number;
  /** Where it stands: a rack, a data centre. Replicas go to different zones first. */
  readonly zone?: string;
}

/** UTF-8 if it is a string. */
export type PlacementKey = string | Uint8Array;

export interface Placement {
  /** In the order of their ids (of `jump`: as they were given). */
  readonly nodes: readonly PlacementNode[];
  /** The node that has the key; null if there are no nodes. */
  locate(key: PlacementKey): PlacementNode | null;
  /** All nodes, each once, the one that has the key first, then the one that would have it without that one, and so on. */
  preference(key: PlacementKey): Iterable<PlacementNode>;
}

/** The largest weight of a node: a ring has points in proportion. */
export const MAX_WEIGHT = 1_000;

export function weightOf({ weight = 1 }: PlacementNode): number {
  return weight;
}

/** @throws QuorateError INVALID_ARGUMENT naming the node that cannot be placed on */
export function checkNodes(nodes: readonly PlacementNode[]): void {
  const seen = new Set<string>();
  for (const node of nodes) {
    const { id } = node;
    const weight = weightOf(node);
    if (typeof id !== "string" || id === "") refuse("a node needs an id that is not empty");
    if (seen.has(id)) refuse(`two nodes have the id ${JSON.stringify(id)}: give each its own`);
    if (!(weight > 0 && weight <= MAX_WEIGHT)) {
      refuse(`the weight of node ${JSON.stringify(id)} is ${weight}: give a number above 0, at most ${MAX_WEIGHT}`);
    }
    seen.add(id);
  }
}

/** Sorted, so that the order in which nodes joined makes no difference. By code units: the same everywhere. */
export function inOrder(nodes: readonly PlacementNode[]): PlacementNode[] {
  return [...nodes].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

export function refuse(message: string): never {
  throw new QuorateError("INVALID_ARGUMENT", GrpcStatus.invalidArgument, message);
}
