/**
 * Every program that the documentation shows is the file in examples/, and prints what the page says it prints, on a
 * cluster of three members. `QUORATE_RECORD=1` writes text and output into the pages instead.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { programsOn, root, withBlock } from "./page.ts";

const PROGRAM_MS = 120_000;
const record = process.env["QUORATE_RECORD"] === "1";
const pages = globSync(["docs/guide/*.md", "docs/recipes/*.md", "README.md"], { cwd: root }).sort();
const shown = new Map(pages.map((page) => [page, programsOn(page)]));

/** Programs that need a package which is not installed here: their text and their types are checked. */
const isFramework = (file: string): boolean => file.startsWith("examples/frameworks/");

/** How it ended, and what it printed. */
async function run(file: string, endpoints: string): Promise<string> {
  const name = file.slice("examples/".length, -".ts".length);
  const program = spawn(process.execPath, [join(root, "scripts", "example.mjs"), name], {
    env: { ...process.env, QUORATE_ENDPOINTS: endpoints, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PROGRAM_MS,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(program.stdout),
    text(program.stderr),
    once(program, "close"),
  ]);
  assert.deepEqual([code, signal], [0, null], `${file} failed:\n${stdout}${stderr}`);
  assert.equal(stderr, "", `${file} complained`);
  return stdout;
}

/** Writes a page anew with what its programs say now. */
async function rewrite(page: string, endpoints: string): Promise<void> {
  const path = join(root, page);
  for (let at = 0; at < (shown.get(page)?.length ?? 0); at++) {
    const file = programsOn(page)[at]?.file ?? "";
    const output = isFramework(file) ? null : await run(file, endpoints);
    // Other programs' blocks move with each that is written.
    let whole = readFileSync(path, "utf8");
    const old = programsOn(page, whole)[at];
    if (old === undefined) throw new Error(`${page} was changed meanwhile`);
    if (old.output !== null && output !== null) whole = withBlock(whole, old.output, output);
    whole = withBlock(whole, old.program, readFileSync(join(root, file), "utf8"));
    writeFileSync(path, whole);
  }
}

describe("programs in the documentation", () => {
  let cluster: ClusterUnderTest;
  before(async () => {
    cluster = await ClusterUnderTest.start();
  });
  after(async () => {
    await cluster.stop();
  });

  for (const [page, programs] of shown) {
    if (record) {
      test(`${page} is recorded`, async () => {
        await rewrite(page, cluster.endpoints.join(","));
      });
      continue;
    }
    for (const { file, program, output } of programs) {
      test(`${page}: ${file}`, async () => {
        assert.equal(program.text, readFileSync(join(root, file), "utf8"), `${page} shows another ${file}`);
        if (isFramework(file)) return;
        assert.ok(output !== null, `${page} does not say what ${file} prints`);
        assert.equal(await run(file, cluster.endpoints.join(",")), output.text, `what ${file} prints`);
      });
    }
  }

  test("every program stands on a page", () => {
    const known = new Set([...shown.values()].flat().map(({ file }) => file));
    const files = globSync("examples/**/*.ts", { cwd: root }).filter((file) => !file.endsWith(".d.ts"));
    assert.deepEqual(
      files.filter((file) => !known.has(file)),
      [],
    );
  });
});
