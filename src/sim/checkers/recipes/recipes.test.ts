/** Each property is kept by a good story, and sees what is wrong in a bad one. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { RecipeChecker } from "../../recipes/history.ts";
import { barriers } from "./barriers.ts";
import { exactlyOnce } from "./exactly-once.ts";
import { exclusion } from "./exclusion.ts";
import { fairness } from "./fairness.ts";
import { fencedWrites } from "./fenced-writes.ts";
import { fences } from "./fences.ts";
import { guardedWrites } from "./guarded-writes.ts";
import { highestLeads } from "./highest-leads.ts";
import { recipeCheckers } from "./index.ts";
import { RecipeStory } from "./testing/recipe-story.ts";
import { toldInTime } from "./told-in-time.ts";
import { uniqueIds } from "./unique-ids.ts";

const [A, B] = ["lock/m0//a.1", "lock/m0//b.1"] as const;

function says(checker: RecipeChecker, story: RecipeStory): string {
  return checker.check(story.history, story.truth)?.message ?? "nothing";
}

suite("checkers of recipes", () => {
  test("a lock that goes from one to the next is all right", () => {
    const story = new RecipeStory();
    const first = story.granted("p0.1", A, story.put(A));
    const second = story.put(B);
    story.history.writes.push({ holding: first, moment: story.moment(), accepted: true, prompt: true });
    story.ended(first);
    story.delete(A);
    story.granted("p1.1", B, second);
    for (const checker of recipeCheckers) assert.equal(says(checker, story), "nothing", checker.name);
  });

  test("two who hold at once are seen, unless the clock of one stood still", () => {
    const story = new RecipeStory();
    const first = story.granted("p0.1", A, story.put(A));
    story.granted("p1.1", B, story.put(B));
    assert.match(says(exclusion, story), /p1\.1, .* with the fence 3, is beside p0\.1/);
    first.clockStopped = true;
    assert.equal(says(exclusion, story), "nothing");
  });

  test("readers share, a writer does not, and permits add up", () => {
    const readers = new RecipeStory();
    for (const program of ["p0.1", "p1.1"]) readers.granted(program, A, readers.put(A), { shares: true });
    assert.equal(says(exclusion, readers), "nothing");
    readers.granted("p2.1", B, readers.put(B));
    assert.match(says(exclusion, readers), /p2\.1/);
    const permits = new RecipeStory();
    permits.granted("p0.1", A, permits.put(A), { limit: 3, weight: 2 });
    permits.granted("p1.1", B, permits.put(B), { limit: 3, weight: 1 });
    assert.equal(says(exclusion, permits), "nothing");
    permits.granted("p2.1", B, permits.put(B), { limit: 3, weight: 1 });
    assert.match(says(exclusion, permits), /p2\.1/);
  });

  test("a key that goes before its holder is told is seen, whether somebody waits or not", () => {
    const story = new RecipeStory();
    const holding = story.granted("p0.1", A, story.put(A));
    story.delete(A);
    story.ended(holding);
    assert.match(says(toldInTime, story), /was deleted at revision 3, 3 ms, before it was told/);
    const late = new RecipeStory();
    const fence = late.put(A);
    late.delete(A);
    late.granted("p0.1", A, fence);
    assert.match(says(toldInTime, late), /before it was let in/);
  });

  test("who overtakes is seen, by the line and by fences", () => {
    const story = new RecipeStory();
    const before = story.put(A);
    story.granted("p1.1", B, story.put(B));
    assert.match(says(fairness, story), /p1\.1.* has others before it/);
    const late = story.granted("p0.1", A, before);
    assert.match(says(fences, story), /p0\.1.* came after p1\.1/);
    late.clockStopped = true;
    assert.equal(says(fences, story), "nothing", "it heard old news");
  });

  test("a leader that is told after a later one is seen", () => {
    const story = new RecipeStory();
    for (const fence of [5, 0, 4]) story.history.leaders.push({ election: "e", observer: "p0.1", fence });
    assert.match(says(fences, story), /was told of leader 4 of election e after 5/);
  });

  test("who looked and wrote at once is not refused", () => {
    const story = new RecipeStory();
    const holding = story.granted("p0.1", A, story.put(A));
    story.history.writes.push({ holding, moment: story.moment(), accepted: false, prompt: false });
    assert.equal(says(fencedWrites, story), "nothing");
    story.history.writes.push({ holding, moment: story.moment(), accepted: false, prompt: true });
    assert.match(says(fencedWrites, story), /was refused at/);
  });

  test("a guarded write behind its lock's end is seen", () => {
    const story = new RecipeStory();
    const fence = story.put(A);
    story.put("guarded/mutex m0", `${A} ${fence}`);
    assert.equal(says(guardedWrites, story), "nothing");
    story.delete(A);
    story.put("guarded/mutex m0", `${A} ${fence}`);
    assert.match(says(guardedWrites, story), /which was gone since 4/);
  });

  test("adds that are lost, doubled, refused and made, or out of order are seen", () => {
    const counter = (value: bigint, tell: (story: RecipeStory) => void): string => {
      const story = new RecipeStory();
      tell(story);
      story.put("counter/c//value", value.toString());
      return says(exactlyOnce, story);
    };
    assert.equal(
      counter(0b01_01n, (story) => {
        story.changed(0, "acknowledged", "1");
        story.changed(1, "unknown");
        story.changed(2, "refused");
      }),
      "nothing",
    );
    assert.match(
      counter(0n, (story) => story.changed(0, "acknowledged", "1")),
      /made 0 times/,
    );
    assert.match(
      counter(2n, (story) => story.changed(0, "unknown")),
      /made 2 times/,
    );
    assert.match(
      counter(1n, (story) => story.changed(0, "refused")),
      /made 1 times/,
    );
    assert.match(
      counter(4n, () => undefined),
      /nothing/,
    );
    assert.match(
      counter(0b01_01n, (story) => {
        story.changed(0, "acknowledged", "1");
        story.changed(1, "acknowledged", "4");
      }),
      /neither contains the other|which was over before/,
    );
  });

  test("an id that is given twice is seen", () => {
    const story = new RecipeStory();
    story.history.ids.push({ source: "i", program: "p0.1", id: 7n }, { source: "i", program: "p1.1", id: 7n });
    assert.match(says(uniqueIds, story), /7 of i was given to p0\.1 and to p1\.1/);
  });

  test("who passes a barrier that was closed all the time is seen", () => {
    const story = new RecipeStory();
    story.put("barrier/b0//closed");
    const wait = (): void => {
      const key = "barrier/b0//closed";
      story.history.waits.push({
        program: "p0.1",
        key,
        openWith: null,
        began: story.moment(),
        passed: story.moment(),
      });
    };
    wait();
    assert.match(says(barriers, story), /it was not open meanwhile/);
    story.history.waits.length = 0;
    story.delete("barrier/b0//closed");
    wait();
    assert.equal(says(barriers, story), "nothing");
  });

  test("who enters a double barrier alone is seen", () => {
    const story = new RecipeStory();
    const manner = { resource: "double barrier d", line: null, limit: Number.POSITIVE_INFINITY, ordered: false };
    const fence = story.put("double-barrier/d//in/a.1");
    story.granted("p0.1", "double-barrier/d//in/a.1", fence, manner);
    assert.match(says(barriers, story), /was let go on before 2 had come/);
    story.put("double-barrier/d//in/b.1");
    story.history.holdings.length = 0;
    story.granted("p0.1", "double-barrier/d//in/a.1", fence, manner);
    assert.equal(says(barriers, story), "nothing");
  });

  test("an office that is taken over a higher candidate's head is seen", () => {
    const story = new RecipeStory();
    story.put("election/e//candidate/a.1", "5");
    story.put("election/e//office", "3 b.1 ");
    assert.match(says(highestLeads, story), /was taken at 3 with 3, though .* stood with 5/);
  });
});
