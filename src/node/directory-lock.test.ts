import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { lockDirectory } from "./directory-lock.ts";

function directoryFor(context: TestContext, name = ""): string {
  const root = fs.mkdtempSync(join(os.tmpdir(), "quorate-lock-"));
  context.after(() => fs.rmSync(root, { recursive: true }));
  const directory = join(root, name);
  fs.mkdirSync(directory, { recursive: true });
  return directory;
}

/** A process that takes the lock, says "locked" or "busy", and keeps it until its end. */
async function owner(context: TestContext, directory: string): Promise<{ child: ChildProcess; said: string }> {
  const module = new URL("./directory-lock.ts", import.meta.url).href;
  const script = `
    import { lockDirectory } from ${JSON.stringify(module)};
    const hold = setInterval(() => undefined, 1000);
    try { await lockDirectory(process.argv[1]); process.stdout.write("locked"); }
    catch (error) { process.stdout.write(error.code === "EBUSY" ? "busy" : String(error)); clearInterval(hold); }
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => child.kill("SIGKILL"));
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return { child, said: said.toString() };
}

test("a directory is taken once, and again after release, and leaves nothing behind", async (context) => {
  const directory = directoryFor(context);
  const first = await lockDirectory(directory);
  await assert.rejects(lockDirectory(directory), (error: Error & { code: string }) => {
    assert.equal(error.code, "EBUSY");
    assert.match(error.message, new RegExp(`${directory}.* process ${process.pid}`));
    return true;
  });
  await first.release();
  await first.release();
  const second = await lockDirectory(directory);
  await second.release();
  assert.deepEqual(fs.readdirSync(directory), []);
});

test("another process is refused while the owner lives, also when it is stopped; a killed owner frees the directory", async (context) => {
  const directory = directoryFor(context);
  const { child, said } = await owner(context, directory);
  assert.equal(said, "locked");
  const busy = { code: "EBUSY", message: new RegExp(`process ${child.pid};`) };
  await assert.rejects(lockDirectory(directory), busy);
  child.kill("SIGSTOP");
  await assert.rejects(lockDirectory(directory), busy);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal(fs.readdirSync(directory).length, 1, "a killed process leaves its socket behind");
  const lock = await lockDirectory(directory);
  assert.equal(fs.readdirSync(directory).length, 1, "what the dead owner left was removed");
  await lock.release();
});

test("of many that start at the same moment never two get it", async (context) => {
  const directory = directoryFor(context);
  for (let round = 0; round < 10; round++) {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(directory)));
    const locks = results.filter((result) => result.status === "fulfilled");
    assert.ok(locks.length <= 1, `${locks.length} owners in round ${round}`);
    for (const lock of locks) await lock.value.release();
  }
  const lock = await lockDirectory(directory);
  await lock.release();
});

test("a path longer than a socket's name may be is locked all the same", async (context) => {
  const directory = directoryFor(context, "d".repeat(200));
  const lock = await lockDirectory(directory);
  await assert.rejects(lockDirectory(directory), { code: "EBUSY" });
  await lock.release();
  await (await lockDirectory(directory)).release();
});

test("a directory that does not exist is told as the system tells it", async (context) => {
  const directory = join(directoryFor(context), "missing");
  await assert.rejects(lockDirectory(directory), (error: Error & { code: string }) =>
    ["ENOENT", "EACCES"].includes(error.code),
  );
});
