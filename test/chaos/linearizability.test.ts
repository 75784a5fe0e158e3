import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { checkRegister, type Operation, type Step } from "./linearizability.ts";

const read = (value: string | null, start: number, end: number): Operation => ({
  step: { type: "read", value },
  start,
  end,
});
const write = (value: string, start: number, end: number): Operation => ({
  step: { type: "write", value },
  start,
  end,
});
const cas = (expected: string | null, value: string, start: number, end: number): Operation => ({
  step: { type: "cas", expected, value },
  start,
  end,
});
const never = Number.POSITIVE_INFINITY;

describe("checkRegister", () => {
  const right: Record<string, Operation[]> = {
    "nothing happened": [],
    "absent before the first write": [read(null, 0, 1)],
    "a read sees the write before it": [write("a", 0, 1), read("a", 2, 3)],
    "a read beside a write sees either": [write("a", 0, 10), read(null, 1, 2), read("a", 3, 4)],
    "two writes at once, read in the order of the second": [
      write("a", 0, 10),
      write("b", 0, 10),
      read("b", 1, 2),
      read("a", 3, 4),
    ],
    "a write of unknown outcome that took effect late": [write("a", 0, never), read(null, 5, 6), read("a", 7, 8)],
    "a write of unknown outcome that never took effect": [write("a", 0, never), read(null, 5, 6), read(null, 7, 8)],
    "a read without an answer says nothing": [write("a", 0, 1), read("z", 2, never)],
    "compare-and-set from absent, then from a value": [cas(null, "a", 0, 1), cas("a", "b", 2, 3), read("b", 4, 5)],
    "a compare-and-set of unknown outcome that another built on": [cas(null, "a", 0, never), cas("a", "b", 2, 3)],
  };
  for (const [name, history] of Object.entries(right)) {
    test(`explains: ${name}`, () => assert.deepEqual(checkRegister(history), { linearizable: true }));
  }

  const wrong: Record<string, Operation[]> = {
    "a stale read": [write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)],
    "a lost write": [write("a", 0, 1), read(null, 2, 3)],
    "a value that nobody wrote": [write("a", 0, 1), read("b", 2, 3)],
    "time running backwards beside a write": [write("a", 0, 10), read("a", 1, 2), read(null, 3, 4)],
    "two compare-and-sets from one value": [write("a", 0, 1), cas("a", "b", 2, 9), cas("a", "c", 2, 9)],
    "a value read before anyone wrote it": [read("a", 0, 1), write("a", 2, 3)],
    "an unknown write that was seen, then unseen": [write("a", 0, never), read("a", 1, 2), read(null, 3, 4)],
    "an unknown write that came back": [
      write("a", 0, never),
      read("a", 1, 2),
      write("b", 3, 4),
      read("b", 5, 6),
      read("a", 7, 8),
    ],
  };
  for (const [name, history] of Object.entries(wrong)) {
    test(`refuses: ${name}`, () => assert.equal(checkRegister(history).linearizable, false));
  }

  test("says where the explanation ended", () => {
    const stale = read("a", 4, 5);
    const verdict = checkRegister([write("a", 0, 1), write("b", 2, 3), stale]);
    assert.deepEqual(verdict, { linearizable: false, explained: 2, value: "b", stuck: [stale] });
  });

  test("agrees with trying every order", () => {
    const operation = (at: number): fc.Arbitrary<Operation> =>
      fc
        .record({
          kind: fc.constantFrom("read", "write", "cas"),
          other: fc.constantFrom(null, "v0", "v1", "v2", "v3", "v4"),
          start: fc.integer({ min: 0, max: 8 }),
          length: fc.integer({ min: 0, max: 6 }),
          unknown: fc.integer({ min: 0, max: 4 }),
        })
        .map(({ kind, other, start, length, unknown }) => {
          const step: Step =
            kind === "read"
              ? { type: "read", value: other }
              : kind === "write"
                ? { type: "write", value: `v${at}` }
                : { type: "cas", expected: other, value: `v${at}` };
          return { step, start, end: unknown === 0 ? never : start + length };
        });
    const outcomes = { explained: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 5 })
          .chain((size) => fc.tuple(...Array.from({ length: size }, (_, at) => operation(at)))),
        (history) => {
          const expected = someOrderFits(history);
          outcomes[expected ? "explained" : "refused"]++;
          assert.equal(checkRegister(history).linearizable, expected);
        },
      ),
      { numRuns: 3_000 },
    );
    assert.ok(outcomes.explained > 100 && outcomes.refused > 100, JSON.stringify(outcomes));
  });

  test("is quick on a long history with many at once", () => {
    const history: Operation[] = [];
    for (let i = 0; i < 400; i++) {
      history.push(write(`v${i}`, i * 10, i * 10 + 45));
      history.push(read(`v${i}`, i * 10 + 30, i * 10 + 48));
    }
    assert.equal(checkRegister(history).linearizable, true);
  });
});

/** The definition itself: any order of any choice of the unknown, in which none comes before one that ended earlier. */
function someOrderFits(history: readonly Operation[]): boolean {
  const place = (left: readonly Operation[], value: string | null): boolean => {
    if (left.every((operation) => operation.end === never)) return true;
    return left.some((operation) => {
      const rest = left.filter((other) => other !== operation);
      if (rest.some((other) => other.end < operation.start)) return false;
      const { step } = operation;
      if (step.type === "write") return place(rest, step.value);
      if (operation.end === never && step.type === "read") return false;
      const needed = step.type === "read" ? step.value : step.expected;
      return needed === value && place(rest, step.type === "cas" ? step.value : value);
    });
  };
  return place(history, null);
}
