/** A write that is guarded by a lock is made only while the lock's key is there as it was acquired. */
import type { RecipeChecker } from "../../recipes/history.ts";
import { GUARDED_PREFIX } from "../../recipes/holding-uses.ts";
import { livesUnder } from "../../recipes/key-lives.ts";
import { violation } from "../narration.ts";
import { grouped } from "./narration.ts";

const NAME = "guarded writes";

export const guardedWrites: RecipeChecker = {
  name: NAME,
  source: "coordination/guard.ts; Burrows 2006, Chubby's sequencers",
  check(_history, truth) {
    const lives = grouped(livesUnder(truth, ""), ({ key }) => key);
    for (const { revision, events } of truth.changes) {
      for (const { type, kv } of events) {
        if (type !== "put" || !kv.key.startsWith(GUARDED_PREFIX)) continue;
        const at = kv.value.lastIndexOf(" ");
        const [key, fence] = [kv.value.slice(0, at), Number(kv.value.slice(at + 1))];
        const life = lives.get(key)?.find(({ created }) => created.revision === fence);
        if (life !== undefined && (life.deleted === null || life.deleted.revision > revision)) continue;
        const gone = life?.deleted === undefined ? "never was" : `was gone since ${life.deleted?.revision ?? 0}`;
        return violation(
          NAME,
          `${kv.key} was written at ${revision} in the name of ${key} with ${fence}, which ${gone}`,
        );
      }
    }
    return null;
  },
};
