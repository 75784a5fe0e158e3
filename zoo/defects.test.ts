/** Every defect must still fit the sources it is made for; run by `npm test`, so that who changes these brings it along. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { describe, it } from "node:test";
import { defects } from "./catalogue.ts";
import { applyPatches, filesOf } from "./patch.ts";

const textOf = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");

describe("the bug zoo", () => {
  it("has at least 50 defects, each with a name of its own, a description and a source", () => {
    assert.ok(defects.length >= 50, `${defects.length} defects`);
    assert.deepEqual(
      defects.map(({ name }) => name).filter((name, at, all) => all.indexOf(name) !== at),
      [],
    );
    for (const { name, what, source, patches } of defects) {
      assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
      assert.ok(what.length > 20 && what.endsWith("."), `${name} has no description: ${what}`);
      assert.ok(source.length > 5, `${name} has no source`);
      assert.ok(patches.length > 0, `${name} has no patches`);
    }
  });

  for (const defect of defects) {
    it(`${defect.name} fits the present sources, and they can be run with it`, () => {
      for (const file of filesOf(defect)) {
        const patched = applyPatches(defect, file, textOf(file));
        assert.doesNotThrow(() => stripTypeScriptTypes(patched), `${file} with ${defect.name}`);
      }
    });
  }
});
