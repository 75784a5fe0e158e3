import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ofType, Solo, type SoloEffects } from "../testing/solo.ts";

// Scenario 17 [ER TestLeaderTransfer* (15 tests)].

const transfer = (solo: Solo, to: bigint): SoloEffects => solo.step({ type: "transfer", id: 9, to });

describe("a leader transfer (scenario 17)", () => {
  it("does not go to a peer whose disk stalls, unless that is asked for", () => {
    const solo = new Solo();
    solo.settle();
    solo.ack(2n, 2, { stalled: true });
    const { sent } = transfer(solo, 0n);
    assert.deepEqual([solo.engine.status.transferee, ofType(sent, "timeoutNow").length], [3n, 1]);
  });

  it("to a learner, a stranger or an untrusted member is refused", () => {
    const solo = new Solo({ learners: [4n] });
    assert.equal(transfer(solo, 2n).refused[0]?.reason, "not leader");
    solo.settle();
    for (const to of [4n, 77n]) assert.equal(transfer(solo, to).refused[0]?.reason, "bad transferee");
    solo.ack(2n, 2, { untrusted: true });
    assert.equal(transfer(solo, 2n).refused[0]?.reason, "bad transferee");
    const alone = new Solo({ voters: [1n] });
    alone.tick(1);
    alone.sync();
    assert.equal(transfer(alone, 0n).refused[0]?.reason, "bad transferee");
  });

  it("tells the target only when it holds everything, and its election passes members that believe in the leader", () => {
    const solo = new Solo();
    solo.settle();
    solo.propose();
    assert.equal(ofType(transfer(solo, 2n).sent, "timeoutNow").length, 0);
    assert.equal(ofType(solo.ack(2n, 3).sent, "timeoutNow")[0]?.to, 2n);

    const voter = new Solo();
    voter.append(2n, 2, { index: 1, epoch: 1 }, []);
    const ask = { type: "vote" as const, lastIndex: 9, lastEpoch: 2 };
    const refused = voter.receive(3n, { ...ask, transfer: false }, { epoch: 3 });
    assert.deepEqual(
      [refused.sent[0]?.message, voter.engine.status.epoch],
      [{ type: "voteResponse", granted: false }, 2],
    );
    const granted = voter.receive(3n, { ...ask, transfer: true }, { epoch: 3 });
    assert.deepEqual(granted.sent[0]?.message, { type: "voteResponse", granted: true });
  });

  // Seed 1000423 and others: the target's answers to older messages overtake its request for a vote.
  it("is not undone by the old leader, when it hears of the target's epoch before it is asked for its vote", () => {
    const response = { type: "heartbeatResponse" as const, session: 1, round: 0, sentAt: 0, promiseMs: 0 };
    const after = (handsOver: boolean): SoloEffects => {
      const solo = new Solo();
      solo.settle();
      solo.ack(2n, 2);
      if (handsOver) transfer(solo, 2n);
      const effects = solo.receive(2n, response, { epoch: 3 });
      assert.equal(solo.engine.status.role, "follower");
      return effects;
    };
    assert.equal(after(true).wakeAt, null);
    assert.notEqual(after(false).wakeAt, null);
  });

  it("a message that asks to stand is followed only from the leader of this epoch, by a voter", () => {
    const solo = new Solo();
    solo.append(2n, 2, { index: 1, epoch: 1 }, []);
    solo.receive(2n, { type: "timeoutNow" }, { epoch: 1 });
    solo.receive(3n, { type: "timeoutNow" }, { epoch: 2 });
    assert.equal(solo.engine.status.role, "follower");
    const { sent } = solo.receive(2n, { type: "timeoutNow" }, { epoch: 2 });
    assert.equal(solo.engine.status.role, "candidate");
    assert.ok(ofType(sent, "vote").every(({ message, after }) => message.transfer && after > 0));

    const learner = new Solo({ voters: [2n, 3n], learners: [1n] });
    learner.append(2n, 2, { index: 1, epoch: 1 }, []);
    learner.receive(2n, { type: "timeoutNow" }, { epoch: 2 });
    assert.equal(learner.engine.status.role, "follower");
  });
});
