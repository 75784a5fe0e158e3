// `npm run example NAME`: runs a program of examples/ from the sources, as it would run with the package installed: what
// it imports as "quorate" and the like is src/. It looks for a cluster at QUORATE_ENDPOINTS, or at `npm start`'s.
//
//   npm run example mutex
//   npm run example recipes/migrations
import { existsSync, globSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, "examples");
const SOURCES = {
  quorate: "src/index.ts",
  "quorate/core": "src/core.ts",
  "quorate/testing": "src/testkit/index.ts",
};

const [name = "", ...rest] = process.argv.slice(2);
const file = join(folder, `${name}.ts`);
if (name === "" || !existsSync(file)) {
  const names = globSync("{*,recipes/*}.ts", { cwd: folder }).map((found) => relative(".", found).replace(/\.ts$/, ""));
  process.stderr.write(`there is no example "${name}": give one of ${names.sort().join(", ")}\n`);
  process.exit(2);
}
registerHooks({
  resolve(specifier, context, next) {
    const source = SOURCES[specifier];
    return source === undefined
      ? next(specifier, context)
      : { url: pathToFileURL(join(root, source)).href, shortCircuit: true };
  },
});
process.argv.splice(1, process.argv.length - 1, file, ...rest);
await import(pathToFileURL(file).href);
