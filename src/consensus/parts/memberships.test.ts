import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMembership, emptyMembership } from "../membership.ts";
import { MembershipLog } from "./memberships.ts";

const a = createMembership([1n]);
const b = createMembership([1n, 2n]);
const c = createMembership([2n]);

describe("MembershipLog", () => {
  it("the newest is in force, until its entry is dropped", () => {
    const log = new MembershipLog(a, 1);
    log.append(5, b);
    log.append(8, c);
    assert.deepEqual([log.active, log.activeIndex], [c, 8]);
    assert.deepEqual([log.at(4), log.at(5), log.at(7), log.at(9)], [a, b, b, c]);
    log.truncateFrom(8);
    assert.deepEqual([log.active, log.activeIndex], [b, 5]);
    log.truncateFrom(2);
    assert.equal(log.active, a);
    assert.throws(() => log.truncateFrom(1), /behind a snapshot and cannot be dropped/);
    assert.throws(() => log.append(1, b), /does not follow/);
  });

  it("forgets what was replaced behind a snapshot", () => {
    const log = new MembershipLog(emptyMembership, 0);
    log.append(1, a);
    log.append(5, b);
    log.compact(4);
    assert.equal(log.at(0), a);
    log.compact(5);
    assert.equal(log.at(0), b);
    log.reset(c, 20);
    assert.deepEqual([log.active, log.activeIndex], [c, 20]);
  });

  it("knows which entry brought a membership", () => {
    const log = new MembershipLog(a, 3);
    log.append(5, b);
    assert.deepEqual(
      [0, 3, 4, 5, 9].map((index) => log.indexAt(index)),
      [3, 3, 3, 5, 5],
    );
  });

  // Scenario 23 [cowsql/raft#150].
  it("scenario 23: a member may stand until its removal is committed", () => {
    const log = new MembershipLog(b, 1);
    log.append(5, c);
    assert.equal(log.mayStand(1n, 4), true);
    assert.equal(log.mayStand(1n, 5), false);
    assert.equal(log.mayStand(2n, 5), true);
    assert.equal(log.mayStand(3n, 4), false);
  });
});
