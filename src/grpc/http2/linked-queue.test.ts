import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Linked, LinkedQueue } from "./linked-queue.ts";

class Thing implements Linked<Thing> {
  queue: LinkedQueue<Thing> | null = null;
  previous: Thing | null = null;
  next: Thing | null = null;
}

test("things leave in the order in which they came, or from where they stand", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3, max: 9 }), { maxLength: 100, size: "max" }), (steps) => {
      const queue = new LinkedQueue<Thing>();
      const model: Thing[] = [];
      for (const step of steps) {
        if (step < -1) {
          const thing = new Thing();
          queue.push(thing);
          model.push(thing);
        } else if (step === -1) {
          assert.equal(queue.shift(), model.shift() ?? null);
        } else {
          const [thing] = model.splice(step % Math.max(1, model.length), 1);
          if (thing !== undefined) queue.remove(thing);
          assert.equal(thing?.queue ?? null, null);
        }
        assert.equal(queue.isEmpty, model.length === 0);
      }
      for (const thing of model) assert.equal(queue.shift(), thing);
      assert.equal(queue.shift(), null);
    }),
    { numRuns: 300 },
  );
});
