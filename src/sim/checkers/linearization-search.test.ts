import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../../consensus/random.ts";
import { findLinearization, type Model, type Operation, type Verdict } from "./linearization-search.ts";

/** A register, which answers say nothing about but its value; null stands for a write. */
interface RegisterCall {
  readonly write: number | null;
  readonly read: number | null;
}

const register: Model<number, RegisterCall> = {
  initial: 0,
  resources: 0n,
  step(state, { write, read }) {
    if (write !== null) return { states: [write], conflict: 1n, reason: "" };
    if (read === state) return { states: [state], conflict: 0n, reason: "" };
    return { states: [], conflict: 1n, reason: `it was ${state}, not ${read}` };
  },
  key: String,
  rank: () => 0,
  touches: () => 1n,
  changes: ({ write }) => (write === null ? 0n : 1n),
  depends: () => 0n,
};

/** `w3 1-4`: writes 3 from moment 1 to 4; without an end: nobody knows. */
function parse(text: string): Operation<RegisterCall>[] {
  return text.split(",").map((one) => {
    const [, kind, value, invoked, returned] = /([wr])(\d+) (\d+)-(\d*)/.exec(one) ?? [];
    const call = kind === "w" ? { write: Number(value), read: null } : { write: null, read: Number(value) };
    return { call, invoked: Number(invoked), returned: returned === "" ? null : Number(returned) };
  });
}

function search(text: string): Verdict<RegisterCall> {
  return findLinearization(register, parse(text), 10_000);
}

describe("the search for a linearization", () => {
  const linearizable = [
    "w1 1-2,r1 3-4",
    "w1 1-10,r0 2-3,r1 4-5",
    "w1 1-10,w2 2-9,r1 11-12",
    "w1 1-10,w2 2-9,r2 11-12",
    "w1 1-,r0 2-3,r0 4-5,r1 6-7",
    "w1 1-,w2 2-,r1 3-4,r2 5-6",
    "w1 1-,w2 2-,r2 3-4,r1 5-6",
    "w1 1-20,r1 2-19,r0 3-18",
  ];
  for (const text of linearizable) {
    it(`finds an order of ${text}`, () => assert.equal(search(text).type, "linearizable"));
  }

  const impossible = [
    "w1 1-2,r0 3-4",
    "w1 1-2,w2 3-4,r1 5-6",
    "w1 1-10,r1 2-3,r0 4-5",
    "r1 1-2,w1 3-4",
    "r1 1-2,w1 3-",
    "w1 1-,r1 2-3,r0 4-5",
    "w1 1-,w2 2-,r1 3-4,r2 5-6,r1 7-8",
  ];
  for (const text of impossible) {
    it(`finds no order of ${text}`, () => assert.equal(search(text).type, "impossible"));
  }

  it("says how far it came, what could come next and why it can't", () => {
    const verdict = search("w1 1-2,w2 3-,r5 4-5");
    assert.ok(verdict.type === "impossible");
    assert.deepEqual(verdict.order, [{ write: 1, read: null }]);
    assert.deepEqual(
      verdict.attempts.map(({ inserted, call, reason }) => [inserted.length, call.read, reason]),
      [
        [0, 5, "it was 1, not 5"],
        [1, 5, "it was 2, not 5"],
      ],
    );
  });

  it("gives up after as many steps as it may take", () => {
    const writes = Array.from({ length: 12 }, (_, at) => `w${at + 1} ${at + 1}-${at + 100}`);
    const verdict = findLinearization(register, parse([...writes, "r99 200-201"].join()), 1_000);
    assert.ok(verdict.type === "undecided");
    assert.equal(verdict.order.length, 12);
    assert.match(verdict.attempts[0]?.reason ?? "", /it was \d+, not 99/);
  });

  it("does not look twice at the same calls with the same state", () => {
    const writes = Array.from({ length: 12 }, (_, at) => `w${at + 1} ${at + 1}-${at + 100}`);
    // 12! orders, but only 2^12 sets with 12 states each.
    assert.equal(findLinearization(register, parse([...writes, "r99 200-201"].join()), 400_000).type, "impossible");
  });

  it("lets ranks decide, and finds them against real time", () => {
    const ranked = (ranks: readonly number[]): Verdict<RegisterCall> => {
      const operations = parse("w1 1-2,w2 3-4");
      const rank = (call: RegisterCall): number => ranks[operations.findIndex((one) => one.call === call)] ?? 0;
      return findLinearization({ ...register, rank }, operations, 100);
    };
    assert.equal(ranked([1, 2]).type, "linearizable");
    const verdict = ranked([2, 1]);
    assert.ok(verdict.type === "impossible");
    assert.match(verdict.attempts[0]?.reason ?? "", /had returned before it was invoked/);
  });

  it("says what trying all orders says", () => {
    const random = new SeededRandom(7);
    const counts = { linearizable: 0, impossible: 0, undecided: 0 };
    for (let round = 0; round < 3_000; round++) {
      const operations = randomOperations(random, 2 + random.below(5));
      const { type } = findLinearization(register, operations, 100_000);
      counts[type] += 1;
      assert.equal(type === "linearizable", existsOrder(operations, 0), JSON.stringify(operations));
    }
    assert.ok(counts.linearizable > 500 && counts.impossible > 500, JSON.stringify(counts));
  });
});

function randomOperations(random: SeededRandom, count: number): Operation<RegisterCall>[] {
  const moments = Array.from({ length: 2 * count }, (_, at) => ({ at, by: random.uint32() }))
    .sort((a, b) => a.by - b.by)
    .map(({ at }) => at);
  return Array.from({ length: count }, (_, at) => {
    const [a = 0, b = 0] = moments.slice(2 * at, 2 * at + 2);
    const value = random.below(3);
    const isWrite = random.chance(0.5);
    const call = isWrite ? { write: value, read: null } : { write: null, read: value };
    return { call, invoked: Math.min(a, b), returned: isWrite && random.chance(0.3) ? null : Math.max(a, b) };
  });
}

function existsOrder(operations: readonly Operation<RegisterCall>[], state: number): boolean {
  if (operations.every(({ returned }) => returned === null)) return true;
  const firstReturn = Math.min(...operations.map(({ returned }) => returned ?? Number.POSITIVE_INFINITY));
  return operations.some((next) => {
    if (next.invoked > firstReturn) return false;
    const rest = operations.filter((other) => other !== next);
    const { write, read } = next.call;
    return write === null ? read === state && existsOrder(rest, state) : existsOrder(rest, write);
  });
}
