// The checks of the floors are checked: each offence, alone in a small tree, must be found, and a clean tree must pass.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { checkArrows } from "./arrows.mjs";
import { ROOMS } from "./house.mjs";

const made = [];
after(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});

const CLEAN = {
  "package.json":
    '{ "type": "module", "dependencies": { "@bufbuild/protobuf": "2", "pino": "10" }, "devDependencies": { "fast-check": "4" } }',
  "node_modules/@bufbuild/protobuf/package.json": '{ "name": "@bufbuild/protobuf", "main": "i.js" }',
  "node_modules/@bufbuild/protobuf/i.js": "",
  "node_modules/fast-check/package.json": '{ "name": "fast-check", "main": "i.js" }',
  "node_modules/fast-check/i.js": "",
  "node_modules/pino/package.json": '{ "name": "pino", "main": "i.js" }',
  "node_modules/pino/i.js": "",
  "src/environment.ts": "export interface Clock { now(): number }",
  "src/errors.ts": 'import type { Clock } from "./environment.ts"; export type E = Clock;',
  "src/index.ts": 'export * from "./replica/replica.ts";',
  "src/wire/kv.ts": 'import "@bufbuild/protobuf"; export const a = 1;',
  "src/consensus/engine.ts":
    'import type { E } from "../errors.ts"; import { a } from "../wire/kv.ts"; export type G = E; export { a };',
  "src/consensus/engine.test.ts":
    'import { test } from "node:test"; import "fast-check"; import "./testing/net.ts"; import "./engine.ts"; test("x", () => {});',
  "src/consensus/testing/net.ts": 'import "node:assert"; export const net = 1;',
  "src/keyspace/tree.ts": "export const t = 1;",
  "src/replica/replica.ts": 'import "../consensus/engine.ts"; import "../keyspace/tree.ts"; export const r = 1;',
  "src/sim/world.ts": 'import "../replica/replica.ts";',
  "src/node/disk.ts": 'import "node:fs";',
};

/** @returns {Promise<string[]>} the problems of the clean tree with `changes` laid over it */
async function problemsWith(changes) {
  const root = mkdtempSync(join(tmpdir(), "quorate-arrows-"));
  made.push(root);
  for (const [path, text] of Object.entries({ ...CLEAN, ...changes })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return (await checkArrows(root)).problems;
}

test("a tree that keeps the rules has no problems", async () => {
  assert.deepEqual(await problemsWith({}), []);
});

const OFFENCES = [
  ["an import to a higher floor", "src/storage/a.ts", 'import "../replica/replica.ts";', "floor 2"],
  ["a type import to a higher floor", "src/storage/a.ts", 'import type { r } from "../replica/replica.ts";', "floor 2"],
  ["an inline type import", "src/storage/a.ts", 'export type R = typeof import("../replica/replica.ts");', "floor 2"],
  ["a re-export", "src/storage/a.ts", 'export { r } from "../replica/replica.ts";', "floor 2"],
  ["consensus to keyspace", "src/consensus/a.ts", 'import "../keyspace/tree.ts";', "floor 1"],
  ["keyspace to consensus", "src/keyspace/a.ts", 'import "../consensus/engine.ts";', "floor 1"],
  ["a test to a higher floor", "src/consensus/a.test.ts", 'import "../replica/replica.ts";', "floor 1"],
  ["replica to sim", "src/replica/a.ts", 'import "../sim/world.ts";', "floor 3"],
  ["floor 0 to a room", "src/errors.ts", 'import "./wire/kv.ts";', "floor 0"],
  ["a room to the package's face", "src/cli/main.ts", 'import "../index.ts";', "floor 6"],
  ["Node in a pure floor", "src/wire/a.ts", 'import "node:zlib";', "pure-node"],
  ["a Node type in a pure floor", "src/wire/a.ts", 'import type { Hash } from "node:crypto";', "pure-node"],
  ["Node in floor 0", "src/errors.ts", 'import "node:util";', "pure-node"],
  ["a package in a pure floor", "src/keyspace/a.ts", 'import "@bufbuild/protobuf";', "pure-npm"],
  ["a package in floor 0", "src/errors.ts", 'import "@bufbuild/protobuf";', "pure-npm"],
  ["another package in a pure test", "src/keyspace/a.test.ts", 'import "pino";', "test-package"],
  ["the replica on Node's disk", "src/replica/a.ts", 'import "../node/disk.ts";', "through-ports"],
  ["the simulator on Node", "src/sim/a.ts", 'import "node:net";', "through-ports"],
  ["a development package in what ships", "src/storage/a.ts", 'import "fast-check";', "dev-package"],
  ["test code in what ships", "src/consensus/a.ts", 'import "./testing/net.ts";', "to-test"],
  ["a file that is not there", "src/storage/a.ts", 'import "./gone.ts";', "unresolved"],
];
for (const [name, path, text, rule] of OFFENCES) {
  test(`${name} is found`, async () => {
    const problems = await problemsWith({ [path]: text });
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.ok(problems[0].startsWith(`${path} -> `) && problems[0].includes(`: ${rule} (`), problems[0]);
  });
}

test("a circle of type imports is found", async () => {
  const problems = await problemsWith({
    "src/storage/a.ts": 'import type { B } from "./b.ts"; export type A = B[];',
    "src/storage/b.ts": 'import type { A } from "./a.ts"; export type B = A | 1;',
  });
  assert.ok(problems.length > 0 && problems.every((problem) => problem.includes(": circle (")), problems.join("\n"));
});

test("a room without a floor is found", async () => {
  assert.deepEqual(await problemsWith({ "src/utils/a.ts": "export {};" }), [
    'src/utils/a.ts: "utils" is no room of the house; give it a floor in tools/house.mjs',
  ]);
});

test("a tree without sources is no success", async () => {
  const root = mkdtempSync(join(tmpdir(), "quorate-arrows-"));
  made.push(root);
  mkdirSync(join(root, "src"));
  assert.match((await checkArrows(root)).problems.join(), /there are no sources/);
});

test("the table itself has no circle of neighbours and names only rooms of one floor", () => {
  const reach = (name, seen) => {
    assert.ok(!seen.includes(name), `${[...seen, name].join(" -> ")} is a circle`);
    for (const next of ROOMS[name].beside ?? []) {
      assert.equal(ROOMS[next].floor, ROOMS[name].floor);
      reach(next, [...seen, name]);
    }
  };
  for (const name of Object.keys(ROOMS)) reach(name, []);
});
