import type { PlacementNode } from "../placement.ts";
import type { Policy, Slot } from "./policy.ts";

/**
 * In turn, as often as the weights say, and not in bursts: with weights 5, 1, 1 the round is a a b a c a a. Each gains
 * its weight in credit, and who has most pays for all (nginx's smooth weighted round robin).
 */
export function smoothWeighted<T extends PlacementNode>(): Policy<T> {
  const credit = new Map<Slot<T>, number>();
  return {
    choose(open) {
      let total = 0;
      let best = open[0] as Slot<T>;
      let most = Number.NEGATIVE_INFINITY;
      for (const slot of open) {
        const has = (credit.get(slot) ?? 0) + slot.weight;
        credit.set(slot, has);
        total += slot.weight;
        if (has <= most) continue;
        most = has;
        best = slot;
      }
      credit.set(best, most - total);
      return best;
    },
    gone(slot) {
      credit.delete(slot);
    },
  };
}
