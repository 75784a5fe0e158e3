import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { nodeDisk } from "./disk.ts";

function directoryFor(context: TestContext): string {
  const directory = fs.mkdtempSync(join(os.tmpdir(), "quorate-disk-"));
  context.after(() => fs.rmSync(directory, { recursive: true }));
  return directory;
}

test("the three ways to open a file", async (context) => {
  const path = join(directoryFor(context), "file");
  await assert.rejects(nodeDisk.open(path, "read"), { code: "ENOENT" });
  const made = await nodeDisk.open(path, "create");
  await made.close();
  await assert.rejects(nodeDisk.open(path, "create"), { code: "EEXIST" });
  const file = await nodeDisk.open(path, "write");
  await file.write([Buffer.from("abc")], 2);
  assert.equal(await file.size(), 5);
  await file.close();
  const reader = await nodeDisk.open(path, "read");
  await assert.rejects(reader.write([Buffer.from("x")], 0), { code: "EBADF" });
  await reader.close();
});

test("pieces land one behind the other, in this thread or in the pool, however many they are", async (context) => {
  const path = join(directoryFor(context), "file");
  const file = await nodeDisk.open(path, "create");
  const cases: { count: number; size: number }[] = [
    { count: 1, size: 10 },
    { count: 3000, size: 7 },
    { count: 3000, size: 100 },
    { count: 2, size: 1 << 20 },
  ];
  for (const { count, size } of cases) {
    const pieces = Array.from({ length: count }, (_, at) => Buffer.alloc(size, at % 251));
    const expected = Buffer.concat(pieces);
    for (const write of ["write", "writeAndSync"] as const) {
      await file.truncate(0);
      await file[write](pieces, 5);
      assert.equal(await file.size(), 5 + expected.length);
      const back = Buffer.alloc(expected.length + 10);
      assert.equal(await file.read(back, 5), expected.length);
      assert.ok(back.subarray(0, expected.length).equals(expected), `${write} of ${count} pieces of ${size}`);
    }
  }
  assert.equal(await file.read(Buffer.alloc(1), 1 << 30), 0);
  await file.sync();
  await file.close();
});

test("directories: list is sorted, rename replaces, remove takes all that is inside and forgives what is missing", async (context) => {
  const directory = directoryFor(context);
  await nodeDisk.makeDirectory(join(directory, "a", "b"));
  for (const name of ["z", "m"]) await (await nodeDisk.open(join(directory, name), "create")).close();
  assert.deepEqual(await nodeDisk.list(directory), ["a", "m", "z"]);
  await nodeDisk.rename(join(directory, "z"), join(directory, "m"));
  await nodeDisk.syncDirectory(directory);
  await nodeDisk.remove(join(directory, "a"));
  await nodeDisk.remove(join(directory, "never"));
  assert.deepEqual(await nodeDisk.list(directory), ["m"]);
  await assert.rejects(nodeDisk.syncDirectory(join(directory, "a")), { code: "ENOENT" });
});

test("a full disk answers ENOSPC to the write itself", { skip: !fs.existsSync("/dev/full") }, async () => {
  const file = await nodeDisk.open("/dev/full", "write");
  await assert.rejects(file.write([Buffer.alloc(10)], 0), { code: "ENOSPC" });
  await assert.rejects(file.writeAndSync([Buffer.alloc(10)], 0), { code: "ENOSPC" });
  await file.close();
});

test("a directory that the system denies is an error, not an endless attempt", {
  skip: process.platform !== "linux",
}, async () => {
  await assert.rejects(nodeDisk.makeDirectory("/proc/quorate/n1"), /ENOENT|EACCES|EPERM/);
});
