/** The same promises on the machine's own disk. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { QuorateError } from "../../src/errors.ts";
import { nodeEnvironment } from "../../src/node/environment.ts";
import { openStorage } from "../../src/storage/open-storage.ts";
import type { Storage } from "../../src/storage/storage.ts";
import {
  entry,
  membership,
  snapshotContent,
  takeSnapshot,
  testIdentity,
  writeOf,
} from "../../src/storage/testing/machine.ts";

function directoryFor(context: TestContext): string {
  const root = fs.mkdtempSync(join(os.tmpdir(), "quorate-storage-"));
  context.after(() => fs.rmSync(root, { recursive: true }));
  return join(root, "data");
}

interface Opened {
  readonly storage: Storage;
  /** Resolves when this write of group 0 is durable. */
  readonly written: (number: number) => Promise<void>;
}

async function open(directory: string, segmentBytes = 64 * 1024): Promise<Opened> {
  let told = 0;
  let wake: () => void = () => undefined;
  const storage = await openStorage(nodeEnvironment(), directory, {
    identity: testIdentity,
    repairable: false,
    segmentBytes,
    events: {
      durable: (_group, write) => {
        told = write;
        wake();
      },
      full: () => undefined,
      failed: (error) => assert.fail(error),
    },
  });
  const written = async (number: number): Promise<void> => {
    while (told < number) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { storage, written };
}

test("what was written is there after closing and opening, over segments, snapshots and releases", async (context) => {
  const directory = directoryFor(context);
  let last = 0;
  for (let life = 1; life <= 3; life++) {
    const { storage, written } = await open(directory);
    const group = storage.group(0);
    const { recovered } = group;
    assert.deepEqual(recovered.findings, []);
    assert.equal(recovered.entries.at(-1)?.index ?? recovered.snapshot?.index ?? 0, last);
    assert.equal(Buffer.from(recovered.state ?? "").toString(), last === 0 ? "" : `state ${last}`);
    for (let number = 1; number <= 50; number++) {
      const entries = [1, 2, 3].map((ahead) => entry(last + ahead, life, Buffer.alloc(1500, ahead)));
      last += 3;
      group.write(writeOf(number, { entries, state: Buffer.from(`state ${last}`) }));
      await written(number);
    }
    const before = storage.bytes;
    await takeSnapshot(group, { index: last - 10, epoch: life, membership }, Buffer.from(`life ${life}`));
    await group.release(last - 10);
    assert.ok(storage.bytes < before, "released segments give room back");
    await storage.close();
  }
  const { storage } = await open(directory);
  assert.equal(storage.group(0).recovered.entries.length, 10);
  assert.equal((await snapshotContent(storage.group(0)))?.toString(), "life 3");
  await assert.rejects(open(directory), (error: QuorateError) => {
    assert.match(error.message, new RegExp(`in use by process ${process.pid}`));
    return error.code === "DATA_DIR";
  });
  await storage.close();
});

test("a writer killed again and again loses nothing that it said was durable", async (context) => {
  const directory = directoryFor(context);
  const script = fileURLToPath(new URL("./writer.ts", import.meta.url));
  let durable = 0;
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, [script, directory], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    let lines = 0;
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      said += chunk.toString();
      lines += chunk.toString().split("\n").length - 1;
      if (lines > 100 + 50 * round) break;
    }
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const numbers = said.split("\n").slice(0, -1).map(Number);
    assert.ok(numbers.length > 100, "the writer wrote");
    durable = Math.max(durable, ...numbers);

    const { storage } = await open(directory);
    const { snapshot, entries, untrusted, state } = storage.group(0).recovered;
    assert.equal(untrusted, false);
    const from = snapshot?.index ?? 0;
    entries.forEach(({ index, data }, at) => {
      assert.equal(index, from + 1 + at);
      assert.ok(Buffer.from(data).equals(Buffer.alloc(data.length, `${index};`)), `entry ${index}`);
    });
    const last = entries.at(-1)?.index ?? from;
    assert.ok(last >= durable, `${durable} was durable, ${last} is the last`);
    assert.equal(Buffer.from(state ?? "").toString(), `state ${last}`, "state and entries of a batch stay together");
    if (snapshot !== null)
      assert.equal((await snapshotContent(storage.group(0)))?.toString(), `up to ${snapshot.index}`);
    await storage.close();
  }
});

test("a directory that cannot be made is one clear error", async (context) => {
  const directory = directoryFor(context);
  fs.writeFileSync(directory, "a file");
  await assert.rejects(open(join(directory, "below")), (error: QuorateError) => {
    assert.match(error.message, /cannot use .*below as data directory: .*choose one that can be written to/);
    return error.code === "DATA_DIR";
  });
});
