import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

function run(source: string): { status: number | null; stdout: string } {
  const file = new URL("./stay-alive.ts", import.meta.url).href;
  const program = `import { stayAlive } from ${JSON.stringify(file)};\n${source}`;
  const options = { input: program, encoding: "utf8", timeout: 20_000 } as const;
  return spawnSync(process.execPath, ["--input-type=module", "--disable-warning=ExperimentalWarning"], options);
}

const soon = "new Promise((resolve) => setTimeout(resolve, 50).unref())";

test("a process stays until the work is done, though nothing else holds it", () => {
  assert.equal(run(`await ${soon}; console.log("done");`).stdout, "");
  assert.equal(run(`await stayAlive(${soon}); console.log("done");`).stdout, "done\n");
});

test("and ends then, whether the work succeeded or not", () => {
  assert.equal(run("await stayAlive(Promise.resolve());").status, 0);
  assert.equal(run("await stayAlive(Promise.reject(new Error())).catch(() => {});").status, 0);
});
