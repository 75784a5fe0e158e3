/**
 * Fences tell holders apart and grow with them: no two holdings of a resource have the same, and of what one at a time
 * holds each has a greater one than all that were let in before, but for who hears old news when its clock goes on.
 * Who observes an election is told of leaders in that order.
 */

import type { Violation } from "../../history.ts";
import type { RecipeChecker, RecipeHistory } from "../../recipes/history.ts";
import { violation } from "../narration.ts";
import { grouped, holdingTable, holdingText } from "./narration.ts";

const NAME = "fences grow";

export const fences: RecipeChecker = {
  name: NAME,
  source: "coordination/hold.ts; Burrows 2006, sequencers; Kleppmann 2016",
  check: (history) => checkHoldings(history) ?? checkLeaders(history),
};

function checkHoldings({ holdings }: RecipeHistory): Violation | null {
  for (const ofResource of grouped(holdings, ({ resource }) => resource).values()) {
    const seen = new Set<number>();
    let highest = ofResource[0];
    for (const holding of ofResource) {
      const { fence, ordered, clockStopped } = holding;
      if (seen.has(fence)) {
        const both = ofResource.filter((other) => other.fence === fence);
        return violation(NAME, `${holdingText(holding)} is not the only one with it`, holdingTable(both));
      }
      seen.add(fence);
      if (highest !== undefined && ordered && !clockStopped && fence < highest.fence) {
        const sentence = `${holdingText(holding)} came after ${holdingText(highest)}`;
        return violation(NAME, sentence, holdingTable([highest, holding]));
      }
      if (highest === undefined || fence > highest.fence) highest = holding;
    }
  }
  return null;
}

function checkLeaders({ leaders }: RecipeHistory): Violation | null {
  for (const seen of grouped(leaders, ({ election, observer }) => `${observer} of ${election}`).values()) {
    let highest = 0;
    for (const { election, observer, fence } of seen) {
      if (fence !== 0 && fence < highest) {
        return violation(NAME, `${observer} was told of leader ${fence} of election ${election} after ${highest}`);
      }
      highest = Math.max(highest, fence);
    }
  }
  return null;
}
