/**
 * A quick defect of each room and of each protocol is hunted by `npm test`, so that the hunt itself goes on working;
 * `npm run zoo` is all of them.
 */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { defects } from "./catalogue.ts";
import { homeOf } from "./ground.ts";
import { Controls, hunt } from "./hunt.ts";

const sample = [
  "figure-8",
  "reports-not-read",
  "epoch-acknowledged-before-durable",
  "append-not-synced",
  "silent-link-kept",
  "read-before-applied",
  "txn-not-atomic",
  "follower-reads-as-it-is",
] as const;
/** Nobody said what is wrong. */
const SPEECHLESS = ["no exception", "the process died", "never came to rest"];
const PATIENCE_MS = 60_000;

describe("a sample of the zoo", () => {
  const controls = new Controls(PATIENCE_MS);
  after(() => controls.stop());

  for (const name of sample) {
    it(`${name} is caught`, { timeout: 3 * PATIENCE_MS }, async () => {
      const defect = defects.find((one) => one.name === name);
      assert.ok(defect !== undefined, `there is no defect ${name} in zoo/catalogue.ts`);
      const options = { ground: homeOf(defect, "raft"), seeds: 60, rateSeeds: 0, patienceMs: PATIENCE_MS };
      const { find } = await hunt(defect, options, controls);
      assert.ok(find !== null, `${name} escaped in ${options.seeds} seeds`);
      const { property, message } = find.failure;
      assert.ok(!SPEECHLESS.includes(property), `${property}: ${message}`);
    });
  }
});
