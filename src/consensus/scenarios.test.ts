/**
 * Plays every script of `scenarios/`. A script fails if a statement in it does not hold, or if the engines do anything
 * else than what is recorded in it. After a change that is meant,
 *
 *     QUORATE_GOLDEN=write node --test src/consensus/scenarios.test.ts
 *
 * records anew; the difference then shows in review what the change does.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { judge, play, rewrite } from "./testing/script/play.ts";
import { reference } from "./testing/script/reference.ts";
import { parseScenario } from "./testing/script/scenario-file.ts";

const folder = new URL("scenarios/", import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".scenario"))
  .sort();
const record = process.env.QUORATE_GOLDEN === "write";
const read = (name: string, base: URL = folder): string => readFileSync(new URL(name, base), "utf8");

describe("scenarios", () => {
  for (const name of names) {
    it(name, () => {
      const text = read(name);
      const scenario = parseScenario(text);
      const played = play(scenario);
      if (record) {
        const anew = rewrite(scenario, played);
        if (anew !== text) writeFileSync(new URL(name, folder), anew);
        if (played.failure !== null) throw played.failure.error;
      } else {
        const complaint = judge(scenario, played);
        if (complaint !== null) assert.fail(complaint);
      }
    });
  }
});

describe("the pages about scenarios", () => {
  it("the language's reference is what the player reads", () => {
    const text = read("README.md");
    const [before = ""] = text.split(/(?<=-->\n)/);
    const anew = `${before}\n${reference()}\n`;
    if (record && anew !== text) writeFileSync(new URL("README.md", folder), anew);
    else assert.equal(text, anew);
  });

  it("the table of known failures names each script in the rows of its numbers", () => {
    const rows = read("scenarios.md", new URL("../../docs/internals/", import.meta.url)).match(/^\| \d+ \|.*$/gm) ?? [];
    const inTable = rows.flatMap((row) => {
      const number = Number(row.split("|")[1]);
      return [...row.matchAll(/`(\d\d-[\w-]+)`/g)].map(([, name]) => `${number}: ${name}`);
    });
    const inFiles = names.flatMap((name) =>
      parseScenario(read(name)).numbers.map((number) => `${number}: ${name.replace(/\.scenario$/, "")}`),
    );
    assert.deepEqual(inTable.sort(), inFiles.sort());
    assert.deepEqual(
      rows.map((row) => Number(row.split("|")[1])),
      Array.from({ length: 54 }, (_, i) => i + 1),
    );
  });
});
