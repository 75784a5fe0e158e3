// bin/quorate in its two lives, each as a small copy: a checkout (src/ is there) and a package (dist/ is there).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const made = [];
after(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});

/** A folder with bin/ and the given files. */
function layout(files) {
  const folder = mkdtempSync(join(tmpdir(), "quorate-command-"));
  made.push(folder);
  cpSync(join(root, "bin"), join(folder, "bin"), { recursive: true });
  for (const [path, text] of Object.entries({ "package.json": '{"type":"module"}', ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** Runs the copy's command. `nodeVersion` makes this Node claim another version. */
function quorate(folder, args, nodeVersion) {
  const preload = join(folder, "version.cjs");
  writeFileSync(
    preload,
    nodeVersion === undefined ? "" : `Object.defineProperty(process.versions, "node", { value: "${nodeVersion}" });`,
  );
  const command = ["--require", preload, join(folder, "bin", "quorate"), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
  return { status, stdout, stderr };
}

const main = "const args: readonly string[] = process.argv.slice(2); console.log(args.join()); process.exitCode = 5;";
const compiled = main.replace(": readonly string[]", "");

test("a checkout runs its sources, with the arguments and the exit code", () => {
  const done = quorate(layout({ "src/cli/main.ts": main }), ["put", "a b"]);
  assert.deepEqual(done, { status: 5, stdout: "put,a b\n", stderr: "" });
});

test("a package runs what was compiled", () => {
  const done = quorate(layout({ "dist/cli/main.js": compiled }), ["get", "k"], "22.12.0");
  assert.deepEqual(done, { status: 5, stdout: "get,k\n", stderr: "" });
});

test("a Node below the package's floor is one clear line and exit code 2", () => {
  for (const version of ["22.11.0", "20.19.0", "12.0.0"]) {
    const { status, stdout, stderr } = quorate(layout({ "dist/cli/main.js": compiled }), [], version);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: "" });
    assert.equal(stderr, `quorate: Node ${version} is too old: install Node 22.12 or newer\n`);
  }
});

test("an old Node in a checkout without packages is told to install them", () => {
  const { status, stderr } = quorate(layout({ "src/cli/main.ts": main }), [], "22.12.0");
  assert.equal(status, 2);
  assert.match(stderr, /^quorate: Node 22\.12\.0 cannot run the sources.* npm ci\n$/);
});

test("an old Node in a checkout hands over to the project's own", (t) => {
  if (process.platform === "win32") return t.skip("needs a shell script as the other Node");
  const folder = layout({ "src/cli/main.ts": main });
  mkdirSync(join(folder, "node_modules", "node", "bin"), { recursive: true });
  const own = join(folder, "node_modules", "node", "bin", "node");
  writeFileSync(own, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
  cpSync(join(root, "scripts", "foreground.mjs"), join(folder, "scripts", "foreground.mjs"));
  assert.deepEqual(quorate(folder, ["del", "k"], "20.19.0"), { status: 5, stdout: "del,k\n", stderr: "" });
});

test("a package without its compiled files says so", () => {
  const { status, stderr } = quorate(layout({}), []);
  assert.equal(status, 2);
  assert.match(stderr, /^quorate: the package is incomplete, .*main\.js is missing: reinstall it\n$/);
});
