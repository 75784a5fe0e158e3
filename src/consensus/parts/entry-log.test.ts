import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { command } from "../testing/solo.ts";
import { EntryLog, entryOverheadBytes } from "./entry-log.ts";

const logOf = (...epochs: number[]): EntryLog =>
  new EntryLog(
    { epoch: 0, index: 0 },
    epochs.map((epoch, i) => command(epoch, i + 1, "abcd")),
  );

describe("EntryLog", () => {
  it("knows its entries, its base and its bytes", () => {
    const log = logOf(1, 1, 2);
    assert.deepEqual([log.firstIndex, log.lastIndex, log.lastEpoch, log.bytes], [1, 3, 2, 12]);
    assert.deepEqual(
      [0, 1, 3, 4].map((index) => log.epochAt(index)),
      [0, 1, 2, null],
    );
    assert.equal(log.at(4), null);
    assert.equal(log.holds({ epoch: 1, index: 2 }), true);
    assert.equal(log.holds({ epoch: 2, index: 2 }), false);
    assert.equal(log.bytesFrom(2), 8);
  });

  it("takes only what follows, in epochs that do not fall", () => {
    const log = logOf(1, 2);
    assert.throws(() => log.append(command(2, 4)), /entry 4 of epoch 2 does not follow the last entry 2 of epoch 2/);
    assert.throws(() => log.append(command(1, 3)), /entry 3 of epoch 1 does not follow/);
  });

  it("drops its end, forgets its beginning, starts anew", () => {
    const log = logOf(1, 1, 2, 2, 3);
    log.truncateFrom(5);
    assert.deepEqual([log.lastIndex, log.lastEpoch, log.bytes], [4, 2, 16]);
    log.compact(3);
    assert.deepEqual([log.firstIndex, log.epochAt(3), log.at(3), log.bytes], [4, 2, null, 4]);
    log.compact(2);
    assert.equal(log.firstIndex, 4);
    assert.throws(() => log.truncateFrom(3), /the log begins at 4/);
    assert.throws(() => log.compact(9), /the log ends at 4/);
    log.reset({ epoch: 9, index: 20 });
    assert.deepEqual([log.firstIndex, log.lastIndex, log.lastEpoch, log.bytes], [21, 20, 9, 0]);
  });

  it("cuts by bytes, but always gives one entry", () => {
    const log = logOf(1, 1, 1);
    const each = 4 + entryOverheadBytes;
    assert.equal(log.sliceBytes(1, 2 * each).length, 2);
    assert.equal(log.sliceBytes(1, 1).length, 1);
    assert.equal(log.sliceBytes(4, 1000).length, 0);
    assert.throws(() => log.slice(2, 4), /not all in the log/);
  });

  it("compares by epoch, then index (paper §5.4.1)", () => {
    const log = logOf(1, 2);
    assert.equal(log.isAtMost({ epoch: 2, index: 2 }), true);
    assert.equal(log.isAtMost({ epoch: 2, index: 1 }), false);
    assert.equal(log.isAtMost({ epoch: 3, index: 1 }), true);
    assert.equal(log.isAtMost({ epoch: 1, index: 9 }), false);
  });

  it("finds where another log may still agree", () => {
    const epochs = fc.array(fc.nat(2), { minLength: 1, maxLength: 30 }).map((steps) => {
      let epoch = 1;
      return steps.map((step) => (epoch += step));
    });
    fc.assert(
      fc.property(epochs, fc.nat(35), fc.nat(60), (list, index, epoch) => {
        const log = logOf(...list);
        const found = log.lastAtMostEpoch(index, epoch);
        const expected = [0, ...list].findLastIndex((e, i) => i <= Math.min(index, list.length) && e <= epoch);
        assert.equal(found, expected);
      }),
    );
  });
});
