// `npm test`: the unit tests beside the sources, then each folder of test/, one stage after the other. Every stage
// runs even when an earlier one failed; the last lines are the sums of all.
//
//   npm test                        everything
//   npm test -- unit interop        these stages
//   npm test -- src/storage         the test files under a path
//   npm test -- chaos-paxos         what is asked of every engine's clusters, of this one's
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

const MINUTE_MS = 60_000;
const ROUNDS_OF_OTHER_ENGINES = "6";
/** What is asked of every engine's clusters; the stages' plain names are the default engine's. */
const ENGINE_STAGES = ["conformance", "interop", "behaviour", "chaos"];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Set when a test starts us; run() would then believe it is a nested call and silently run nothing.
delete process.env.NODE_TEST_CONTEXT;

const { engines } = await import("../src/consensus/engines.ts");
/** Given by hand, it stays: one engine for all that is run. */
const wantedEngine = process.env.QUORATE_TEST_ENGINE;
const wantedTarget = process.env.QUORATE_TEST_TARGET;
const wantedRounds = process.env.QUORATE_CHAOS_ROUNDS;
const otherEngines = wantedEngine === undefined ? [...engines.keys()].slice(1) : [];
const stages = select(findStages(), process.argv.slice(2));
const abort = new AbortController();
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
]) {
  process.once(signal, () => {
    process.exitCode = code;
    abort.abort(new Error(`stopped by ${signal}`));
  });
}

const started = performance.now();
const sums = { tests: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };
const skipped = [];
const failed = [];
for (const stage of stages) {
  if (abort.signal.aborted) break;
  console.log(`\n== ${stage.name}: ${stage.files.length} test files`);
  const ok = await runStage(stage);
  if (!ok) failed.push(stage.name);
}
report();

/** @typedef {{ name: string, files: string[], concurrency: number, timeout: number, engine?: string, target?: string }} Stage */

/** @returns {Stage[]} in the order in which they run: the quick first, the destructive last */
function findStages() {
  const filesOf = (pattern) =>
    globSync(pattern, { cwd: root })
      .map((file) => join(root, file))
      .sort();
  // Unit tests share nothing. The stages of test/ start members and measure what these do: one file at a time.
  const found = [
    { name: "unit", files: filesOf("src/**/*.test.ts"), concurrency: availableParallelism(), timeout: 5 * MINUTE_MS },
    { name: "scripts", files: filesOf("scripts/*.test.mjs"), concurrency: 1, timeout: 5 * MINUTE_MS },
    { name: "zoo", files: filesOf("zoo/*.test.ts"), concurrency: 1, timeout: 5 * MINUTE_MS },
  ];
  const byFolder = Map.groupBy(filesOf("test/*/**/*.test.ts"), (file) => relative(root, file).split(sep)[1]);
  for (const [name, files] of byFolder) {
    found.push({ name, files, concurrency: 1, timeout: 15 * MINUTE_MS });
    if (!ENGINE_STAGES.includes(name)) continue;
    for (const engine of otherEngines) {
      found.push({ name: `${name}-${engine}`, files, concurrency: 1, timeout: 15 * MINUTE_MS, engine });
    }
    // What the library promises, it promises on a real etcd, and on a member in a thread of the program, too.
    if (name === "behaviour" && wantedEngine === undefined) {
      for (const target of ["embedded", "etcd"]) {
        found.push({ name: `behaviour-${target}`, files, concurrency: 1, timeout: 15 * MINUTE_MS, target });
      }
    }
  }
  const order = ["unit", "scripts", "zoo", "simulation", "conformance", "interop", "behaviour", "e2e", "", "chaos"];
  const rank = ({ name }) => {
    const base = name.split("-")[0];
    return order.includes(base) ? order.indexOf(base) : order.indexOf("");
  };
  return found.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

/** Narrows the stages to those the arguments name, by stage or by path. Ends the process on a name that fits nothing. */
function select(all, wanted) {
  if (wanted.length === 0) {
    if (all.find((stage) => stage.name === "unit").files.length === 0) refuse("there are no unit tests under src/");
    return all.filter((stage) => stage.files.length > 0);
  }
  const chosen = new Map(all.map((stage) => [stage, new Set()]));
  for (const word of wanted) {
    const path = resolve(root, word);
    let fits = false;
    for (const stage of all) {
      for (const file of stage.files) {
        if (stage.name !== word && file !== path && !file.startsWith(path + sep)) continue;
        chosen.get(stage).add(file);
        fits = true;
      }
    }
    if (!fits) {
      refuse(`"${word}" is neither a stage (${all.map((stage) => stage.name).join(", ")}) nor a path with test files`);
    }
  }
  return all
    .map((stage) => ({ ...stage, files: stage.files.filter((file) => chosen.get(stage).has(file)) }))
    .filter((stage) => stage.files.length > 0);
}

/** @returns {Promise<boolean>} whether every test of the stage passed, and there was at least one */
async function runStage({ files, concurrency, timeout, engine, target = wantedTarget }) {
  // Test files are processes of their own, and inherit it.
  const chosen = engine ?? wantedEngine;
  // What is told apart by engine needs fewer rounds of the same faults; QUORATE_TEST_ENGINE by hand has all of them.
  const rounds = wantedRounds ?? (engine === undefined ? undefined : ROUNDS_OF_OTHER_ENGINES);
  if (rounds === undefined) delete process.env.QUORATE_CHAOS_ROUNDS;
  else process.env.QUORATE_CHAOS_ROUNDS = rounds;
  if (chosen === undefined) delete process.env.QUORATE_TEST_ENGINE;
  else process.env.QUORATE_TEST_ENGINE = chosen;
  if (target === undefined) delete process.env.QUORATE_TEST_TARGET;
  else process.env.QUORATE_TEST_TARGET = target;
  const events = run({ files, concurrency, timeout, cwd: root, signal: abort.signal });
  let success = false;
  events.on("test:pass", ({ name, skip, file }) => {
    if (skip !== undefined) skipped.push(`${name} (${relative(root, file ?? "")})${skip === true ? "" : `: ${skip}`}`);
  });
  events.on("test:summary", ({ file, counts, success: good }) => {
    if (file !== undefined) return;
    success = good && counts.tests > 0;
    for (const key of ["tests", "passed", "cancelled", "skipped", "todo"]) sums[key] += counts[key];
    sums.failed += counts.tests - counts.passed - counts.cancelled - counts.skipped - counts.todo;
  });
  for await (const text of events.compose(spec)) process.stdout.write(text);
  return success;
}

function report() {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (skipped.length > 0) {
    console.log(`\nNOT PROVEN HERE, ${skipped.length} skipped:`);
    for (const line of skipped) console.log(`  - ${line}`);
  }
  console.log(`\n== ${stages.map((stage) => stage.name).join(", ")}`);
  console.log(`tests ${sums.tests}`);
  console.log(`pass ${sums.passed}`);
  console.log(`fail ${sums.failed}`);
  console.log(`cancelled ${sums.cancelled}`);
  console.log(`skipped ${sums.skipped}`);
  console.log(`todo ${sums.todo}`);
  console.log(`duration ${seconds} s`);
  if (abort.signal.aborted) console.log(`${abort.signal.reason.message}: not everything ran`);
  else if (failed.length > 0) console.log(`FAILED: ${failed.join(", ")}`);
  else console.log("all tests passed");
  if (process.exitCode === undefined) process.exitCode = failed.length > 0 ? 1 : 0;
}

function refuse(line) {
  process.stderr.write(`npm test: ${line}\n`);
  process.exit(2);
}
