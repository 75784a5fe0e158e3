/** Programs that use locks, elections, counters and the like on simulated clusters of every engine: a fixed batch, and a few new lives. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { engines } from "../../src/consensus/engines.ts";

const quorate = fileURLToPath(new URL("../../bin/quorate", import.meta.url));
const MINUTE_MS = 60_000;

/** How many of each engine: `QUORATE_TEST_RECIPE_SEEDS` in place of both, for a longer look. */
const FIXED = 8;
const FRESH = 4;
const wanted = Number(process.env["QUORATE_TEST_RECIPE_SEEDS"] ?? 0);

function simulate(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [quorate, "simulate", "--recipes", ...args], {
    encoding: "utf8",
    timeout: 14 * MINUTE_MS,
  });
  console.log(stderr.trim());
  console.log(stdout.trim());
  assert.equal(status, 0, `quorate simulate --recipes ${args.join(" ")} found something:\n${stdout}${stderr}`);
}

for (const engine of engines.keys()) {
  test(`recipes keep their promises on ${engine}, in a fixed batch of seeds`, () => {
    simulate("--engine", engine, "--seed", "1", "--seeds", String(wanted || FIXED));
  });

  test(`so they do on ${engine} in seeds drawn now; their numbers are printed`, () => {
    simulate("--engine", engine, "--seed", String(randomInt(2 ** 31)), "--seeds", String(wanted || FRESH));
  });
}
