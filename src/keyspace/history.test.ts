import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { History } from "./history.ts";
import { type KeyRecord, makeRecord } from "./record.ts";

interface Kept {
  readonly record: KeyRecord;
  readonly superseded: number;
}

function change(revision: number, sub: number): KeyRecord {
  return makeRecord("k", revision, revision, 1, "", 0n, sub, false, null);
}

test("changes, sums and searches are those of a plain list, across blocks and drops", () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant("push" as const),
        revisions: fc.nat(700),
        subs: fc.integer({ min: 1, max: 3 }),
        bytes: fc.nat(9),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ type: fc.constant("drop" as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant("look" as const),
        part: fc.double({ min: -0.1, max: 1.1, noNaN: true }),
      }),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 3, maxLength: 20 }), (steps) => {
      const history = new History();
      const all: Kept[] = [];
      let first = 0;
      let revision = 1;
      for (const each of steps) {
        if (each.type === "push") {
          for (let i = 0; i < each.revisions; i++) {
            revision++;
            for (let sub = 0; sub < each.subs; sub++) {
              const one = change(revision, sub);
              history.push(one, each.bytes + sub);
              all.push({ record: one, superseded: each.bytes + sub });
            }
          }
        } else if (each.type === "drop") {
          const index = first + Math.floor((all.length - first) * each.part);
          history.dropBefore(index);
          first = Math.max(first, index);
        } else {
          const at = Math.floor(revision * each.part);
          const upTo = (end: number): number => all.slice(0, end).reduce((sum, one) => sum + one.superseded, 0);
          const kept = all.slice(first);
          const behind = kept.findIndex((one) => one.record.modRevision >= at);
          assert.equal(history.indexOf(at), behind < 0 ? all.length : first + behind);
          const sumIndex = Math.max(first, all.filter((one) => one.record.modRevision <= at).length);
          assert.equal(history.supersededUpTo(at), upTo(sumIndex));
          assert.equal(history.superseded, upTo(all.length));
          if (kept.length > 0) {
            const bytes = Math.floor(history.superseded * each.part);
            const found = all.findIndex((_, index) => index >= first && upTo(index + 1) >= bytes);
            const expected = (all[found] ?? all.at(-1))?.record.modRevision;
            assert.equal(history.revisionSuperseding(bytes), expected);
          }
        }
        assert.deepEqual([history.first, history.end], [first, all.length]);
      }
      const seen: KeyRecord[] = [];
      history.forEach(0, (record) => seen.push(record) > 0);
      assert.deepEqual(
        seen,
        all.slice(first).map(({ record }) => record),
      );
    }),
    { numRuns: 40 },
  );
});

test("what is not there cannot be asked for or dropped; dropping twice is no error", () => {
  const history = new History();
  for (let revision = 2; revision < 12; revision++) history.push(change(revision, 0), 0);
  history.dropBefore(4);
  assert.throws(() => history.at(3), /no change 3 in 4 to 10/);
  assert.throws(() => history.at(10), /no change 10 in 4 to 10/);
  assert.throws(() => history.dropBefore(11), /cannot drop up to 11 of 10/);
  assert.equal(history.at(4).modRevision, 6);
  history.dropBefore(2);
  assert.equal(history.first, 4);
});
