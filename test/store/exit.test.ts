/** A program that uses a store ends by itself, once the store is closed, and not before its work is done. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ClusterUnderTest } from "../support/cluster.ts";

const module = new URL("../../src/store/connect-store.ts", import.meta.url).href;
const library = new URL("../../src/coordination/connect.ts", import.meta.url).href;

/** Runs a program that has `connectStore`, `put` and `watchAll`; what it printed, and whether it ended by itself. */
function run(
  program: string,
  hear: (printed: string) => void = () => undefined,
): Promise<{ printed: string; code: number | null }> {
  const prelude = `
    import { connectStore } from ${JSON.stringify(module)};
    const put = (key) => ({ key, value: "1", lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false });
    const watchAll = { key: "\\0", rangeEnd: "\\0", startRevision: 0, prevKv: false, without: [], progress: false };
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", prelude + program], { timeout: 15_000 });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      printed += text.toString();
      hear(printed);
    });
  }
  return new Promise((resolve) => child.once("close", (code) => resolve({ printed, code })));
}

describe("a program with a store", { timeout: 60_000 }, () => {
  let cluster: ClusterUnderTest;
  let connect: string;

  before(async () => {
    cluster = await ClusterUnderTest.start({ target: "etcd", size: 1 });
    connect = `connectStore(${JSON.stringify(cluster.endpoints)})`;
  });
  after(() => cluster?.stop());

  test("ends after close, whatever was open", async () => {
    const { printed, code } = await run(`
      const store = await ${connect};
      const watch = store.watch(watchAll);
      const states = (async () => { for await (const { is } of store.states()) console.log(is); })();
      const seen = (async () => { for await (const { events } of watch) console.log(events.length); })();
      await watch.ready;
      const lease = await store.grantLease(30);
      await store.keepLeaseAlive(lease.id);
      await store.put(put("a"));
      await new Promise((resolve) => setTimeout(resolve, 100));
      await store.close();
      await seen;
      await states;
      console.log("done");
    `);
    assert.equal(code, 0, printed);
    assert.deepEqual(printed.trim().split("\n"), ["connected", "1", "closed", "done"]);
  });

  test("ends after a connection that did not come about", async () => {
    const { printed, code } = await run(`
      await connectStore("127.0.0.1:1", { connectTimeoutMs: 1_000 }).catch(({ code, message }) => console.log(code, message));
      console.log("done");
    `);
    assert.equal(code, 0, printed);
    assert.equal(printed, "UNAVAILABLE connect: no member can be reached: 127.0.0.1:1: connection refused\ndone\n");
  });

  test("does not end while a recipe pauses before it tries again", async () => {
    const { printed, code } = await run(`
      const { connect } = await import(${JSON.stringify(library)});
      const q = await connect(${JSON.stringify(cluster.endpoints)});
      let runs = 0;
      await q.kv.transaction(async (tx) => {
        runs += 1;
        await tx.get("contended");
        // Somebody else is quicker, a few times.
        if (runs < 4) await q.kv.put("contended", String(runs));
        tx.put("contended", "done");
      });
      await q.close();
      console.log("done in", runs);
    `);
    assert.equal(code, 0, printed);
    assert.equal(printed, "done in 4\n");
  });

  test("does not end while a call or a watch waits for the cluster to come back", async () => {
    const member = cluster.member(0);
    const ready = Promise.withResolvers<void>();
    const ended = run(
      `
        const store = await ${connect};
        const watch = store.watch(watchAll);
        await watch.ready;
        console.log("ready");
        for await (const { events } of watch) {
          console.log(events[0].kv.key);
          break;
        }
        await store.close();
      `,
      () => ready.resolve(),
    );
    await Promise.race([ready.promise, ended]);
    await member.end("SIGKILL");
    // Long enough that all that is left of it are timers.
    await delay(1_500);
    member.start();
    await cluster.ready();
    await member.client.put("back", "1");
    const { printed, code } = await ended;
    assert.equal(code, 0, printed);
    assert.equal(printed, "ready\nback\n");
  });
});
