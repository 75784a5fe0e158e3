/**
 * Both protocols in every state that they can reach within bounds. The longer runs take minutes:
 *
 *     QUORATE_EXHAUSTIVE=all node --test src/transactions/protocol/exhaustive.test.ts
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Exploration, Explorer } from "./testing/explorer.ts";
import { assertGolden } from "./testing/golden.ts";
import type { Observed } from "./testing/model.ts";
import type { Plan } from "./testing/plan.ts";
import { longPlans, partedPlan, threePhasePlans, twoPhasePlans } from "./testing/plans.ts";
import { blockedStates, describeState, endlessStates } from "./testing/progress.ts";
import { threePhaseTransitions } from "./three-phase/transitions.ts";
import type { Transition } from "./transitions.ts";
import { twoPhaseTransitions } from "./two-phase/transitions.ts";

const isLong = process.env.QUORATE_EXHAUSTIVE === "all";

function explore(plan: Plan): { explorer: Explorer; exploration: Exploration } {
  const explorer = new Explorer(plan);
  return { explorer, exploration: explorer.run() };
}

function assertSound({ violation }: Exploration): void {
  if (violation === null) return;
  assert.fail(`${violation.property}: ${violation.what}\n${violation.steps.join("\n")}`);
}

/** The table says what was seen, and everything that was. */
function assertTable(table: readonly Transition[], seen: ReadonlyMap<string, Observed>): void {
  const rows = table.map(({ role, phase, on, log, to }) => Object.values({ role, phase, on, log, to }).join(" | "));
  assert.deepEqual([...seen.keys()].sort(), rows.sort());
}

function note(seen: Map<string, Observed>, { observed }: Exploration): void {
  for (const { role, phase, on, log, to } of observed) {
    const one = { role, phase, on, log, to };
    seen.set(Object.values(one).join(" | "), one);
  }
}

/** Each kind of state once, with its count. */
function census(explorer: Explorer, states: readonly number[]): string[] {
  const counts = new Map<string, number>();
  for (const state of states) {
    const kind = describeState(explorer, state);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${kind}: ${count}`).sort();
}

function assertEnds(explorer: Explorer): void {
  const [first] = endlessStates(explorer);
  if (first === undefined) return;
  assert.fail(`${describeState(explorer, first)} has no end:\n${explorer.storyOf(first).join("\n")}`);
}

describe("two-phase commit, exhaustively", () => {
  const seen = new Map<string, Observed>();
  for (const plan of [...twoPhasePlans, ...longPlans.filter(({ model }) => isLong && model.name === "2PC")]) {
    it(`${plan.name}: clean`, () => {
      const { explorer, exploration } = explore(plan);
      assertSound(exploration);
      note(seen, exploration);
      if (!plan.graph) return;
      if (plan.returns) assertEnds(explorer);
      const blocked = census(explorer, blockedStates(explorer));
      // It blocks there and nowhere else: the only one who knows is down.
      for (const kind of blocked) assert.match(kind, /^c down .* \| .*p\d prepared/);
      assertGolden("two-phase-blocked.txt", `${blocked.join("\n")}\n`);
    });
  }

  it("has all its timeouts and crashes in one table", () => assertTable(twoPhaseTransitions, seen));
});

describe("three-phase commit, exhaustively", () => {
  const seen = new Map<string, Observed>();
  for (const plan of [...threePhasePlans, ...longPlans.filter(({ model }) => isLong && model.name === "3PC")]) {
    it(`${plan.name}: clean while the network is whole`, () => {
      const { explorer, exploration } = explore(plan);
      assertSound(exploration);
      note(seen, exploration);
      if (!plan.graph) return;
      if (plan.returns) assertEnds(explorer);
      // Nobody who was up all the time is ever blocked.
      const blocked = census(explorer, blockedStates(explorer));
      assert.deepEqual(
        blocked.filter((kind) => /following|collecting|spreading/.test(kind)),
        [],
      );
    });
  }

  it("has all its timeouts and crashes in one table", () => assertTable(threePhaseTransitions, seen));

  it("breaks when the network parts: the known counter-example is found", () => {
    const { exploration } = explore(partedPlan);
    const { violation } = exploration;
    assert.ok(violation !== null, "3PC was not found wrong on a parted network");
    const { property, what, steps } = violation;
    assert.equal(property, "atomicity");
    assertGolden("three-phase-parted.txt", `${[...steps, `${property}: ${what}`].join("\n")}\n`);
  });
});
