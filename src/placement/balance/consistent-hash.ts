import { locateBounded } from "../bounded-load.ts";
import type { Placement, PlacementNode } from "../placement.ts";
import { ring } from "../ring.ts";
import { leastLoaded } from "./least-loaded.ts";
import type { Policy, Slot } from "./policy.ts";

/**
 * The same key goes to the same instance, so that what it keeps in memory is of use; unless that has a quarter more calls
 * under way than its fair share. Calls without a key go to the least loaded.
 */
export function consistentHash<T extends PlacementNode>(): Policy<T> {
  const keyless = leastLoaded<T>();
  let placed: Placement = ring([]);
  let signature = "";

  /** The ring of all that are open: with weights as described, so that warming up moves no keys back and forth. */
  function ringOf(open: readonly Slot<T>[]): Placement {
    const wanted = JSON.stringify(open.map(({ instance: { id, weight } }) => [id, weight]));
    if (wanted !== signature) {
      signature = wanted;
      placed = ring(open.map(({ instance: { id, weight } }) => (weight === undefined ? { id } : { id, weight })));
    }
    return placed;
  }

  return {
    choose(open, ask) {
      if (ask.key === undefined) return keyless.choose(open, ask);
      const slots = new Map(open.map((slot) => [slot.instance.id, slot]));
      const node = locateBounded(ringOf(open), ask.key, ({ id }) => slots.get(id)?.calls ?? 0);
      return (node === null ? undefined : slots.get(node.id)) ?? keyless.choose(open, ask);
    },
    gone(slot) {
      keyless.gone?.(slot);
    },
  };
}
