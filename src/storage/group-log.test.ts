import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GroupLog } from "./group-log.ts";

/** The plainest thing that could do the same: a list of epochs. */
class Plain {
  before = { index: 0, epoch: 0 as number | null };
  epochs: number[] = [];

  get last(): number {
    return this.before.index + this.epochs.length;
  }

  epochAt(index: number): number | null {
    return index === this.before.index ? this.before.epoch : (this.epochs[index - this.before.index - 1] ?? null);
  }
}

type Step =
  | { readonly do: "append"; readonly count: number; readonly newEpoch: boolean }
  | { readonly do: "truncate"; readonly back: number }
  | { readonly do: "reset"; readonly ahead: number }
  | { readonly do: "forget"; readonly part: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("append" as const), count: fc.nat(4), newEpoch: fc.boolean() }),
  fc.record({ do: fc.constant("truncate" as const), back: fc.nat(6) }),
  fc.record({ do: fc.constant("reset" as const), ahead: fc.nat(3) }),
  fc.record({ do: fc.constant("forget" as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
);

test("a log in runs says the same as a plain list of epochs", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
      const plain = new Plain();
      const log = new GroupLog({ index: 0, epoch: 0 });
      let epoch = 1;
      for (const step of steps) {
        switch (step.do) {
          case "append":
            if (step.newEpoch) epoch++;
            for (let added = 0; added < step.count; added++) {
              plain.epochs.push(epoch);
              log.append({ index: plain.last, epoch });
            }
            break;
          case "truncate": {
            const from = Math.max(1, plain.last + 1 - step.back);
            epoch++;
            if (from <= plain.before.index) plain.before = { index: from - 1, epoch: from === 1 ? 0 : null };
            plain.epochs.length = Math.max(0, from - 1 - plain.before.index);
            log.truncate(from);
            break;
          }
          case "reset":
            plain.before = { index: plain.last + step.ahead, epoch };
            plain.epochs = [];
            log.reset({ index: plain.before.index, epoch });
            break;
          case "forget": {
            const upTo = plain.before.index + Math.floor(step.part * plain.epochs.length);
            plain.before = { index: upTo, epoch: plain.epochAt(upTo) };
            plain.epochs = plain.epochs.slice(plain.epochs.length - (log.lastIndex - upTo));
            log.forget(upTo);
          }
        }
        assert.deepEqual([log.firstIndex, log.lastIndex], [plain.before.index + 1, plain.last]);
        for (let index = 0; index <= plain.last + 2; index++) {
          assert.equal(log.epochAt(index), plain.epochAt(index), `epoch of ${index}`);
        }
        const last = plain.epochAt(plain.last);
        assert.deepEqual(log.last, { index: plain.last, epoch: last ?? 0 });
        assert.equal(log.holds({ index: plain.last, epoch: last ?? -1 }), last !== null);
      }
    }),
    { numRuns: 300 },
  );
});

test("a gap is wrong use", () => {
  const log = new GroupLog({ index: 5, epoch: 2 });
  assert.throws(() => log.append({ index: 7, epoch: 2 }), {
    name: "InvariantViolation",
    message: /7 does not follow entry 5/,
  });
  assert.throws(() => log.forget(9), { name: "InvariantViolation" });
});
