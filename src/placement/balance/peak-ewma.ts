/**
 * Of two drawn by chance the one that is likely to answer sooner: its recent latency times the calls it has to do.
 *
 * Two choices (M. Mitzenmacher, 1996) spread calls nearly as well as looking at all, and callers that know the same do
 * not all run to the same instance. The latency is an average that forgets slowly and jumps up at once (the "peak" of
 * Finagle's load balancer), so that an instance that has just become slow is left alone before many calls wait there.
 */
import type { PlacementNode } from "../placement.ts";
import type { Policy, Slot } from "./policy.ts";

/** After this time without calls, a latency counts a third of what it was. */
const FORGET_MS = 10_000;
/** The latency of who has calls under way and has answered none yet: nobody knows what it is worth. */
const UNKNOWN_MS = 60_000;

interface Latency {
  readonly averageMs: number;
  readonly at: number;
}

/** @param options.seed unsigned 32-bit */
export function peakEwma<T extends PlacementNode>({ seed }: { readonly seed: number }): Policy<T> {
  const latencies = new Map<Slot<T>, Latency>();
  const draw = chance(seed);

  function averageOf(slot: Slot<T>, now: number): number | null {
    const known = latencies.get(slot);
    return known === undefined ? null : known.averageMs * Math.exp(-Math.max(0, now - known.at) / FORGET_MS);
  }

  function cost(slot: Slot<T>, now: number): number {
    const average = averageOf(slot, now) ?? (slot.calls === 0 ? 0 : UNKNOWN_MS);
    return (average * (slot.calls + 1)) / slot.weight;
  }

  return {
    choose(open, { now }) {
      const first = draw(open.length);
      const one = open[first] as Slot<T>;
      if (open.length === 1) return one;
      const other = open[(first + 1 + draw(open.length - 1)) % open.length] as Slot<T>;
      const difference = cost(one, now) - cost(other, now);
      if (difference !== 0) return difference < 0 ? one : other;
      return (one.calls + 1) / one.weight <= (other.calls + 1) / other.weight ? one : other;
    },
    ended(slot, { now, tookMs }) {
      const average = averageOf(slot, now) ?? 0;
      const known = latencies.get(slot);
      const kept = known === undefined ? 0 : Math.exp(-Math.max(0, now - known.at) / FORGET_MS);
      const averageMs = tookMs >= average ? tookMs : average + (1 - kept) * tookMs;
      latencies.set(slot, { averageMs, at: now });
    },
    gone(slot) {
      latencies.delete(slot);
    },
  };
}

/** Whole numbers below a bound, from a seed (G. Marsaglia's xorshift with 32 bits of state). */
function chance(seed: number): (below: number) => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}
