import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatScenario, parseScenario, type Step } from "./scenario-file.ts";

const head = [
  "# Title",
  "#",
  "# scenario 2, 5",
  "# source   a paper;",
  "#          a thread",
  "#",
  "# It goes",
  "# wrong.",
];
const text = [...head, "", "cluster 3 voters", "# prose", "elect 1", "> one", "> two", "wait 1 s", ""].join("\n");
const stepsOf = (source: string): Step[] => parseScenario(source).parts.filter((part) => part.kind === "step");

describe("a scenario file", () => {
  it("says in its head what it is about", () => {
    const { title, numbers, source, why } = parseScenario(text);
    assert.deepEqual([title, numbers, source, why], ["Title", [2, 5], "a paper; a thread", "It goes\nwrong."]);
  });

  it("has steps with what was recorded, and comes back as it was", () => {
    assert.deepEqual(
      stepsOf(text).map(({ line, text: step, output }) => [line, step, output]),
      [
        [10, "cluster 3 voters", []],
        [12, "elect 1", ["one", "two"]],
        [15, "wait 1 s", []],
      ],
    );
    assert.equal(
      formatScenario(parseScenario(text), ({ output }) => output),
      text,
    );
  });

  it("is refused without a title, a number, a source or a reason, and with output that belongs to no step", () => {
    const without = (line: number): string => head.filter((_, i) => i !== line).join("\n");
    assert.throws(() => parseScenario(""), /begins with its title/);
    assert.throws(() => parseScenario(without(2)), /"Title": the head must have a line "# scenario 2, 5"/);
    assert.throws(() => parseScenario(head.slice(0, 3).join("\n")), /must have a line "# source/);
    assert.throws(() => parseScenario(head.slice(0, 5).join("\n")), /must say what goes wrong/);
    assert.throws(() => parseScenario(`${head.join("\n")}\n\n> lost`), /line 10: recorded output without a step/);
  });
});
