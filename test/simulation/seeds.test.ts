/** A fixed batch of simulated lives, the same in every run, and a few that nobody has seen before. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const quorate = fileURLToPath(new URL("../../bin/quorate", import.meta.url));
const MINUTE_MS = 60_000;

/** How many: `QUORATE_TEST_SEEDS` in place of both, for a longer look. */
const FIXED = 60;
const FRESH = 30;
const wanted = Number(process.env["QUORATE_TEST_SEEDS"] ?? 0);

function simulate(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [quorate, "simulate", ...args], {
    encoding: "utf8",
    timeout: 14 * MINUTE_MS,
  });
  console.log(stderr.trim());
  console.log(stdout.trim());
  assert.equal(status, 0, `quorate simulate ${args.join(" ")} found something:\n${stdout}${stderr}`);
}

test("a fixed batch of seeds keeps every promise", () => {
  simulate("--seed", "1", "--seeds", String(wanted || FIXED));
});

test("so do seeds drawn now; their numbers are printed", () => {
  simulate("--seed", String(randomInt(2 ** 31)), "--seeds", String(wanted || FRESH));
});

test("a failing seed is replayed by the command that was printed", () => {
  // Whatever a healthy run does, the same command does it again.
  const run = (): string => {
    const { stdout } = spawnSync(process.execPath, [quorate, "simulate", "--seed", "3", "--trace", "/dev/null"], {
      encoding: "utf8",
      timeout: 2 * MINUTE_MS,
    });
    return /hash ([0-9a-f]{16})/.exec(stdout)?.[1] ?? `no hash in: ${stdout}`;
  };
  const hash = run();
  assert.match(hash, /^[0-9a-f]{16}$/);
  assert.equal(run(), hash);
});
