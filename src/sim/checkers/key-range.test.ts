import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isInRange, type KeyRange, lowerBound } from "./key-range.ts";

describe("key ranges", () => {
  const keys = ["", "\0", "a", "a\0", "b", "c", "\xff"];
  const cases: [KeyRange, string[]][] = [
    [{ key: "a", rangeEnd: "" }, ["a"]],
    [{ key: "a", rangeEnd: "c" }, ["a", "a\0", "b"]],
    [{ key: "b", rangeEnd: "\0" }, ["b", "c", "\xff"]],
    [{ key: "\0", rangeEnd: "\0" }, ["\0", "a", "a\0", "b", "c", "\xff"]],
    [{ key: "c", rangeEnd: "a" }, []],
  ];
  for (const [range, inside] of cases) {
    it(`[${JSON.stringify(range.key)}, ${JSON.stringify(range.rangeEnd)}) has its keys`, () => {
      assert.deepEqual(
        keys.filter((key) => isInRange(key, range)),
        inside,
      );
    });
  }

  it("finds where a key would be", () => {
    assert.deepEqual(
      ["", "a", "aa", "c", "z"].map((key) => lowerBound(["a", "b", "c"], key)),
      [0, 0, 1, 2, 3],
    );
  });
});
