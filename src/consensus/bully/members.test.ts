import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { QuorateError } from "../../errors.ts";
import { type BullyMember, checkMembers, Ranking } from "./members.ts";

const members: readonly BullyMember[] = [
  { id: 10n, number: 2 },
  { id: 11n, number: 7 },
  { id: 12n, number: 2 },
  { id: 13n, number: -1 },
];

describe("ranking", () => {
  it("goes by number, then by id", () => {
    const ranking = new Ranking(members);
    assert.deepEqual(ranking.ids, [11n, 12n, 10n, 13n]);
    assert.deepEqual(ranking.above(10n), [11n, 12n]);
    assert.deepEqual(ranking.above(11n), []);
    assert.ok(ranking.outranks(12n, 10n) && !ranking.outranks(10n, 12n) && !ranking.outranks(10n, 10n));
    assert.ok(ranking.has(13n) && !ranking.has(14n));
    assert.throws(() => ranking.above(14n), /e is no member/);
  });

  it("is the same whatever the order they are named in", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...members], { minLength: members.length }), (shuffled) => {
        assert.deepEqual(new Ranking(shuffled).ids, new Ranking(members).ids);
      }),
    );
  });
});

describe("members", () => {
  const refused = (list: readonly BullyMember[], message: RegExp): void => {
    assert.throws(
      () => checkMembers(list, 4),
      (error) => error instanceof QuorateError && error.code === "CONFIG" && message.test(error.message),
    );
  };

  it("are refused where they cannot be", () => {
    checkMembers(members, 4);
    checkMembers([], 4);
    refused([...members, { id: 14n, number: 0 }], /5 members are too many: raise maxMembers \(4\)/);
    refused([{ id: 0n, number: 0 }], /member id 0 must be/);
    refused([{ id: 1n << 64n, number: 0 }], /member id 18446744073709551616 must be/);
    refused([{ id: 10n, number: 0.5 }], /the number of member a is 0.5/);
    refused([{ id: 10n, number: Number.NaN }], /the number of member a is NaN/);
    refused(
      [
        { id: 10n, number: 0 },
        { id: 10n, number: 1 },
      ],
      /member a is named twice/,
    );
  });
});
