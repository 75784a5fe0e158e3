// Proves the package as its users get it: packs it, looks at it with publint and "are the types wrong", installs it into
// an empty project, weighs it and uses it there, on the oldest Node it promises and on the project's own. Expects dist/ to
// be built and tools/ to be installed.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { compareWithReadme, weigh } from "./package-weight.mjs";

/** The lowest Node of `engines` in package.json, installed from the package `node`. */
const OLDEST_NODE = "22.12.0";
/** For one npm command: a registry that does not answer must not stop everything for an hour. */
const NPM_MS = 300_000;
const START_MS = 30_000;
const STOP_MS = 20_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { version, engines, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
assert.ok(
  OLDEST_NODE.startsWith(engines.node.slice(2)),
  `engines says ${engines.node}, this check uses ${OLDEST_NODE}`,
);

const place = mkdtempSync(join(tmpdir(), "quorate-package-"));
try {
  const tarball = pack();
  look(tarball);
  lookAtTypes(tarball);
  installInto(tarball);
  const weights = await weigh(place);
  console.log(
    `weights: ${Object.entries(weights)
      .map((entry) => entry.join(" "))
      .join(", ")}`,
  );
  compareWithReadme(weights);
  installWhatUsersHave();
  typeCheck();
  const nodes = [join(place, "node_modules", "node", "bin", "node"), process.execPath];
  for (const node of nodes) {
    const name = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
    importOn(node, name);
    await useOn(node, name);
    await serveOn(node, name);
  }
} finally {
  rmSync(place, { recursive: true, force: true });
}

/** @returns {string} path of the tarball */
function pack() {
  assert.ok(existsSync(join(root, "dist", "index.js")), "dist/index.js is missing: run npm run build first");
  const out = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", place], {
    cwd: root,
    encoding: "utf8",
  });
  const described = JSON.parse(out);
  const [{ filename, files, size }] = Array.isArray(described) ? described : Object.values(described);
  const foreign = files
    .map(({ path }) => path)
    .filter((path) => !/^(bin|dist|proto)\/|^[^/]+\.(md|json)$|^LICENSE$/.test(path));
  assert.deepEqual(foreign, [], "files that do not belong into the package");
  const tests = files.map(({ path }) => path).filter((path) => /\.test\.|\/testing\//.test(path));
  assert.deepEqual(tests, [], "test code in the package");
  console.log(`packed ${filename}: ${files.length} files, ${Math.round(size / 1024)} KiB`);
  return join(place, filename);
}

function look(tarball) {
  execFileSync(process.execPath, [join(root, "node_modules", "publint", "src", "cli.js"), "--strict", tarball], {
    cwd: root,
    stdio: "inherit",
  });
}

/** Whether each way to import the package finds its types. There is no CommonJS of it. */
function lookAtTypes(tarball) {
  const command = join(root, "tools", "node_modules", "@arethetypeswrong", "cli", "dist", "index.js");
  execFileSync(process.execPath, [command, "--profile", "esm-only", "--no-emoji", "--no-color", tarball], {
    cwd: root,
    stdio: "inherit",
  });
}

function installInto(tarball) {
  const project = { name: "a-user", private: true, type: "module", allowScripts: { node: true, protobufjs: false } };
  writeFileSync(join(place, "package.json"), JSON.stringify(project));
  cpSync(join(root, ".npmrc"), join(place, ".npmrc"));
  execFileSync("npm", ["install", "--loglevel=error", tarball], { cwd: place, stdio: "inherit", timeout: NPM_MS });
  const said = execFileSync("npx", ["--no-install", "quorate", "version"], { cwd: place, encoding: "utf8" });
  assert.ok(said.includes(version), `npx quorate version says ${JSON.stringify(said)}, not ${version}`);
  console.log(`npx quorate version: ${said.trim().split("\n")[0]}`);
}

/** The oldest Node, and what a TypeScript program on Node has of its own. */
function installWhatUsersHave() {
  const types = `@types/node@${devDependencies["@types/node"]}`;
  execFileSync("npm", ["install", "--loglevel=error", `node@${OLDEST_NODE}`, types], {
    cwd: place,
    stdio: "inherit",
    timeout: NPM_MS,
  });
}

/** A user's strict project must compile against our declarations: all that the documentation shows. */
function typeCheck() {
  const programs = join(place, "examples");
  cpSync(join(root, "examples"), programs, { recursive: true });
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const options = "--noEmit --strict --module nodenext --target es2023 --lib es2024,esnext.disposable,dom --types node";
  const files = globSync("**/*.ts", { cwd: programs }).map((file) => join("examples", file));
  execFileSync(process.execPath, [compiler, ...options.split(" "), ...files], { cwd: place, stdio: "inherit" });
  console.log(`declarations: ${files.length} files of a strict project compile against them`);
}

function importOn(node, name) {
  const program = 'const q = await import("quorate"); console.log(Object.keys(q).sort().join(" "));';
  const names = execFileSync(node, ["--input-type=module", "-e", program], { cwd: place, encoding: "utf8" }).trim();
  assert.notEqual(names, "", "the package exports nothing");
  console.log(`${name}: import gives ${names}`);
}

/** A user's program: a member of its own in a thread, and the same from outside; it ends by itself. */
async function useOn(node, name) {
  const [client] = await freePorts(1);
  const url = `http://127.0.0.1:${client}`;
  const program = `
    import { connect, start } from "quorate";
    const own = await start({ dataDir: ${JSON.stringify(join(place, `own-${name}`))}, listenClientUrls: ["${url}"] });
    await own.lock("one").run((lock) => own.guard(lock).put("a", "1"));
    const remote = await connect("${url}");
    console.log((await remote.kv.get("a")).value);
    await remote.close();
    await own.close();
    console.log("closed");
  `;
  const said = execFileSync(node, ["--input-type=module", "-e", program], {
    cwd: place,
    encoding: "utf8",
    timeout: START_MS,
  });
  assert.deepEqual(said.trim().split("\n"), ["1", "closed"]);
  console.log(`${name}: start and connect give the same, and the program ends by itself`);
}

/** One member from the package: started, written to and read by the command line, stopped by SIGTERM. */
async function serveOn(node, name) {
  const command = join(place, "node_modules", "quorate", "bin", "quorate");
  const [client, peer] = await freePorts(2);
  const clientUrl = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const flags = {
    "--name": "one",
    "--data-dir": join(place, `data-${name}`),
    "--listen-client-urls": clientUrl,
    "--advertise-client-urls": clientUrl,
    "--listen-peer-urls": peerUrl,
    "--initial-advertise-peer-urls": peerUrl,
    "--initial-cluster": `one=${peerUrl}`,
  };
  const member = spawn(node, [command, "serve", ...Object.entries(flags).flat()], {
    cwd: place,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [member.stdout, member.stderr]) stream.on("data", (chunk) => (log += chunk));
  const ended = once(member, "exit");
  const quorate = (...args) =>
    execFileSync(node, [command, ...args, "--endpoints", `127.0.0.1:${client}`], { cwd: place, encoding: "utf8" });
  try {
    const from = performance.now();
    await untilReady(`${clientUrl}/readyz`, member);
    const readyMs = performance.now() - from;
    quorate("put", "greeting", "hello from the package");
    assert.match(quorate("get", "greeting"), /hello from the package/);
    member.kill("SIGTERM");
    const late = AbortSignal.timeout(STOP_MS);
    const [code, signal] = await Promise.race([
      ended,
      once(late, "abort").then(() => ["not stopped by SIGTERM", null]),
    ]);
    assert.deepEqual([code, signal], [0, null], "how the member ended");
    console.log(`${name}: serve ready after ${Math.round(readyMs)} ms, put and get, stopped cleanly`);
  } catch (error) {
    console.error(`${name}: the member said:\n${log}`);
    throw error;
  } finally {
    if (member.exitCode === null && member.signalCode === null) member.kill("SIGKILL");
  }
}

async function untilReady(address, member) {
  const deadline = performance.now() + START_MS;
  for (;;) {
    if (member.exitCode !== null)
      throw new Error(`the member ended with exit code ${member.exitCode} before it was ready`);
    try {
      if ((await fetch(address)).ok) return;
    } catch (error) {
      if (performance.now() > deadline) throw new Error("the member did not become ready", { cause: error });
    }
    if (performance.now() > deadline) throw new Error(`${address} did not answer 200 within ${START_MS} ms`);
    await pause(50);
  }
}

/** Asks the system for ports that are free now, all at once, so that they differ. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
