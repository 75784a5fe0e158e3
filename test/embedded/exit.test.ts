/** A program with a member in a thread ends by itself: after close, or when it is idle; not while it waits for a call. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { freePorts } from "../support/ports.ts";

const start = new URL("../../src/coordination/start.ts", import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), "quorate-embedded-"));

/** Runs a program that has `start` and `dataDir`; what it printed, and whether it ended by itself. */
function run(name: string, program: string): Promise<{ lines: string[]; code: number | null }> {
  const prelude = `
    import { start } from ${JSON.stringify(start)};
    const dataDir = ${JSON.stringify(join(folder, name))};
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", prelude + program], { timeout: 60_000 });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      printed += text.toString();
    });
  }
  return new Promise((resolve) =>
    child.once("close", (code) => resolve({ lines: printed.trimEnd().split("\n"), code })),
  );
}

describe("a program with a member of its own", { timeout: 300_000 }, () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("ends after close, whatever was open", async () => {
    const { lines, code } = await run(
      "closed",
      `
      const q = await start({ dataDir });
      const states = (async () => { for await (const { is } of q.status()) console.log(is); })();
      const seen = (async () => { for await (const { key } of q.kv.watch({ prefix: "a" })) console.log(key); })();
      await q.lock("l").acquire({ timeoutMs: 30_000 });
      await q.kv.put("a1", "1", { timeoutMs: 30_000 });
      await new Promise((resolve) => setTimeout(resolve, 500));
      await q.close();
      await q.close();
      await seen;
      await states;
      await q.kv.get("a1").catch(({ code }) => console.log(code));
      console.log("done");
    `,
    );
    assert.deepEqual([lines, code], [["connected", "a1", "closed", "CLOSED", "done"], 0]);
  });

  test("ends when it has nothing to do, though it closed nothing, and loses nothing", async () => {
    const idle = await run(
      "idle",
      `
      const q = await start({ dataDir });
      await q.kv.put("a", "kept", { timeoutMs: 30_000 });
      console.log("idle");
    `,
    );
    assert.deepEqual(idle, { lines: ["idle"], code: 0 });
    const again = await run(
      "idle",
      `
      await using q = await start({ dataDir });
      console.log((await q.kv.get("a", { timeoutMs: 30_000 })).value);
    `,
    );
    assert.deepEqual(again, { lines: ["kept"], code: 0 });
  });

  test("does not end while a recipe pauses before it tries again", async () => {
    const { lines, code } = await run(
      "contended",
      `
      const q = await start({ dataDir });
      let runs = 0;
      await q.kv.transaction(async (tx) => {
        runs += 1;
        await tx.get("a");
        if (runs < 4) await q.kv.put("a", String(runs));
        tx.put("a", "done");
      });
      console.log("done in", runs);
    `,
    );
    assert.deepEqual([lines, code], [["done in 4"], 0]);
  });

  test("does not end while a call waits for the rest of its cluster", async () => {
    const ports = await freePorts(2);
    const cluster = JSON.stringify(
      ["a", "b"].map((name, at) => ({ name, peerUrls: [`http://127.0.0.1:${ports[at]}`] })),
    );
    const { lines, code } = await run(
      "waiting",
      `
      const q = await start({ dataDir, name: "a", initialCluster: ${cluster} });
      console.log("started");
      await q.kv.put("a", "1", { timeoutMs: 2_000 }).catch(({ code }) => console.log(code));
      console.log(q.store.state.is);
      await q.close();
      console.log("done");
    `,
    );
    assert.deepEqual([lines, code], [["started", "NO_LEADER", "leaderless", "done"], 0]);
  });

  test("ends after a start that was refused or given up", async () => {
    const { lines, code } = await run(
      "refused",
      `
      await start({ dataDir: "/dev/null/no" }).catch(({ code }) => console.log(code));
      const control = new AbortController();
      const given = start({ dataDir, signal: control.signal });
      control.abort();
      await given.catch(({ code }) => console.log(code));
      await start({ dataDir, signal: control.signal }).catch(({ code }) => console.log(code));
    `,
    );
    assert.deepEqual([lines, code], [["DATA_DIR", "ABORTED", "ABORTED"], 0]);
  });
});
