// What the package weighs for who bundles and who installs it, held against what README.md says of that.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** By so much a number in README.md may be wrong. */
const TOLERANCE = 0.1;
const { build } = createRequire(new URL("../tools/package.json", import.meta.url))("esbuild");

/**
 * @param {string} place a project into which the package was installed, and nothing else
 * @returns {Promise<Record<string, number>>} kilobytes (1000 bytes) of bundles, and numbers of packages
 */
export async function weigh(place) {
  const connect = await bundled(place, 'export { connect } from "quorate";', "node");
  const core = await bundled(place, 'export { Quorate } from "quorate/core";', "browser");
  const { dependencies } = JSON.parse(readFileSync(join(place, "node_modules", "quorate", "package.json"), "utf8"));
  const { packages } = JSON.parse(readFileSync(join(place, "package-lock.json"), "utf8"));
  return {
    "connect minified": connect.minified,
    "connect gzipped": connect.gzipped,
    "core minified": core.minified,
    "core gzipped": core.gzipped,
    "direct dependencies": Object.keys(dependencies).length,
    // Without the project itself and the package.
    "packages with all of theirs": Object.keys(packages).filter((path) => path !== "").length - 1,
  };
}

/** @param {Record<string, number>} weights of `weigh` */
export function compareWithReadme(weights) {
  const readme = readFileSync(fileURLToPath(new URL("../README.md", import.meta.url)), "utf8");
  const row = (what) => {
    const found = readme.match(new RegExp(`^\\| ${what} \\| (.*) \\|$`, "m"));
    assert.ok(found !== null, `README.md has no row "${what}" in its table of weights`);
    return [...found[1].matchAll(/[0-9]+/g)].map(Number);
  };
  const [connect, connectGzipped] = row('`import \\{ connect \\} from "quorate"`');
  const [core, coreGzipped] = row('`import \\{ Quorate \\} from "quorate/core"`');
  const [direct, all] = row("dependencies");
  const said = [connect, connectGzipped, core, coreGzipped, direct, all];
  const wrong = Object.entries(weights)
    .map(([what, is], at) => ({ what, is, said: said[at] }))
    .filter(({ is, said }) => !(Math.abs(is - said) <= TOLERANCE * is));
  assert.deepEqual(wrong, [], "README.md is wrong about what the package weighs");
}

async function bundled(place, source, platform) {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: place, sourcefile: "entry.js" },
    bundle: true,
    platform,
    format: "esm",
    target: "node22",
    minify: true,
    write: false,
    logLevel: "silent",
  });
  const code = outputFiles[0].contents;
  return { minified: Math.round(code.length / 1000), gzipped: Math.round(gzipSync(code, { level: 9 }).length / 1000) };
}
