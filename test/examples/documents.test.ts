/** What the documentation refers to is there: the tests of each guarantee, and where links lead. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { root } from "./page.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");

test("every guarantee names tests that are there", () => {
  const page = read("docs/guarantees.md");
  const paths = [...page.matchAll(/`((?:src|test|docs)\/[^`]+)`/g)].map(([, path]) => path ?? "");
  assert.ok(paths.length > 50, `only ${paths.length} files are named`);
  assert.deepEqual(
    paths.filter((path) => !existsSync(join(root, path))),
    [],
    "these files do not exist",
  );
  const tables = page.split(/\n\n/).filter((part) => part.startsWith("|") && part.includes("tested in"));
  assert.ok(tables.length >= 6, `only ${tables.length} tables name tests`);
  for (const row of tables.flatMap((table) => table.trim().split("\n").slice(2))) {
    assert.match(row, /`(src|test)\/[^`]+`[^|]*\|$/, `a claim without a test: ${row}`);
  }
});

test("links lead somewhere", () => {
  const pages = globSync(["*.md", "docs/**/*.md", "bench/*.md", "zoo/*.md"], { cwd: root });
  assert.ok(pages.length > 20, `only ${pages.length} pages were found`);
  const broken: string[] = [];
  for (const page of pages) {
    for (const [, target = ""] of withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : normalize(join(dirname(page), path));
      const exists = existsSync(join(root, file));
      const isPage = exists && statSync(join(root, file)).isFile();
      if (!exists || (anchor !== undefined && isPage && !anchorsOf(read(file)).has(anchor))) {
        broken.push(`${page}: ${target}`);
      }
    }
  }
  assert.deepEqual(broken, []);
});

test("every primitive has a page that the guide's index names", () => {
  const index = read("docs/guide/README.md");
  const pages = globSync("docs/guide/*.md", { cwd: root }).map((page) => page.slice("docs/guide/".length));
  assert.deepEqual(
    pages.filter((page) => page !== "README.md" && !index.includes(`](${page})`)),
    [],
  );
  const methods = /^ {2}(\w+)\(.*\): (?!Promise|AsyncIterable|Guard)\w+/gm;
  const recipes = [...read("src/coordination/quorate.ts").matchAll(methods)].map(([, name]) => name ?? "");
  assert.ok(recipes.length > 15, `only ${recipes.length} recipes were found`);
  const all = pages.map((page) => read(`docs/guide/${page}`)).join("\n");
  const missing = recipes.filter((name) => !all.includes(`.${name}(`));
  assert.deepEqual(missing, [], "recipes that no page of the guide shows");
});

function withoutCode(page: string): string {
  return page.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "");
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): Set<string> {
  const headings = page.replace(/```[\s\S]*?```/g, "").matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}
