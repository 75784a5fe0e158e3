/** The books of the chaos of recipes find what they are there to find. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AddBook, placeOf } from "./adds.ts";
import { excesses, Holdings, misorders } from "./holdings.ts";

const grant = (fence: number, weight = 1, name = `c${fence}`) => ({
  domain: "lock" as const,
  grant: name,
  fence,
  weight,
});

describe("holdings", () => {
  test("one after the other is no fault", () => {
    const holdings = new Holdings();
    for (const [fence, times] of [
      [4, [10, 20]],
      [9, [21, 30]],
    ] as const) {
      for (const at of times) holdings.note(grant(fence), at);
    }
    assert.deepEqual(excesses(holdings.of("lock"), 1), []);
    assert.deepEqual(misorders(holdings.of("lock"), 1), []);
    assert.deepEqual(holdings.disputes, []);
    assert.equal(holdings.newest("lock")?.fence, 9);
  });

  test("two at once are found, also when one was in between only", () => {
    const holdings = new Holdings();
    for (const at of [10, 40]) holdings.note(grant(4), at);
    holdings.note(grant(9), 20);
    assert.equal(excesses(holdings.of("lock"), 1).length, 1);
    assert.deepEqual(excesses(holdings.of("lock"), 2), []);
  });

  test("weights count: two readers may, a reader and a writer may not", () => {
    const holdings = new Holdings();
    holdings.note(grant(1), 5);
    holdings.note(grant(1), 9);
    holdings.note(grant(2), 6);
    assert.deepEqual(excesses(holdings.of("lock"), 10), []);
    holdings.note(grant(3, 10), 8);
    assert.equal(excesses(holdings.of("lock"), 10).length, 1);
  });

  test("a fence of two grants, and a smaller fence after a larger one, are found", () => {
    const holdings = new Holdings();
    holdings.note(grant(4), 10);
    holdings.note(grant(4, 1, "another"), 20);
    assert.equal(holdings.disputes.length, 1);
    holdings.note(grant(3), 30);
    assert.equal(misorders(holdings.of("lock"), 1).length, 1);
  });
});

describe("adds", () => {
  test("sums tell of each add how often it was made", () => {
    const book = new AddBook("plain");
    const numbers = Array.from({ length: 300 }, () => book.begin());
    for (const number of numbers)
      book.end(number, number % 3 === 0 ? "made" : number % 3 === 1 ? "not made" : "unknown");
    const sums = (made: (number: number) => number): Map<string, bigint> => {
      const all = new Map<string, bigint>();
      for (const number of numbers) {
        const { counter, delta } = placeOf("plain", number);
        all.set(counter, (all.get(counter) ?? 0n) + delta * BigInt(made(number)));
      }
      return all;
    };
    assert.deepEqual(book.counters, ["plain/0", "plain/1"]);
    const right = (number: number): number => (number % 3 === 0 || number === 2 ? 1 : 0);
    assert.deepEqual(book.audit(sums(right)), { faults: [], unknownMade: 1 });
    for (const [wrong, times] of [
      [3, 0],
      [3, 2],
      [1, 1],
      [2, 2],
      [299, 3],
    ]) {
      const { faults } = book.audit(sums((number) => (number === wrong ? (times ?? 0) : right(number))));
      assert.equal(faults.length, 1, `add ${wrong} made ${times} times: ${faults.join("; ")}`);
    }
    assert.equal(
      book.audit(sums(right).set("plain/1", 4n ** 200n)).faults.length,
      14 + 1,
      "14 are gone, and one is foreign",
    );
  });
});
