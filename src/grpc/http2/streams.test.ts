import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Stream, type StreamHost } from "./stream.ts";
import { Streams } from "./streams.ts";

const HOST: StreamHost = {
  queued: () => undefined,
  kept: () => true,
  reset: () => undefined,
  grant: () => undefined,
};

test("streams are found as in a map, however long some of them stay", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ open: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 2, arbitrary: fc.record({ close: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ closeNewest: fc.nat(60) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const streams = new Streams();
      const model = new Map<number, Stream>();
      let id = 1;
      const close = (closed: number): void => {
        model.delete(closed);
        streams.remove(closed, closed % 3 === 0);
        assert.equal(streams.wasResetByUs(closed), closed % 3 === 0);
        assert.equal(streams.hasClosed(closed), closed % 3 !== 0);
      };
      for (const one of steps) {
        if ("open" in one) {
          for (let n = 0; n < one.open; n++, id += 2) {
            const stream = new Stream(id, HOST, 0, -1);
            streams.add(stream);
            model.set(id, stream);
          }
        } else if ("close" in one) {
          const open = [...model.keys()];
          if (open.length > 0) close(open[one.close % open.length] ?? 0);
        } else {
          for (const newest of [...model.keys()].slice(-one.closeNewest)) close(newest);
        }
        assert.equal(streams.size, model.size);
        for (let n = 1; n <= id; n += 2) assert.equal(streams.get(n), model.get(n) ?? null);
        assert.deepEqual(new Set(streams.all()), new Set(model.values()));
      }
    }),
    { numRuns: 50 },
  );
});
