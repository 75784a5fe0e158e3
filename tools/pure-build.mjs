// What needs nothing of Node is built as a browser would get it: an import of Node, direct or deep inside, does not
// resolve there.
import { globSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { isTestCode, ROOMS } from "./house.mjs";

/**
 * @param {string} root folder that holds src/
 * @param {string} source a module of its own, whose imports are relative to the root
 * @returns {Promise<{ code: string, problems: string[] }>} a script that runs by itself
 */
export async function buildForBrowsers(root, source) {
  try {
    const { outputFiles } = await build({
      stdin: { contents: source, resolveDir: root, sourcefile: "entry.ts", loader: "ts" },
      bundle: true,
      platform: "browser",
      format: "iife",
      target: "es2023",
      minify: true,
      write: false,
      logLevel: "silent",
      // What the package promises of itself in `sideEffects` is not to hide anything here.
      ignoreAnnotations: true,
    });
    return { code: outputFiles[0].text, problems: [] };
  } catch (error) {
    if (error.errors === undefined) throw error;
    return {
      code: "",
      problems: error.errors.map(({ text, location }) => `${location?.file}:${location?.line}: ${text}`),
    };
  }
}

/**
 * @param {string} root folder that holds src/
 * @returns {string} a module that imports every file of the pure floors
 */
export function allOfThePureFloors(root) {
  const rooms = Object.keys(ROOMS).filter((room) => ROOMS[room].pure);
  const files = globSync(`src/{${rooms.join(",")}}/**/*.ts`, { cwd: root }).filter((file) => !isTestCode(file));
  return files
    .sort()
    .map((file) => `import "./${join(file).replaceAll("\\", "/")}";`)
    .join("\n");
}
