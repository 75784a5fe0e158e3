// `npm run docs:api`: writes the reference of what the package exports, from its doc comments, into docs/api (not kept in
// Git). Fails when an exported symbol has no doc comment, when a type that is part of the interface has no name that a
// user could import, and when a link of a comment leads nowhere. With --check it writes nothing.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Application, LogLevel } from "typedoc";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
/** What the package exports, where it is written. */
const entryPoints = Object.values(exports)
  .filter(({ types }) => types !== undefined)
  .map(({ types }) => join(root, types.replace("dist/", "src/").replace(".d.ts", ".ts")));
const check = process.argv.includes("--check");

/** Parameters of constructors that only the library calls, and what only it needs of what it gives. */
const MADE_BY_THE_LIBRARY = [
  "Entrance",
  "GroupReplica",
  "KeyRange",
  "Leaseholder",
  "Place",
  "Reading",
  "Scope",
  "SettledWrites",
  "Wait",
];

const application = await Application.bootstrap({
  name: "quorate",
  entryPoints,
  tsconfig: join(root, "tsconfig.json"),
  readme: "none",
  disableGit: true,
  sourceLinkTemplate: "../../{path}#L{line}",
  out: join(root, "docs", "api"),
  githubPages: false,
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  intentionallyNotExported: MADE_BY_THE_LIBRARY,
  validation: { notDocumented: false, notExported: true, invalidLink: true, invalidPath: true },
  // tsc has done that, with the TypeScript of the project.
  skipErrorChecking: true,
  logLevel: LogLevel.Warn,
});
const project = await application.convert();
if (project === undefined) process.exit(1);
application.validate(project);
if (!check) await application.generateOutputs(project);
// Of members, those have words that need some; every exported symbol does.
for (const module of project.children ?? []) {
  for (const symbol of module.children ?? []) {
    if (isDocumented(symbol)) continue;
    application.logger.warn(`${symbol.getFullName()} in ${symbol.sources?.[0]?.fileName} has no doc comment`);
  }
}
const { errorCount, warningCount } = application.logger;
const symbols = Object.keys(project.reflections).length;
if (symbols < 500) application.logger.error(`only ${symbols} symbols and members were found`);
console.log(`api: ${symbols} symbols and members, ${errorCount + warningCount} problems`);
process.exitCode = application.logger.errorCount + warningCount > 0 ? 1 : 0;

/** One that is told elsewhere again (quorate and quorate/core export the same) counts there. */
function isDocumented(symbol) {
  if (symbol.variant === "reference" || symbol.hasComment()) return true;
  return (symbol.signatures ?? []).some((signature) => signature.hasComment());
}
