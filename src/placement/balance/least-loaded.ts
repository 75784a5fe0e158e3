import type { PlacementNode } from "../placement.ts";
import type { Policy, Slot } from "./policy.ts";

/** Who has the fewest calls under way for its weight; of those alike, the one that was chosen the longest ago. */
export function leastLoaded<T extends PlacementNode>(): Policy<T> {
  const chosenAt = new Map<Slot<T>, number>();
  let count = 0;
  return {
    choose(open) {
      let best = open[0] as Slot<T>;
      for (const slot of open) {
        const difference = (slot.calls + 1) / slot.weight - (best.calls + 1) / best.weight;
        const isOlder = (chosenAt.get(slot) ?? 0) < (chosenAt.get(best) ?? 0);
        if (difference < 0 || (difference === 0 && isOlder)) best = slot;
      }
      chosenAt.set(best, ++count);
      return best;
    },
    gone(slot) {
      chosenAt.delete(slot);
    },
  };
}
