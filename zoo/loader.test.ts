/** The measure is worth something only if the patched text is what runs: in a process, and in a worker thread of it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Defect } from "./defect.ts";
import { applyPatches } from "./patch.ts";

const project = fileURLToPath(new URL("..", import.meta.url));

/** What a program prints that asks for a quorum of 2 in a group of 4, here and in a worker. */
const program = `
  import { Worker, isMainThread, parentPort } from "node:worker_threads";
  import { majority } from "./src/consensus/membership.ts";
  import { activeDefect, unpatchedFiles } from "./zoo/loader.ts";
  const seen = [majority(4), activeDefect?.name ?? null, unpatchedFiles()];
  if (isMainThread) {
    const worker = new Worker(new URL(import.meta.url));
    worker.on("message", (inWorker) => console.log(JSON.stringify({ seen, inWorker })));
  } else parentPort.postMessage(seen);
`;

function run(defect: string): { status: number | null; stdout: string; stderr: string } {
  const url = `data:text/javascript,${encodeURIComponent(absolute(program))}`;
  const script = `import(${JSON.stringify(url)})`;
  return spawnSync(process.execPath, ["--import", "./zoo/loader.ts", "-e", script], {
    cwd: project,
    encoding: "utf8",
    env: { ...process.env, QUORATE_ZOO_DEFECT: defect, NODE_TEST_CONTEXT: undefined },
  });
}

/** A data: URL has no folder that paths could be relative to. */
function absolute(text: string): string {
  return text.replaceAll('"./', () => `"${new URL("..", import.meta.url).href}`);
}

describe("the zoo's loader", () => {
  it("changes nothing without a defect", () => {
    const { stdout, stderr } = run("");
    assert.deepEqual(JSON.parse(stdout || "null"), { seen: [3, null, []], inWorker: [3, null, []] }, stderr);
  });

  it("runs the patched text, in the process and in its worker threads", () => {
    const { stdout, stderr } = run("half-is-a-majority");
    const seen = [2, "half-is-a-majority", []];
    assert.deepEqual(JSON.parse(stdout || "null"), { seen, inWorker: seen }, stderr);
  });

  it("names the files that were not loaded, and so not patched", () => {
    const { stdout, stderr } = run("figure-8");
    assert.deepEqual(JSON.parse(stdout || "null").seen, [3, "figure-8", ["src/consensus/raft/replication.ts"]], stderr);
  });

  it("refuses a defect that does not exist", () => {
    const { status, stderr } = run("no-such-bug");
    assert.notEqual(status, 0);
    assert.match(stderr, /QUORATE_ZOO_DEFECT is no-such-bug, which is no defect of the zoo/);
  });
});

describe("a patch", () => {
  const defect = (text: string, replacement: string): Defect => ({
    name: "made-up",
    room: "server",
    what: "",
    source: "",
    engine: "any",
    patches: [{ file: "a.ts", text, replacement }],
  });

  it("takes a replacement as it is", () => {
    assert.equal(applyPatches(defect("one", "$& $1"), "a.ts", "one two"), "$& $1 two");
  });

  it("must fit exactly once, and must change something", () => {
    assert.throws(
      () => applyPatches(defect("three", ""), "a.ts", "one two"),
      /made-up does not fit a.ts.* 0 times.*three/s,
    );
    assert.throws(() => applyPatches(defect("o", ""), "a.ts", "one two"), /made-up does not fit a.ts.* 2 times/s);
    assert.throws(() => applyPatches(defect("one", "one"), "a.ts", "one two"), /changes nothing/);
    assert.throws(() => applyPatches(defect("one", "1"), "b.ts", "one two"), /changes nothing in b.ts/);
  });
});
