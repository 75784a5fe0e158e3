// Everything starts here, on whatever Node is at hand (18 or newer): installs what the lock file says if that is not
// there yet, then goes on with the project's own Node.
//
//   node scripts/setup.mjs [--with-tools] [script [arguments]]
//
// --with-tools also installs tools/, which only the checks of the source tree need.
import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runInForeground } from "./foreground.mjs";
import { installationFault, projectNode } from "./installed.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const args = process.argv.slice(2);
const withTools = args[0] === "--with-tools";
if (withTools) args.shift();

install(root, "packages and Node");
if (withTools) install(join(root, "tools"), "checking tools");

const [script, ...rest] = args;
if (script !== undefined) {
  const node = projectNode(root);
  const target = resolve(root, script);
  // At a terminal, Ctrl-C reaches us twice: from the terminal, and from npm, which passes on its own copy. A process of its
  // own gets only the terminal's. Without a terminal there is one copy, and no need for another process.
  if (realpathSync(process.execPath) === realpathSync(node) && !process.stdin.isTTY) {
    process.argv.splice(1, process.argv.length - 1, target, ...rest);
    await import(pathToFileURL(target).href);
  } else {
    runInForeground(node, [target, ...rest]);
  }
}

/** Runs `npm ci` in `folder` unless the right packages are there. Ends the process when that fails. */
function install(folder, what) {
  const fault = faultOf(folder);
  if (fault === undefined) return;
  process.stderr.write(`quorate: installing the pinned ${what} in ${folder} (${fault})\n`);
  const npm = spawnSync("npm", ["ci", "--include=dev", "--loglevel=error", "--no-audit", "--no-fund"], {
    cwd: folder,
    env: { ...process.env, PATH: pathWithoutProject() },
    shell: process.platform === "win32",
    // What npm says is no part of the script's output.
    stdio: ["ignore", 2, 2],
  });
  if (npm.error !== undefined) fail(`cannot run npm: ${npm.error.message}`);
  if (npm.signal !== null) process.kill(process.pid, npm.signal);
  if (npm.status !== 0) fail(`npm ci failed in ${folder} (exit code ${npm.status}), its reason is above`);
  const left = faultOf(folder);
  if (left !== undefined) fail(`npm ci ended well in ${folder}, yet ${left}`);
}

function faultOf(folder) {
  const fault = installationFault(folder);
  if (fault !== undefined || folder !== root || existsSync(projectNode(root))) return fault;
  return "the project's own Node is missing: were install scripts switched off?";
}

/** npm must not run on the very Node that it is about to replace. */
function pathWithoutProject() {
  const own = join("node_modules", ".bin");
  return (process.env.PATH ?? "")
    .split(delimiter)
    .filter((part) => !(part.endsWith(sep + own) && resolve(part).startsWith(root)))
    .join(delimiter);
}

function fail(line) {
  process.stderr.write(`quorate: ${line}\n`);
  process.exit(1);
}
