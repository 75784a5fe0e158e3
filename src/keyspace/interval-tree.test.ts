import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type IntervalEnd, IntervalTree } from "./interval-tree.ts";

interface Mark {
  readonly name: number;
}

const key = fc.string({ unit: fc.constantFrom("a", "b", "c", "\0", "\xff"), maxLength: 3 });

test("stabbing finds exactly the values whose interval holds the key", () => {
  const marks = Array.from({ length: 4 }, (_, name): Mark => ({ name }));
  const step = fc.record({
    insert: fc.boolean(),
    from: key,
    to: fc.option(key, { nil: null }),
    who: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.array(key, { minLength: 1, maxLength: 10 }), (steps, probes) => {
      const tree = new IntervalTree<Mark>();
      let model: { from: string; to: IntervalEnd; mark: Mark }[] = [];
      for (const { insert, from, to, who } of steps) {
        const mark = marks[who];
        assert.ok(mark !== undefined);
        const same = (other: (typeof model)[number]): boolean =>
          other.from === from && other.to === to && other.mark === mark;
        const there = model.some(same);
        if (insert) {
          tree.insert(from, to, mark);
          if (!there) model.push({ from, to, mark });
        } else {
          assert.equal(tree.remove(from, to, mark), there);
          model = model.filter((other) => !same(other));
        }
        assert.equal(tree.intervals, new Set(model.map((each) => JSON.stringify([each.from, each.to]))).size);
      }
      for (const probe of probes) {
        const found: number[] = [];
        tree.stab(probe, (mark) => found.push(mark.name));
        const wanted = model.filter(({ from, to }) => from <= probe && (to === null || probe < to));
        const byNumber = (a: number, b: number): number => a - b;
        assert.deepEqual(found.sort(byNumber), wanted.map(({ mark }) => mark.name).sort(byNumber));
      }
    }),
  );
});

test("a stab among 100,000 intervals looks at a few dozen nodes", () => {
  const tree = new IntervalTree<Mark>();
  const count = 100_000;
  const name = (n: number): string => `key/${String(n).padStart(8, "0")}`;
  // In ascending order: the worst for a tree that does not balance itself.
  for (let n = 0; n < count; n++) tree.insert(name(2 * n), name(2 * n + 1), { name: n });
  for (const n of [0, 1, 777, 50_000, count - 1]) {
    const found: number[] = [];
    const looked = tree.stab(name(2 * n), (mark) => found.push(mark.name));
    assert.deepEqual(found, [n]);
    assert.ok(looked <= 2 * Math.ceil(Math.log2(count)) + 2, `looked at ${looked} nodes`);
    assert.ok(tree.stab(name(2 * n + 1), () => assert.fail("nothing is there")) <= 40);
  }
});
