import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

const foreground = new URL("./foreground.mjs", import.meta.url).href;

/** Runs `code` in a Node that stands behind runInForeground, itself in a Node of its own. */
function behind(code) {
  const front = `import(${JSON.stringify(foreground)}).then((f) => f.runInForeground(process.execPath, ["-e", ${JSON.stringify(code)}]))`;
  return spawn(process.execPath, ["-e", front], { stdio: ["pipe", "pipe", "inherit"] });
}

test("the exit code is the program's", async () => {
  assert.deepEqual(await once(behind("process.exit(7)"), "exit"), [7, null]);
});

test("the program has our input and output", async () => {
  const front = behind("process.stdin.pipe(process.stdout)");
  front.stdin.end("through");
  const [text] = await once(front.stdout, "data");
  assert.equal(String(text), "through");
  assert.deepEqual(await once(front, "exit"), [0, null]);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  test(`${signal} reaches the program, which may end in its own way`, async () => {
    const front = behind(
      `process.on("${signal}", () => process.exit(9)); setInterval(() => {}, 1000); process.stdout.write("up")`,
    );
    await once(front.stdout, "data");
    front.kill(signal);
    assert.deepEqual(await once(front, "exit"), [9, null]);
  });
}

test("a program killed by a signal takes us with it by the same signal", async () => {
  const front = behind(`process.kill(process.pid, "SIGKILL")`);
  assert.deepEqual(await once(front, "exit"), [null, "SIGKILL"]);
});
