import assert from "node:assert/strict";
import { test } from "node:test";
import { contradictions, type Stamped } from "./real-time-order.ts";

const write = (revision: number, start: number, end: number): Stamped => ({
  what: `w${revision}`,
  start,
  end,
  revision,
  wrote: true,
});
const read = (revision: number, start: number, end: number): Stamped => ({
  what: `r${revision}`,
  start,
  end,
  revision,
  wrote: false,
});

test("what overlaps may be ordered either way", () => {
  assert.deepEqual(contradictions([write(3, 0, 10), write(2, 5, 15), read(2, 6, 7), read(3, 8, 9)]), []);
});

test("a write after an answer gets a higher revision", () => {
  assert.equal(contradictions([write(3, 0, 1), write(2, 2, 3)]).length, 1);
});

test("a read after an answer sees at least its revision", () => {
  assert.deepEqual(contradictions([write(3, 0, 1), read(3, 2, 3), read(4, 2, 3)]), []);
  assert.match(
    contradictions([write(3, 0, 1), read(2, 2, 3)])[0] ?? "",
    /^r2 got revision 2 .* after w3 had been answered/,
  );
});

test("reads do not go back either", () => {
  assert.equal(contradictions([read(5, 0, 1), read(4, 2, 3)]).length, 1);
});

test("no two writes share a revision", () => {
  assert.match(
    contradictions([write(3, 0, 10), { ...write(3, 0, 10), what: "other" }])[0] ?? "",
    /both wrote revision 3/,
  );
});
