/**
 * Never are two holders at work that exclude each other, by true time: one lock's, a writer's beside anybody's, more
 * permits than there are. Who is asleep is at work for as long as its clock says that it holds: it looks before it does
 * anything. Whose clock stood still cannot know; then its fence must tell (`fenced-writes.ts`).
 */
import type { Holding, RecipeChecker } from "../../recipes/history.ts";
import { violation } from "../narration.ts";
import { grouped, holdingTable, holdingText } from "./narration.ts";

const NAME = "mutual exclusion";

export const exclusion: RecipeChecker = {
  name: NAME,
  source: "coordination/mutex.ts, semaphore.ts, read-write-lock.ts (etcd 16221), election.ts; Jepsen, etcd 3.4.3",
  check({ holdings }) {
    const timely = holdings.filter(({ clockStopped }) => !clockStopped);
    for (const ofResource of grouped(timely, ({ resource }) => resource).values()) {
      let held: Holding[] = [];
      for (const holding of ofResource) {
        held = held.filter((other) => other.ended === null || other.ended.at > holding.granted.at);
        const beside = held.filter((other) => !(other.shares && holding.shares) && !isBefore(other, holding));
        const taken = beside.reduce((sum, { weight }) => sum + weight, holding.weight);
        const [first] = beside;
        if (taken > holding.limit && first !== undefined) {
          const sentence = `${holdingText(holding)} is beside ${holdingText(first)} which holds it still`;
          return violation(NAME, sentence, holdingTable([...beside, holding]));
        }
        held.push(holding);
      }
    }
    return null;
  },
};

/** At the same time, but earlier in the sequence of all that happens. */
function isBefore({ ended }: Holding, { granted }: Holding): boolean {
  return ended !== null && ended.at === granted.at && ended.order < granted.order;
}
