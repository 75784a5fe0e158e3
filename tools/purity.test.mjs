import assert from "node:assert/strict";
import { test } from "node:test";
import { isPure } from "./house.mjs";
import { bypasses, impurities } from "./purity.mjs";

const OFFENCES = {
  Date: "export const t: number = Date.now();",
  "new Date": "export const t = new Date();",
  "Math.random": "export const r: number = Math.random();",
  "Math.random in parts": "const { random } = Math; export const r: number = random();",
  "Math by index": 'export const r: number = Math["random"]();',
  setTimeout: "setTimeout(() => {}, 1);",
  performance: "export const p: number = performance.now();",
  crypto: "export const id: string = crypto.randomUUID();",
  process: "export const p: number = process.pid;",
  "process as a value": "export const it = { process };",
  globalThis: "export const t: unknown = globalThis.Date;",
  Buffer: 'export const b = Buffer.from("x");',
  await: "export async function f(): Promise<void> { await 1; }",
  async: "export const f = async () => 1;",
  "for await": "async function f(x: any) { for await (const y of x) y; }",
  "a Promise": "export const p = Promise.resolve();",
  "a Promise type": "export function f(): Promise<void>;",
  "import()": 'export const m = import("./x.ts");',
  "import.meta": "export const u: string = import.meta.url;",
  WeakRef: "export const w = new WeakRef({});",
  eval: 'eval("1");',
  "a default value": "export function f(now: number = Date.now()): number { return now; }",
  "inside a template": "export const s = `at ${Date.now()}`;",
};
for (const [name, text] of Object.entries(OFFENCES)) {
  test(`${name} is found`, () => {
    const problems = impurities("src/consensus/a.ts", text);
    assert.ok(problems.length > 0);
    assert.match(problems[0], /^src\/consensus\/a\.ts:1:\d+: .* has no place on a pure floor/);
  });
}

test("words that only look alike are no offence", () => {
  const text = `
    // Date.now() and Math.random() and await in a comment
    /* setTimeout */
    export const text: string = "process.exit(1), new Date()" + \`Promise\`;
    export interface Options { readonly process: string; crypto(): void; performance?: number }
    export const options = { process: "x", crypto() {}, performance: 1 };
    export const value: string = options.process;
    export const { process: renamed } = options;
    export class Machine { self = 1; window(): number { return this.self; } }
    export const big: number = Math.max(1, 2);
    export const pattern: RegExp = /await Promise/;
  `;
  assert.deepEqual(impurities("src/consensus/a.ts", text), []);
});

test("the ports may speak of promises, but not make one", () => {
  assert.deepEqual(impurities("src/environment.ts", "export interface Disk { sync(): Promise<void> }"), []);
  assert.equal(impurities("src/environment.ts", "export const p = Promise.resolve();").length, 1);
});

test("an exception holds for its file and its name alone, and must be needed", () => {
  const text = "export const g: unknown = globalThis;";
  assert.deepEqual(impurities("src/wire/byte-string.ts", text), []);
  assert.equal(impurities("src/wire/other.ts", text).length, 1);
  assert.equal(impurities("src/wire/byte-string.ts", `${text} Date.now();`).length, 1);
  assert.match(impurities("src/wire/byte-string.ts", "export {};")[0], /no longer uses globalThis/);
});

test("pure are floors 0 and 1 without their tests", () => {
  const paths = {
    "src/consensus/raft/raft.ts": true,
    "src/wire/gen/rpc_pb.ts": true,
    "src/errors.ts": true,
    "src/consensus/raft/raft.test.ts": false,
    "src/consensus/testing/net.ts": false,
    "src/index.ts": false,
    "src/storage/log.ts": false,
    "test/e2e/a.ts": false,
  };
  for (const [path, pure] of Object.entries(paths)) assert.equal(isPure(path), pure, path);
});

test("behind the ports one may wait, but not know the time, draw or start a timer", () => {
  const waiting = "export async function f(): Promise<void> { await Promise.resolve(); }";
  assert.deepEqual(bypasses("src/virtual/a.ts", waiting), []);
  assert.deepEqual(bypasses("src/virtual/a.ts", "export const f = (process: Life): void => process.end();"), []);
  for (const name of ["Date", "setTimeout", "Math.random", "process", "Buffer", "globalThis"]) {
    const [problem = "nothing"] = bypasses("src/virtual/a.ts", OFFENCES[name]);
    assert.match(problem, /^src\/virtual\/a\.ts:1:\d+: .* goes past the ports/, name);
  }
});
