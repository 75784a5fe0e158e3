import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LeaderReads, type ReadAsker } from "./leader-reads.ts";

const own = (id: number): ReadAsker => ({ from: "owner", id });

describe("reads at a leader", () => {
  it("go from parked to fresh to the batch of a round, and count as they wait", () => {
    const reads = new LeaderReads();
    reads.park(own(1));
    reads.add(own(2));
    reads.add(own(3));
    assert.equal(reads.waiting, 3);
    assert.deepEqual(reads.takeParked(), [own(1)]);
    assert.deepEqual(reads.takeParked(), []);
    reads.batch(7, 41);
    assert.equal(reads.hasFresh, false);
    assert.equal(reads.waiting, 1);
  });

  it("are confirmed by their own round or a later one, never by an earlier", () => {
    const reads = new LeaderReads();
    reads.add(own(1));
    reads.batch(7, 41);
    reads.add(own(2));
    reads.batch(8, 42);
    assert.deepEqual(reads.takeConfirmed(6), []);
    assert.deepEqual(reads.takeConfirmed(7), [{ round: 7, index: 41, askers: [own(1)] }]);
    assert.deepEqual(reads.takeConfirmed(9), [{ round: 8, index: 42, askers: [own(2)] }]);
    assert.equal(reads.waiting, 0);
  });

  it("no round is kept for nobody", () => {
    const reads = new LeaderReads();
    reads.batch(7, 41);
    assert.equal(reads.waiting, 0);
  });

  it("are all given back at the end, wherever they wait", () => {
    const reads = new LeaderReads();
    reads.add(own(3));
    reads.batch(1, 1);
    reads.park(own(1));
    reads.add(own(2));
    assert.deepEqual(reads.takeAll(), [own(1), own(2), own(3)]);
    assert.equal(reads.waiting, 0);
  });
});
