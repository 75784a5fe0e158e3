// Which file imports which: reads every module under src/ with dependency-cruiser and holds the arrows against the table in
// house.mjs. It must run from here, where TypeScript 6 is installed: without its parser dependency-cruiser reads
// nothing, or misses type imports, and calls that a success.
import { globSync } from "node:fs";
import { join } from "node:path";
import { cruise } from "dependency-cruiser";
import { FACES, ROOMS, TEST_PACKAGES, THROUGH_PORTS } from "./house.mjs";

const TEST_CODE = "(\\.test\\.ts$|/testing/)";
const NPM = ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-bundled", "npm-no-pkg", "npm-unknown"];

/**
 * @param {string} root folder that holds src/
 * @returns {Promise<{ problems: string[], modules: number, arrows: number }>} each problem is one line
 */
export async function checkArrows(root) {
  const files = globSync("src/**/*.ts", { cwd: root }).map((file) => file.replaceAll("\\", "/"));
  const { output } = await cruise(
    ["src"],
    {
      baseDir: root,
      validate: true,
      ruleSet: { forbidden: rules() },
      doNotFollow: { path: "node_modules" },
      tsPreCompilationDeps: true,
    },
    {
      extensions: [".ts", ".d.ts", ".js"],
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"],
      bustTheCache: true,
    },
  );
  const read = output.modules.filter(({ source }) => source.startsWith("src/") && source.endsWith(".ts"));
  const problems = output.summary.violations.map(describe);
  const seen = new Set(read.map(({ source }) => source));
  for (const file of files) {
    if (!seen.has(file)) problems.push(`${file}: dependency-cruiser did not read it, its arrows are unknown`);
    const [, room, inside] = file.split("/");
    if (inside !== undefined && ROOMS[room] === undefined) {
      problems.push(`${file}: "${room}" is no room of the house; give it a floor in tools/house.mjs`);
    }
  }
  if (files.length === 0) problems.push(`there are no sources in ${join(root, "src")}`);
  const arrows = read.reduce((sum, module) => sum + module.dependencies.length, 0);
  if (files.length > 1 && arrows === 0) problems.push("not one import was found: the parser is not working");
  return { problems, modules: read.length, arrows };
}

function describe({ rule, from, to, cycle }) {
  const way = cycle === undefined ? to : cycle.map((step) => step.name ?? step).join(" -> ");
  return `${from} -> ${way}: ${rule.name} (${EXPLAINED[rule.name] ?? "an arrow only points down"})`;
}

const EXPLAINED = {
  circle: "no circles, type imports included",
  "pure-node": "pure floors import nothing from Node",
  "pure-npm": "pure floors import no package",
  "through-ports": "it reaches the world through environment.ts",
  "test-package": "tests of pure floors import node:* and fast-check only",
  "dev-package": "what ships imports only what package.json lists under dependencies",
  unresolved: "the import leads nowhere",
  "to-test": "what ships must not import test code",
};

function rules() {
  const forbidden = (name, from, to) => ({ name, severity: "error", from, to });
  const names = Object.keys(ROOMS);
  const pure = names.filter((name) => ROOMS[name].pure);
  const floorZero = `^src/(?!(?:${FACES.join("|").replaceAll(".", "\\.")})$)[^/]+\\.ts$`;
  const pureFiles = [...pure.map((name) => `^src/${name}/`), floorZero];
  const throughPorts = { path: `^src/(${THROUGH_PORTS.join("|")})/`, pathNot: TEST_CODE };
  const list = [
    forbidden("circle", {}, { circular: true }),
    forbidden("unresolved", { path: "^src/" }, { couldNotResolve: true }),
    forbidden("to-test", { path: "^src/", pathNot: TEST_CODE }, { path: `^src/.*${TEST_CODE}` }),
    forbidden(
      "dev-package",
      { path: "^src/", pathNot: TEST_CODE },
      { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    ),
    forbidden("floor 0", { path: floorZero }, { path: "^src/", pathNot: floorZero }),
    forbidden("pure-node", { path: pureFiles, pathNot: TEST_CODE }, { dependencyTypes: ["core"] }),
    forbidden(
      "test-package",
      { path: `^src/(${pure.join("|")})/.*${TEST_CODE}` },
      {
        dependencyTypes: NPM,
        pathNot: packages([...TEST_PACKAGES, ...pure.flatMap((name) => ROOMS[name].npm ?? [])]),
      },
    ),
    forbidden("pure-npm", { path: floorZero, pathNot: TEST_CODE }, { dependencyTypes: NPM }),
    forbidden("through-ports", throughPorts, { path: "^src/node/" }),
    forbidden("through-ports", throughPorts, { dependencyTypes: ["core"] }),
  ];
  for (const name of names) {
    const { floor, beside = [], npm = [] } = ROOMS[name];
    const open = names.filter((other) => other === name || ROOMS[other].floor < floor || beside.includes(other));
    const allowed = [`^src/(${open.join("|")})/`, floorZero];
    list.push(forbidden(`floor ${floor}`, { path: `^src/${name}/` }, { path: "^src/", pathNot: allowed }));
    if (ROOMS[name].pure) {
      const from = { path: `^src/${name}/`, pathNot: TEST_CODE };
      list.push(
        forbidden("pure-npm", from, { dependencyTypes: NPM, ...(npm.length > 0 && { pathNot: packages(npm) }) }),
      );
    }
  }
  return list;
}

function packages(names) {
  return names.map((name) => `node_modules/${name}/`);
}
