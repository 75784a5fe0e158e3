import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { installationFault } from "./installed.mjs";

const made = [];
after(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});

const pkg = { version: "1.2.3", integrity: "sha512-abc" };

/** A project folder with the given lock file and, unless undefined, npm's record of what is installed. */
function folderWith(lock, record, installed = Object.keys(record ?? {})) {
  const folder = mkdtempSync(join(tmpdir(), "quorate-installed-"));
  made.push(folder);
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages: lock }));
  if (record !== undefined) {
    mkdirSync(join(folder, "node_modules"));
    writeFileSync(join(folder, "node_modules", ".package-lock.json"), JSON.stringify({ packages: record }));
  }
  for (const path of installed) mkdirSync(join(folder, path), { recursive: true });
  return folder;
}

test("a complete installation has no fault", () => {
  const folder = folderWith({ "": { name: "x" }, "node_modules/a": pkg }, { "node_modules/a": pkg });
  assert.equal(installationFault(folder), undefined);
});

test("an optional package for another platform may be absent", () => {
  const lock = { "node_modules/a": pkg, "node_modules/a-win32": { ...pkg, optional: true } };
  assert.equal(installationFault(folderWith(lock, { "node_modules/a": pkg })), undefined);
});

test("each way of being out of date is a fault", () => {
  const lock = { "node_modules/a": pkg };
  const faults = [
    installationFault(folderWith(lock, undefined)),
    installationFault(folderWith(lock, {})),
    installationFault(folderWith(lock, { "node_modules/a": { ...pkg, version: "1.2.2" } })),
    installationFault(folderWith(lock, { "node_modules/a": { ...pkg, integrity: "sha512-xyz" } })),
    installationFault(folderWith(lock, { "node_modules/a": pkg }, [])),
  ];
  assert.deepEqual(faults, [
    "nothing is installed",
    "node_modules/a is missing",
    "node_modules/a is 1.2.2, not 1.2.3",
    "node_modules/a has another content hash",
    "node_modules/a was removed",
  ]);
});

test("a damaged record means to install again, a damaged lock file is an error", () => {
  const folder = folderWith({ "node_modules/a": pkg }, { "node_modules/a": pkg });
  writeFileSync(join(folder, "node_modules", ".package-lock.json"), "{");
  assert.match(installationFault(folder), /is unreadable/);
  writeFileSync(join(folder, "package-lock.json"), "{}");
  assert.throws(() => installationFault(folder), /no packages field/);
});
