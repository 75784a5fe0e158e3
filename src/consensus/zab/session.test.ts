import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Arrival, place, type Stream } from "./session.ts";

describe("a stream", () => {
  const stream = (broken = false): Stream => ({ session: 5, expected: 3, match: 9, broken });

  it("places each message by its session and number", () => {
    const cases: [Stream | null, session: number, counter: number, Arrival][] = [
      [null, 5, 0, "first"],
      [null, 5, 1, "gap"],
      [stream(), 6, 0, "first"],
      [stream(), 6, 2, "gap"],
      [stream(), 4, 0, "outdated"],
      [stream(), 4, 3, "outdated"],
      [stream(), 5, 0, "duplicate"],
      [stream(), 5, 2, "duplicate"],
      [stream(), 5, 3, "next"],
      [stream(), 5, 4, "gap"],
      [stream(true), 5, 2, "duplicate"],
      [stream(true), 5, 3, "outdated"],
      [stream(true), 5, 4, "outdated"],
      [stream(true), 6, 0, "first"],
    ];
    for (const [known, session, counter, expected] of cases) {
      assert.equal(place(known, session, counter), expected, `${session}/${counter}`);
    }
  });
});
