import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeDifference } from "./difference.ts";

describe("a difference", () => {
  it("is none between equal lists", () => {
    assert.equal(describeDifference([], []), null);
    assert.equal(describeDifference(["a", "b"], ["a", "b"]), null);
  });

  it("shows what is missing and what is new, with what stands near", () => {
    const recorded = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const found = ["a", "b", "c", "d", "E", "f", "g", "h"];
    assert.deepEqual(describeDifference(recorded, found)?.split("\n"), [
      "      ... 2 more as recorded",
      "      c",
      "      d",
      "    - e",
      "    + E",
      "      f",
      "      g",
      "      ... 1 more as recorded",
    ]);
    assert.equal(describeDifference(["a"], []), "    - a");
    assert.equal(describeDifference([], ["a"]), "    + a");
  });
});
