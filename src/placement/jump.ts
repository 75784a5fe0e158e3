/**
 * Jump hashing: for numbered buckets of which only the last comes or goes. Perfectly even, without memory, and quick; but
 * a node that leaves from the middle renumbers those behind it, so it is for shards, not for servers.
 *
 * J. Lamping, E. Veach, "A fast, minimal memory, consistent hash algorithm" (2014).
 */
import { mixed, murmur3 } from "./murmur3.ts";
import { checkNodes, type Placement, type PlacementKey, type PlacementNode, refuse, weightOf } from "./placement.ts";

/**
 * Jump hashing over nodes **in the order given**: add new ones behind the others, take away only the last.
 *
 * @throws QuorateError INVALID_ARGUMENT for nodes that cannot be used; weights other than 1 are among these
 */
export function jump(nodes: readonly PlacementNode[]): Placement {
  checkNodes(nodes);
  for (const node of nodes) {
    if (weightOf(node) !== 1) {
      refuse(
        `node ${JSON.stringify(node.id)} has weight ${weightOf(node)}, but jump hashing knows no weights: use ring`,
      );
    }
  }
  return new Jump([...nodes]);
}

class Jump implements Placement {
  readonly nodes: readonly PlacementNode[];

  constructor(nodes: readonly PlacementNode[]) {
    this.nodes = nodes;
  }

  locate(key: PlacementKey): PlacementNode | null {
    return this.nodes[bucketOf(murmur3(key, LOW), murmur3(key, HIGH), this.nodes.length)] ?? null;
  }

  /** Behind the key's own bucket those of its hash's hashes; what is left at last, in the nodes' order. */
  *preference(key: PlacementKey): Iterable<PlacementNode> {
    let low = murmur3(key, LOW);
    let high = murmur3(key, HIGH);
    const left = new Set(this.nodes);
    for (let tries = 0; left.size > 0 && tries < 4 * this.nodes.length; tries++) {
      const node = this.nodes[bucketOf(low, high, this.nodes.length)] as PlacementNode;
      if (left.delete(node)) yield node;
      low = mixed(low, LOW);
      high = mixed(high, HIGH);
    }
    yield* left;
  }
}

/** Seeds of the two halves of a key's hash. */
const LOW = 0x10_2030;
const HIGH = 0x40_5060;
/** 2862933555777941757. */
const FACTOR_LOW = 0x87b0_b0fd;
const FACTOR_HIGH = 0x27bb_2ee6;

/**
 * @param low and `high`: the halves of a 64-bit hash, unsigned 32-bit each
 * @returns from 0 to `buckets` - 1; -1 if there are none
 */
export function bucketOf(low: number, high: number, buckets: number): number {
  let bucket = -1;
  let next = 0;
  let lowHalf = low;
  let highHalf = high;
  while (next < buckets) {
    bucket = next;
    // state × 2862933555777941757 + 1 in 64 bits, in halves of 32.
    const product = Math.imul(lowHalf, FACTOR_LOW) >>> 0;
    const cross = Math.imul(highHalf, FACTOR_LOW) + Math.imul(lowHalf, FACTOR_HIGH);
    const carried = product === 0xffff_ffff ? 1 : 0;
    highHalf = (highOfProduct(lowHalf, FACTOR_LOW) + cross + carried) >>> 0;
    lowHalf = (product + 1) >>> 0;
    next = Math.floor((bucket + 1) * (2 ** 31 / ((highHalf >>> 1) + 1)));
  }
  return bucket;
}

/** The upper 32 of the 64 bits of a product of two unsigned 32-bit numbers. */
function highOfProduct(a: number, b: number): number {
  const low = (a & 0xffff) * (b & 0xffff);
  const middle = (a >>> 16) * (b & 0xffff) + Math.floor(low / 2 ** 16);
  const other = (a & 0xffff) * (b >>> 16) + (middle % 2 ** 16);
  return (a >>> 16) * (b >>> 16) + Math.floor(middle / 2 ** 16) + Math.floor(other / 2 ** 16);
}
