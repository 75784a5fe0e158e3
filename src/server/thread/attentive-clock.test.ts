import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../grpc/testing/manual-clock.ts";
import { attentiveClock } from "./attentive-clock.ts";

describe("a timer that is due", () => {
  test("runs at once when there is nothing to hear", () => {
    const clock = new ManualClock();
    let ran = 0;
    attentiveClock(clock, () => false).after(10, () => ran++);
    clock.advance(9);
    assert.equal(ran, 0);
    clock.advance(1);
    assert.equal(ran, 1);
  });

  test("lets be heard what has come, with all that follows from it", () => {
    const clock = new ManualClock();
    const order: string[] = [];
    const attentive = attentiveClock(clock, () => {
      order.push("heard");
      clock.soon(() => order.push("followed"));
      return true;
    });
    attentive.after(10, () => order.push("ran"));
    clock.advance(10);
    assert.deepEqual(order, ["heard", "followed", "ran"]);
  });

  test("does not run when what was heard has cancelled it", () => {
    const clock = new ManualClock();
    let ran = 0;
    const timer = attentiveClock(clock, () => {
      clock.soon(() => timer.cancel());
      return true;
    }).after(10, () => ran++);
    const early = attentiveClock(clock, () => true).after(5, () => ran++);
    early.cancel();
    clock.advance(20);
    assert.equal(ran, 0);
  });
});
