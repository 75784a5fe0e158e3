import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Progress } from "./progress.ts";

const progress = (): Progress => new Progress(2n, { learner: false, next: 5, now: 0, maxMessages: 2, maxBytes: 100 });

describe("Progress", () => {
  it("probes with one message at a time", () => {
    const p = progress();
    assert.equal(p.maySend, true);
    p.sent(6, 10);
    assert.deepEqual([p.maySend, p.next, p.inflightMessages], [false, 5, 0]);
    p.acknowledged(6);
    p.becomeReplicate();
    assert.deepEqual([p.maySend, p.match, p.next], [true, 6, 7]);
  });

  it("replicates within a window of messages and of bytes", () => {
    const p = progress();
    p.acknowledged(4);
    p.becomeReplicate();
    p.sent(5, 10);
    assert.deepEqual([p.maySend, p.next], [true, 6]);
    p.sent(6, 10);
    assert.deepEqual([p.maySend, p.inflightMessages, p.inflightBytes], [false, 2, 20]);
    assert.equal(p.acknowledged(5), true);
    assert.deepEqual([p.maySend, p.inflightMessages, p.inflightBytes], [true, 1, 10]);
    p.sent(7, 200);
    p.acknowledged(6);
    assert.equal(p.maySend, false, "one large message fills the window by bytes");
    p.acknowledged(7);
    assert.deepEqual([p.maySend, p.inflightBytes], [true, 0]);
  });

  it("an older acknowledgement changes nothing", () => {
    const p = progress();
    p.acknowledged(9);
    assert.equal(p.acknowledged(4), false);
    assert.deepEqual([p.match, p.next], [9, 10]);
  });

  it("going back to probing empties the window and never goes behind what matches", () => {
    const p = progress();
    p.acknowledged(4);
    p.becomeReplicate();
    p.sent(8, 10);
    p.becomeProbe(2);
    assert.deepEqual([p.state, p.next, p.inflightMessages, p.inflightBytes], ["probe", 5, 0, 0]);
  });

  it("sends nothing while a snapshot is on its way", () => {
    const p = progress();
    p.becomeSnapshot(4);
    assert.equal(p.maySend, false);
    assert.throws(() => p.sent(5, 1), /while a snapshot is on its way/);
  });

  it("a restarted peer has acknowledged nothing, but is asked first for what it had", () => {
    const p = progress();
    p.incarnation = 3;
    p.promisedUntil = 99;
    p.acknowledged(8);
    p.becomeReplicate();
    p.restarted();
    assert.deepEqual([p.match, p.matchBefore, p.next, p.state], [0, 8, 9, "probe"]);
    assert.deepEqual([p.incarnation, p.session, p.promisedUntil], [0, 2, Number.NEGATIVE_INFINITY]);
    p.restarted();
    assert.deepEqual([p.matchBefore, p.session], [8, 3]);
  });
});
