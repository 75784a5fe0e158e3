import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ofType, Solo, type SoloEffects } from "../testing/solo.ts";

/** A settled leader whose peers have acknowledged one more entry; the effects of the moment it is committed. */
function committed(commitNoticeMs: number): { solo: Solo; index: number; effects: SoloEffects } {
  const solo = new Solo({ options: { commitNoticeMs } });
  solo.settle();
  solo.tick(20);
  solo.propose();
  const index = solo.engine.status.lastIndex;
  solo.sync();
  return { solo, index, effects: solo.ack(2n, index) };
}

const told = (effects: SoloEffects): bigint[] => ofType(effects.sent, "heartbeat").map(({ to }) => to);

describe("telling peers what is committed", () => {
  it("at once, unless it may wait", () => {
    const { effects, index } = committed(0);
    assert.deepEqual(told(effects), [2n, 3n]);
    assert.deepEqual(
      ofType(effects.sent, "heartbeat").map(({ message }) => message.commitIndex),
      [index, index],
    );
    assert.equal(effects.wakeAt, null);
  });

  it("after its time, for which it asks to be woken", () => {
    const { solo, effects } = committed(5);
    assert.deepEqual([told(effects), effects.wakeAt], [[], solo.now + 5]);
    assert.deepEqual(told(solo.tick(4)), []);
    const late = solo.tick(1);
    assert.deepEqual([told(late), late.wakeAt], [[2n, 3n], null]);
    assert.deepEqual(told(solo.tick(5)), []);
  });

  it("with the next append, and then not again", () => {
    const { solo, index } = committed(5);
    const next = solo.propose("y");
    assert.deepEqual(
      ofType(next.sent, "append").map(({ to, message }) => [to, message.commit]),
      [
        [2n, index],
        [3n, index],
      ],
    );
    assert.deepEqual(told(solo.tick(5)), []);
  });

  it("at once to a peer that waits for it, later to the others", () => {
    const solo = new Solo({ options: { commitNoticeMs: 5 } });
    solo.settle();
    solo.tick(20);
    solo.step({ type: "awaited", peer: 3n });
    solo.propose();
    const index = solo.engine.status.lastIndex;
    solo.sync();
    assert.deepEqual(told(solo.ack(2n, index)), [3n]);
    assert.deepEqual(told(solo.tick(5)), [2n]);
  });

  it("at once to a peer that reads", () => {
    const solo = new Solo({ options: { commitNoticeMs: 5 } });
    solo.settle();
    solo.tick(20);
    solo.receive(2n, { type: "readRequest", token: 1 });
    solo.propose();
    const index = solo.engine.status.lastIndex;
    solo.sync();
    assert.deepEqual(told(solo.ack(3n, index)), [2n]);
  });
});
