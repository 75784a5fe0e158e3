import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "./random.ts";

const draw = (seed: number, count: number): number[] => {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => random.uint32());
};

describe("SeededRandom", () => {
  it("gives the same numbers for the same seed, on every machine", () => {
    assert.deepEqual(draw(42, 5), draw(42, 5));
    assert.notDeepEqual(draw(42, 5), draw(43, 5));
    assert.notDeepEqual(draw(0, 5), draw(1, 5));
  });

  it("spreads over the whole range, from neighbouring seeds too", () => {
    const firsts = Array.from({ length: 4000 }, (_, seed) => draw(seed, 1)[0] as number);
    assert.equal(new Set(firsts).size, 4000);
    for (let part = 0; part < 8; part++) {
      const hits = firsts.filter((value) => Math.floor(value / 2 ** 29) === part).length;
      assert.ok(hits > 400 && hits < 600, `${hits} of 4000 in eighth ${part}`);
    }
  });

  it("keeps its bounds", () => {
    const random = new SeededRandom(7);
    for (let i = 0; i < 1000; i++) {
      const below = random.below(3);
      assert.ok(Number.isInteger(below) && below >= 0 && below < 3);
      const between = random.between(10, 20);
      assert.ok(between >= 10 && between < 20);
    }
    assert.equal(random.chance(0), false);
    assert.equal(random.chance(1), true);
  });
});
