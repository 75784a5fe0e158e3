/**
 * A resource that refuses fences smaller than one it has seen keeps holders apart, whatever they believe: what it takes
 * of one holder never stands between what it takes of others. And it refuses nobody who holds the lock: who looked, and
 * wrote at once, is taken.
 */
import type { FencedWrite, RecipeChecker } from "../../recipes/history.ts";
import { violation } from "../narration.ts";
import { grouped, holdingTable, holdingText } from "./narration.ts";

const NAME = "fenced writes";

export const fencedWrites: RecipeChecker = {
  name: NAME,
  source: "Kleppmann 2016, fencing tokens; coordination/hold.ts",
  check({ writes }) {
    for (const ofResource of grouped(writes, ({ holding }) => holding.resource).values()) {
      const over = new Set<FencedWrite["holding"]>();
      let last: FencedWrite["holding"] | null = null;
      for (const { holding, accepted, prompt, moment } of ofResource) {
        if (accepted) {
          if (over.has(holding) && last !== holding && last !== null) {
            const sentence = `a write of ${holdingText(holding)} was taken after one of ${holdingText(last)}`;
            return violation(NAME, sentence, holdingTable([holding, last]));
          }
          if (last !== null && last !== holding) over.add(last);
          last = holding;
        } else if (prompt && !holding.clockStopped) {
          const sentence = `a write of ${holdingText(holding)} was refused at ${moment.at} ms, though it held`;
          return violation(NAME, sentence, holdingTable(last === null ? [holding] : [last, holding]));
        }
      }
    }
    return null;
  },
};
