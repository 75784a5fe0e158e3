import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assign } from "./assignment.ts";

function assigned(options: readonly (readonly string[])[], right: readonly string[]): (string | null)[] {
  return assign(options, right, (fitting, one) => fitting.includes(one));
}

describe("an assignment", () => {
  it("gives each a partner of its own", () => {
    assert.deepEqual(assigned([["x"], ["y"]], ["y", "x"]), ["x", "y"]);
  });

  it("moves those who have another choice", () => {
    assert.deepEqual(assigned([["x", "y", "z"], ["x"], ["x", "y"]], ["x", "y", "z"]), ["z", "x", "y"]);
  });

  it("leaves alone who fits nowhere, or whose partners are all needed", () => {
    assert.deepEqual(assigned([["x"], ["x"], []], ["x", "y"]), ["x", null, null]);
  });
});
