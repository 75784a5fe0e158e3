/** Ids are given once, and those of one program grow. */
import type { RecipeChecker } from "../../recipes/history.ts";
import { violation } from "../narration.ts";
import { grouped } from "./narration.ts";

const NAME = "ids are given once";

export const uniqueIds: RecipeChecker = {
  name: NAME,
  source: "coordination/block-ids.ts, snowflake-ids.ts",
  check({ ids }) {
    for (const [source, ofSource] of grouped(ids, ({ source }) => source)) {
      const owners = new Map<bigint, string>();
      const highest = new Map<string, bigint>();
      for (const { program, id } of ofSource) {
        const owner = owners.get(id);
        if (owner !== undefined) return violation(NAME, `${id} of ${source} was given to ${owner} and to ${program}`);
        owners.set(id, program);
        const before = highest.get(program) ?? 0n;
        if (id < before) return violation(NAME, `${program} was given ${id} of ${source} after ${before}`);
        highest.set(program, id);
      }
    }
    return null;
  },
};
