import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { QuorateError } from "../errors.ts";
import { blockBytes } from "./snapshot-format.ts";
import type { GroupStorage } from "./storage.ts";
import { entry, Machine, membership, writeOf } from "./testing/machine.ts";

const meta = { index: 1, epoch: 1, membership };

async function groupOf(machine: Machine): Promise<GroupStorage> {
  const group = (await machine.open()).storage.group(0);
  group.write(writeOf(1, { entries: [entry(1, 1), entry(2, 1)] }));
  await machine.settle();
  return group;
}

const pattern = Buffer.from(Array.from({ length: 3 * blockBytes + 77 }, (_, at) => (at * 31 + (at >> 8)) % 256));

test("content comes back from any place in any length, however it was cut when it was written", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(0, 1, blockBytes - 1, blockBytes, blockBytes + 1, 3 * blockBytes, pattern.length),
      fc.integer({ min: 1, max: 200_000 }),
      fc.array(fc.tuple(fc.nat(pattern.length + 10), fc.nat(pattern.length)), { maxLength: 10 }),
      async (size, step, reads) => {
        const content = pattern.subarray(0, size);
        const group = await groupOf(new Machine(size + step));
        const writer = await group.beginSnapshot(meta);
        for (let at = 0; at < size; at += step) {
          await writer.write(content.subarray(at, at + step));
          assert.equal(writer.offset, Math.min(size, at + step), "where a resumed transfer goes on");
        }
        assert.equal(await group.openSnapshot(), null, "invisible until it is committed");
        await writer.commit();
        const reader = await group.openSnapshot();
        assert.ok(reader !== null);
        assert.deepEqual([reader.meta, reader.size], [meta, size]);
        for (const [offset, length] of [[0, size], ...reads] as const) {
          assert.ok(content.subarray(offset, offset + length).equals(await reader.read(offset, length)));
        }
        await reader.close();
      },
    ),
    { numRuns: 40 },
  );
});

test("every damaged byte of a snapshot is noticed: by the reader, and by the next start", async () => {
  const machine = new Machine(1);
  const group = await groupOf(machine);
  const writer = await group.beginSnapshot(meta);
  await writer.write(pattern.subarray(0, blockBytes + 100));
  await writer.commit();
  const path = machine.disk.files.find((name) => name.endsWith(".snap")) ?? "";
  const whole = machine.contentOf(path);
  const headerAndMore = Array.from({ length: 200 }, (_, at) => at);
  const footerAndMore = Array.from({ length: 150 }, (_, at) => whole.length - 1 - at);
  // Zeros between the membership and the first block are checked with the header.
  for (const at of [...headerAndMore, 30_000, 65_000, ...footerAndMore]) {
    machine.alter(path, (content) => content.writeUInt8((whole[at] ?? 0) ^ 0x40, at));
    const readAll = async (): Promise<void> => {
      const reader = await group.openSnapshot();
      await reader?.read(0, reader.size);
    };
    await assert.rejects(readAll, { code: "DATA_CORRUPT" }, `byte ${at}`);
    machine.alter(path, (content) => content.writeUInt8(whole[at] ?? 0, at));
  }
  machine.alter(path, (content) => content.writeUInt8((whole[70_000] ?? 0) ^ 1, 60_000));
  machine.crash();
  const { recovered } = (await machine.open()).storage.group(0);
  assert.equal(recovered.snapshot, null);
  assert.match(recovered.findings.join(), /skipped a snapshot: .*\.snap is damaged 0 bytes into its content/);
  assert.equal(recovered.untrusted, false, "the log still has everything from its first entry on");
  assert.equal(recovered.entries.length, 2);
});

test("where the log was released a damaged snapshot is a loss", async () => {
  const machine = new Machine(2);
  const { storage } = await machine.open({ segmentBytes: 4096 });
  const group = storage.group(0);
  for (let index = 1; index <= 60; index++) {
    group.write(writeOf(index, { entries: [entry(index, 1, Buffer.alloc(200))], state: Buffer.from(`vote ${index}`) }));
    await machine.settle();
  }
  const writer = await group.beginSnapshot({ index: 50, epoch: 1, membership });
  await writer.commit();
  await group.release(50);
  await storage.close();
  const path = machine.disk.files.find((name) => name.endsWith(".snap")) ?? "";
  machine.disk.lose(path);
  await assert.rejects(machine.open({ repairable: false }), (error: QuorateError) => {
    assert.match(error.message, /entries between the newest good snapshot and the log are missing/);
    return error.code === "DATA_CORRUPT";
  });
  const { recovered } = (await machine.open()).storage.group(0);
  assert.deepEqual([recovered.untrusted, recovered.entries.length], [true, 0]);
  assert.equal(Buffer.from(recovered.state ?? "").toString(), "vote 60", "the vote is still known");
});

test("a snapshot that is given up, or that a crash cut short, leaves nothing behind", async () => {
  const machine = new Machine(3);
  const group = await groupOf(machine);
  const given = await group.beginSnapshot(meta);
  await given.write(pattern);
  await given.abort();
  await given.abort();
  await assert.rejects(given.write(pattern), { name: "InvariantViolation" });
  assert.deepEqual(
    machine.disk.files.filter((name) => name.includes("snapshots/")),
    [],
  );
  const cut = await group.beginSnapshot(meta);
  await cut.write(pattern);
  machine.crash();
  const { storage } = await machine.open();
  assert.equal(storage.group(0).recovered.snapshot, null);
  assert.deepEqual(
    machine.disk.files.filter((name) => name.includes("snapshots/")),
    [],
  );
});

test("two writes at once to one snapshot are wrong use", async () => {
  const group = await groupOf(new Machine(4));
  const writer = await group.beginSnapshot(meta);
  const first = writer.write(pattern);
  await assert.rejects(writer.write(pattern), { name: "InvariantViolation" });
  await first;
  await writer.abort();
});
