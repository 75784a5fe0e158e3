import type { PlacementNode } from "../placement.ts";
import type { Policy, Slot } from "./policy.ts";

/** Each in its turn, in the order of ids; weights do not count. Who comes or goes does not begin the round anew. */
export function roundRobin<T extends PlacementNode>(): Policy<T> {
  let last = "";
  return {
    choose(open) {
      const first = open[0] as Slot<T>;
      const slot = open.find(({ instance }) => instance.id > last) ?? first;
      last = slot.instance.id;
      return slot;
    },
  };
}
