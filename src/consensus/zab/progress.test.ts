import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Progress } from "./progress.ts";

function progress(): Progress {
  let sessions = 0;
  const newSession = (): number => ++sessions;
  return new Progress(2n, { learner: false, now: 0, newSession, maxMessages: 2, maxBytes: 100 });
}

describe("a peer's progress", () => {
  it("begins idle, and takes messages only in a session", () => {
    const p = progress();
    assert.deepEqual([p.state, p.maySend, p.session], ["idle", false, 1]);
    assert.throws(() => p.sent(1, 0), /outside of a session/);
  });

  it("holds a window of messages and bytes open", () => {
    const p = progress();
    p.begin(4, true);
    assert.deepEqual([p.next, p.maySend], [5, true]);
    p.sent(6, 10);
    p.sent(7, 10);
    assert.deepEqual([p.next, p.counter, p.maySend, p.inflightMessages], [8, 2, false, 2]);
    assert.equal(p.acknowledged(6), true);
    assert.deepEqual([p.match, p.maySend, p.inflightBytes], [6, true, 10]);
    p.sent(9, 200);
    assert.equal(p.maySend, false);
    assert.equal(p.acknowledged(6), false);
  });

  it("asks one question while it is not sure of the base", () => {
    const p = progress();
    p.begin(4, false);
    assert.deepEqual([p.state, p.maySend], ["probe", true]);
    p.sent(4, 0);
    assert.equal(p.maySend, false);
    p.acknowledged(4);
    assert.deepEqual([p.state, p.maySend, p.next, p.match], ["replicate", true, 5, 4]);
  });

  it("never sends again what was acknowledged in this life, whatever base is named", () => {
    const p = progress();
    p.begin(4, true);
    p.sent(9, 1);
    p.acknowledged(9);
    p.renew();
    p.begin(5, true);
    assert.equal(p.next, 10);
  });

  it("is overdue after a heartbeat without an acknowledgement, not before", () => {
    const p = progress();
    p.synced = true;
    p.begin(0, true);
    p.sent(1, 1);
    assert.equal(p.overdue(), 0);
    p.sent(2, 1);
    assert.equal(p.overdue(), 1);
    p.acknowledged(2);
    assert.equal(p.overdue(), 0);
  });

  it("is overdue while NEWLEADER is not acknowledged, though its entries are", () => {
    const p = progress();
    p.begin(3, true);
    p.sent(3, 0);
    p.overdue();
    p.acknowledged(3);
    assert.equal(p.overdue(), 1);
    p.synced = true;
    assert.equal(p.overdue(), 0);
  });

  it("forgets what a former life acknowledged, and begins a session that life cannot know", () => {
    const p = progress();
    p.incarnation = 7;
    p.synced = true;
    p.begin(0, true);
    p.sent(5, 1);
    p.acknowledged(5);
    const { session } = p;
    p.restarted();
    assert.deepEqual([p.match, p.matchBefore, p.incarnation, p.synced, p.state], [0, 5, 0, false, "idle"]);
    assert.ok(p.session > session);
  });
});
