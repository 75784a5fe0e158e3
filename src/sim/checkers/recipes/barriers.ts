/**
 * Who waited at a barrier or a latch was let go on only if it was open at some moment since; who entered a double barrier,
 * only if as many as it takes were in at the same time since it came.
 */
import type { Truth, Violation } from "../../history.ts";
import type { PassedWait, RecipeChecker, RecipeHistory } from "../../recipes/history.ts";
import { type KeyLife, livesUnder } from "../../recipes/key-lives.ts";
import { PARTIES } from "../../recipes/other-uses.ts";
import { violation } from "../narration.ts";
import { grouped, holdingText } from "./narration.ts";

const NAME = "barriers";

export const barriers: RecipeChecker = {
  name: NAME,
  source: "coordination/barrier.ts, latch.ts, double-barrier.ts",
  check: (history, truth) => checkWaits(history, truth) ?? checkRounds(history, truth),
};

function checkWaits({ waits }: RecipeHistory, truth: Truth): Violation | null {
  for (const wait of waits) {
    if (wait.openWith === null ? wasAbsent(wait, truth) : wasSet(wait, truth)) continue;
    const { program, key, began, passed } = wait;
    const when = `from ${began.at} ms on and passed at ${passed.at} ms`;
    return violation(NAME, `${program} waited at ${key} ${when}, and it was not open meanwhile`);
  }
  return null;
}

/** A latch that has opened never closes again. */
function wasSet({ key, openWith, passed }: PassedWait, { changes }: Truth): boolean {
  return changes.some(
    ({ events, committed }) =>
      committed.order < passed.order && events.some(({ kv }) => kv.key === key && kv.value === openWith),
  );
}

function wasAbsent({ key, began, passed }: PassedWait, truth: Truth): boolean {
  const closed = livesUnder(truth, key).findLast(({ created }) => created.moment.order < began.order);
  if (closed === undefined) return true;
  return closed.deleted !== null && closed.deleted.moment.order < passed.order;
}

function checkRounds({ holdings }: RecipeHistory, truth: Truth): Violation | null {
  const parts = holdings.filter(({ resource }) => resource.startsWith("double barrier "));
  for (const [prefix, ofBarrier] of grouped(parts, ({ key }) => key.slice(0, key.lastIndexOf("/") + 1))) {
    const lives = livesUnder(truth, prefix);
    for (const part of ofBarrier) {
      const met = lives.some(
        ({ created: { revision, moment } }) =>
          revision >= part.fence && moment.order < part.granted.order && countAt(lives, revision) >= PARTIES,
      );
      if (!met) return violation(NAME, `${holdingText(part)} was let go on before ${PARTIES} had come`);
    }
  }
  return null;
}

/** How many are in right after a revision. */
function countAt(lives: readonly KeyLife[], revision: number): number {
  return lives.filter(
    ({ created, deleted }) => created.revision <= revision && (deleted === null || deleted.revision > revision),
  ).length;
}
