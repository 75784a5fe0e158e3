import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import fc from "fast-check";
import { type Parcel, Parcels, unpack } from "./parcel.ts";

test("messages of a turn travel as one, in order, each with its own bytes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 }), async (pieces) => {
      const { port1, port2 } = new MessageChannel();
      const parcels = new Parcels<number>(port1, { afterEvent: queueMicrotask });
      const arrived = new Promise<Parcel<number>[]>((resolve) => {
        const all: Parcel<number>[] = [];
        port2.on("message", (parcel: Parcel<number>) => all.push(parcel));
        port2.on("close", () => resolve(all));
      });
      pieces.forEach((bytes, index) => parcels.add(index, bytes));
      await Promise.resolve();
      port1.close();
      const all = await arrived;
      assert.equal(all.length, 1);
      const seen: [number, number[]][] = [];
      for (const parcel of all) unpack(parcel, (message, bytes) => seen.push([message, [...bytes]]));
      assert.deepEqual(
        seen,
        pieces.map((bytes, index) => [index, [...bytes]]),
      );
    }),
    { numRuns: 50 },
  );
});
