import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ForwardedReads, maxForwardedReads } from "./forwarded-reads.ts";

describe("reads forwarded to the leader", () => {
  it("share a question a turn, and its answer is taken once", () => {
    const reads = new ForwardedReads(5);
    assert.ok(reads.add(1) && reads.add(2) && reads.hasFresh);
    const token = reads.ask(100);
    assert.equal(reads.hasFresh, false);
    assert.deepEqual(reads.take(token), [1, 2]);
    assert.equal(reads.take(token), null);
  });

  it("have tokens that no other life has", () => {
    const [a, b] = [new ForwardedReads(5), new ForwardedReads(6)];
    a.add(1);
    b.add(1);
    const token = a.ask(100);
    assert.notEqual(token, b.ask(100));
    assert.equal(b.take(token), null);
    assert.ok(new ForwardedReads(0xffff_ffff).ask(0) < Number.MAX_SAFE_INTEGER);
  });

  it("are overdue at their deadline, not before", () => {
    const reads = new ForwardedReads(5);
    reads.add(1);
    const first = reads.ask(100);
    reads.add(2);
    const second = reads.ask(200);
    assert.deepEqual(reads.takeOverdue(99), []);
    assert.deepEqual(reads.takeOverdue(100), [1]);
    assert.equal(reads.take(first), null);
    assert.deepEqual(reads.take(second), [2]);
  });

  it("are given back whether they were asked for or not", () => {
    const reads = new ForwardedReads(5);
    reads.add(1);
    reads.ask(100);
    reads.add(2);
    assert.deepEqual(reads.takeAll(), [1, 2]);
    assert.deepEqual(reads.takeAll(), []);
  });

  it("are turned away when too many wait", () => {
    const reads = new ForwardedReads(5);
    for (let id = 0; id < maxForwardedReads; id++) assert.ok(reads.add(id));
    assert.equal(reads.add(-1), false);
  });
});
