/** Who takes an office where the highest number wins was a candidate, and no other candidate's number was higher. */
import type { RecipeChecker } from "../../recipes/history.ts";
import { livesUnder } from "../../recipes/key-lives.ts";
import { violation } from "../narration.ts";

const NAME = "the highest leads";
const PREFIX = "election/";
const OFFICE = "//office";
const CANDIDATE = "//candidate/";

export const highestLeads: RecipeChecker = {
  name: NAME,
  source: "coordination/ranked-election.ts; Garcia-Molina 1982",
  check(_history, truth) {
    const lives = livesUnder(truth, PREFIX);
    for (const office of lives.filter(({ key }) => key.endsWith(OFFICE))) {
      const { revision } = office.created;
      const number = Number(office.first.split(" ")[0]);
      const candidates = office.key.slice(0, -OFFICE.length) + CANDIDATE;
      const higher = lives.find(
        ({ key, created, deleted, first }) =>
          key.startsWith(candidates) &&
          created.revision < revision &&
          (deleted === null || deleted.revision > revision) &&
          Number(first) > number,
      );
      if (higher === undefined) continue;
      const sentence = `${office.key} was taken at ${revision} with ${number}, though ${higher.key} stood with ${higher.first}`;
      return violation(NAME, sentence);
    }
    return null;
  },
};
