/**
 * A process that writes numbered entries to a data directory until it is killed, and says on its standard output which
 * are durable: `node writer.ts DIRECTORY`. Goes on behind what it finds.
 */
import { nodeEnvironment } from "../../src/node/environment.ts";
import { openStorage } from "../../src/storage/open-storage.ts";
import { entry, membership, takeSnapshot, testIdentity, writeOf } from "../../src/storage/testing/machine.ts";

const [, , directory = ""] = process.argv;
const indexes: number[] = [0];
const storage = await openStorage(nodeEnvironment(), directory, {
  identity: testIdentity,
  repairable: false,
  segmentBytes: 64 * 1024,
  events: {
    durable: (_group, write) => process.stdout.write(`${indexes[write]}\n`),
    full: () => undefined,
    failed: (error) => {
      throw error;
    },
  },
});
const group = storage.group(0);
const { snapshot, entries } = group.recovered;
let last = entries.at(-1)?.index ?? snapshot?.index ?? 0;
for (let number = 1; ; number++) {
  const count = 1 + (number % 3);
  const made = Array.from({ length: count }, (_, at) =>
    entry(last + 1 + at, 1, Buffer.alloc(100 * count, `${last + 1 + at};`)),
  );
  last += count;
  indexes.push(last);
  group.write(writeOf(number, { entries: made, state: Buffer.from(`state ${last}`) }));
  if (number % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  if (number % 100 === 0) {
    await takeSnapshot(group, { index: last, epoch: 1, membership }, Buffer.from(`up to ${last}`));
    await group.release(last - 20);
  }
}
