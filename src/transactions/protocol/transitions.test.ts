/** The pages show the tables and the counter-example as they are. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { threePhaseTransitions } from "./three-phase/transitions.ts";
import { type Transition, transitionTable } from "./transitions.ts";
import { twoPhaseTransitions } from "./two-phase/transitions.ts";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const pageOf = (name: string): string => read(`../../../docs/internals/${name}.md`);

describe("the pages of the commit protocols", () => {
  const pages: readonly (readonly [string, readonly Transition[]])[] = [
    ["two-phase-commit", twoPhaseTransitions],
    ["three-phase-commit", threePhaseTransitions],
  ];
  for (const [name, table] of pages) {
    it(`${name}.md has its table`, () => {
      const wanted = transitionTable(table);
      assert.ok(pageOf(name).includes(wanted), `put this into docs/internals/${name}.md:\n${wanted}`);
    });
  }

  it("three-phase-commit.md has the counter-example that the simulator found", () => {
    assert.ok(pageOf("three-phase-commit").includes(read("testing/golden/three-phase-parted.txt")));
  });
});
