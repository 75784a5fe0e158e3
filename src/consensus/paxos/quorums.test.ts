import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMembership } from "../membership.ts";
import { hasPhase1, hasPhase2, phase1Possible, phase1Size, phase2Reached, phase2Size } from "./quorums.ts";

describe("quorums", () => {
  it("of the two phases always meet, and those of phase 1 each other", () => {
    for (let voters = 1; voters <= 9; voters++) {
      for (let configured = 0; configured <= 10; configured++) {
        const [one, two] = [phase1Size(voters, configured), phase2Size(voters, configured)];
        assert.ok(one + two > voters && 2 * one > voters && one <= voters && two <= voters, `${voters} ${configured}`);
      }
    }
    assert.deepEqual([phase1Size(5, 0), phase2Size(5, 0)], [3, 3]);
    assert.deepEqual([phase1Size(5, 2), phase2Size(5, 2)], [4, 2]);
    assert.deepEqual([phase1Size(3, 1), phase2Size(3, 1)], [3, 1]);
    // More than a majority for phase 2 makes elections no easier than a majority.
    assert.deepEqual([phase1Size(5, 5), phase2Size(5, 5)], [3, 5]);
  });

  it("count who agrees", () => {
    const five = createMembership([1n, 2n, 3n, 4n, 5n], [6n]);
    const among =
      (...ids: bigint[]) =>
      (id: bigint): boolean =>
        ids.includes(id);
    assert.equal(hasPhase1(five, 2, among(1n, 2n, 3n, 6n)), false);
    assert.equal(hasPhase1(five, 2, among(1n, 2n, 3n, 4n)), true);
    assert.equal(hasPhase2(five, 2, among(5n, 6n)), false);
    assert.equal(hasPhase2(five, 2, among(4n, 5n)), true);
    assert.equal(phase1Possible(five, 2, among(1n)), true);
    assert.equal(phase1Possible(five, 2, among(1n, 2n)), false);
    const reached = new Map([1n, 2n, 3n, 4n, 5n].map((id) => [id, Number(id) * 10]));
    assert.equal(
      phase2Reached(five, 0, (id) => reached.get(id) ?? 0),
      30,
    );
    assert.equal(
      phase2Reached(five, 2, (id) => reached.get(id) ?? 0),
      40,
    );
    assert.equal(
      phase2Reached(createMembership([1n]), 4, () => 7),
      7,
    );
  });
});
