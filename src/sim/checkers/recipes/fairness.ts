/**
 * Nobody overtakes: who is let in has nobody before it in the line, by the revisions at which they came, who is there still
 * and stands in its way. Those before it held, gave up or died, all of them, and not only the one that it waited for: that
 * one may have left without ever having had its turn (etcd 16221). Of a semaphore: what they want, and what it wants
 * itself, is not more than there is.
 */
import type { RecipeChecker } from "../../recipes/history.ts";
import { type KeyLife, livedAt, livesUnder } from "../../recipes/key-lives.ts";
import { violation } from "../narration.ts";
import { holdingTable, holdingText } from "./narration.ts";

const NAME = "nobody overtakes";
/** What the value of a key in a semaphore's line begins with. */
const PERMITS = /^[0-9]+/;

export const fairness: RecipeChecker = {
  name: NAME,
  source: "coordination/line.ts; etcd's concurrency.Mutex; etcd 16221",
  check({ holdings }, truth) {
    const lines = new Map<string, KeyLife[]>();
    for (const holding of holdings) {
      const { line, fence, granted, weight } = holding;
      if (line === null) continue;
      const lives = lines.get(line.blocking) ?? livesUnder(truth, line.blocking);
      lines.set(line.blocking, lives);
      const before = lives.filter((life) => life.created.revision < fence && livedAt(life, granted));
      if (before.length === 0) continue;
      if (line.permits !== null) {
        const wanted = before.reduce((sum, { first }) => sum + Number(PERMITS.exec(first)?.[0] ?? 0), weight);
        if (wanted <= line.permits) continue;
      }
      const places = before.map(
        ({ key, created, first }) => `before it: ${key}, come at ${created.revision}: "${first}"`,
      );
      const sentence = `${holdingText(holding)} has others before it`;
      return violation(NAME, sentence, [...holdingTable([holding]), ...places]);
    }
    return null;
  },
};
