/**
 * Who holds something is told before anybody else can have it: as long as it believes that it holds it, its key is there,
 * whether somebody else waits for it or not; and nobody is given what is over already.
 */
import type { RecipeChecker } from "../../recipes/history.ts";
import { livesUnder } from "../../recipes/key-lives.ts";
import { violation } from "../narration.ts";
import { grouped, holdingTable, holdingText } from "./narration.ts";

const NAME = "holders are told in time";

export const toldInTime: RecipeChecker = {
  name: NAME,
  source: "coordination/hold.ts, session.ts",
  check({ holdings }, truth) {
    const lives = grouped(livesUnder(truth, ""), ({ key }) => key);
    for (const holding of holdings) {
      const { key, fence, granted, heldWhenGranted, ended, clockStopped } = holding;
      if (!heldWhenGranted) return violation(NAME, `${holdingText(holding)} was given what it held no longer`);
      const life = lives.get(key)?.find(({ created }) => created.revision === fence);
      if (life === undefined) {
        return violation(
          NAME,
          `${holdingText(holding)} has a fence at which the log has no creation of its key ${key}`,
        );
      }
      if (life.deleted === null || clockStopped) continue;
      const { revision, moment } = life.deleted;
      if (ended !== null && ended.at <= moment.at) continue;
      const when = moment.order < granted.order ? "before it was let in" : "before it was told";
      const sentence = `the key of ${holdingText(holding)} was deleted at revision ${revision}, ${moment.at} ms, ${when}`;
      return violation(NAME, sentence, holdingTable([holding]));
    }
    return null;
  },
};
