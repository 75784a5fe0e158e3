/** What a program hears when its own member cannot begin, or cannot go on. The program itself goes on. */
import assert from "node:assert/strict";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { connect } from "../../src/coordination/connect.ts";
import { start } from "../../src/coordination/start.ts";
import type { QuorateError } from "../../src/errors.ts";
import { Cluster } from "../../src/wire/gen/etcdserverpb/cluster_pb.ts";
import { eventually, within } from "../support/eventually.ts";
import { MemberClient } from "../support/member-client.ts";
import { freePorts } from "../support/ports.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-embedded-"));
const PATIENCE = { timeoutMs: 30_000 };

/** The descriptors that this process has for files in a directory lead nowhere from now on: its disk is gone. */
function loseDisk(directory: string): number {
  let lost = 0;
  for (const name of readdirSync("/proc/self/fd")) {
    let path = "";
    try {
      path = readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      // It was the descriptor by which the folder was read.
    }
    if (!path.startsWith(`${directory}/`) || path.includes("lock-")) continue;
    closeSync(Number(name));
    // The lowest that is free, hence the same: nobody else gets it, and nothing can be written to it.
    assert.equal(openSync("/dev/null", "r"), Number(name));
    lost++;
  }
  return lost;
}

describe("a member of one's own", { timeout: 300_000 }, () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("has its directory for itself: a second one is refused, and the first goes on", async () => {
    const dataDir = join(folder, "taken");
    await using first = await start({ dataDir });
    await assert.rejects(start({ dataDir }), (error: QuorateError) => {
      assert.equal(error.code, "DATA_DIR");
      assert.match(error.message, new RegExp(`${dataDir} is in use by process ${process.pid}; stop that process`));
      return true;
    });
    await first.kv.put("a", "1", PATIENCE);
  });

  test("says what is wrong with what it was told, before it has made anything", async () => {
    const dataDir = join(folder, "wrong");
    await assert.rejects(start({ dataDir, engine: "chubby" }), { code: "INVALID_ARGUMENT" });
    await assert.rejects(start({ dataDir, timeoutMs: -1 }), { code: "INVALID_ARGUMENT", message: /^timeoutMs is -1/ });
    assert.ok(!readdirSync(folder).includes("wrong"));
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(busy.address() as AddressInfo).port}`;
    await assert.rejects(start({ dataDir, listenClientUrls: [url] }), { code: "LISTEN" });
    busy.close();
    const other = join(folder, "other");
    await using q = await start({ dataDir: other, engine: "paxos", listenClientUrls: [url] });
    await q.kv.put("a", "1", PATIENCE);
    await using remote = await connect(url);
    assert.equal((await remote.kv.get("a", PATIENCE))?.value, "1");
    await q.close();
    await assert.rejects(start({ dataDir: other, engine: "raft" }), {
      code: "CONFIG",
      message: /^engine is raft, but .* was made by paxos/,
    });
    writeFileSync(join(folder, "file"), "");
    await assert.rejects(start({ dataDir: join(folder, "file") }), { code: "DATA_DIR" });
  });

  test("tells a logger what it does", async () => {
    const dataDir = join(folder, "logged");
    mkdirSync(dataDir);
    const lines: string[] = [];
    const line = (level: string) => (_fields: unknown, message: string) => void lines.push(`${level} ${message}`);
    const logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    const [port] = await freePorts(1);
    await assert.rejects(
      start({
        dataDir,
        logger,
        name: "a",
        initialClusterState: "existing",
        initialCluster: [
          { name: "a", peerUrls: [`http://127.0.0.1:${port}`] },
          { name: "b", peerUrls: ["http://127.0.0.1:1"] },
        ],
        signal: AbortSignal.timeout(5_000),
      }),
      { code: "ABORTED" },
    );
    assert.ok(lines.includes("info waiting for a member of --initial-cluster to answer"), lines.join("\n"));
  });

  test("whose disk fails ends alone: its store is closed, with the reason", {
    skip: process.platform !== "linux",
  }, async () => {
    const dataDir = join(folder, "broken");
    const q = await start({ dataDir });
    await q.kv.put("a", "1", PATIENCE);
    const states: string[] = [];
    const told = (async () => {
      for await (const state of q.status()) {
        states.push(state.is === "closed" ? `closed: ${state.error?.message}` : state.is);
      }
    })();
    const watch = q.store.watch({
      key: "a",
      rangeEnd: "",
      startRevision: 0,
      prevKv: false,
      without: [],
      progress: false,
    });
    await watch.ready;
    const watching = (async () => {
      for await (const batch of watch) assert.fail(`told of ${batch.revision}`);
    })();
    watching.catch(() => undefined);
    assert.ok(loseDisk(dataDir) > 0);
    const write = await q.kv.put("a", "2", PATIENCE).then(
      () => assert.fail("it was acknowledged"),
      (error: QuorateError) => error,
    );
    assert.equal(write.code, "OUTCOME_UNKNOWN", write.message);
    assert.match(write.message, /the member in .*broken has ended: /);
    await within("status ends", 10_000, told);
    assert.equal(states.length, 2, states.join("\n"));
    assert.match(states[1] ?? "", /^closed: the member in .*broken has ended: /);
    const reason = q.store.state.is === "closed" ? q.store.state.error : null;
    assert.equal((reason as QuorateError | null)?.code, "MEMBER_FAILED");
    assert.ok(reason?.cause instanceof Error);
    await assert.rejects(watching, (error: QuorateError) => error.code === "CLOSED" && error.cause === reason);
    await assert.rejects(q.kv.get("a"), (error: QuorateError) => {
      assert.deepEqual([error.code, error.cause], ["CLOSED", reason]);
      assert.match(error.message, /the store is closed: the member in .*broken has ended: /);
      return true;
    });
    await within("close ends", 10_000, q.close());
    await using again = await start({ dataDir });
    assert.equal((await again.kv.get("a", PATIENCE))?.value, "1");
  });

  test("that others remove says so, and one that they must reach cannot hide", async () => {
    const ports = await freePorts(4);
    const names = ["a", "b", "c"];
    const initialCluster = names.map((name, at) => ({ name, peerUrls: [`http://127.0.0.1:${ports[at]}`] }));
    const dataDirs = names.map((name) => join(folder, `of-three-${name}`));
    const programs = await Promise.all(
      names.map((name, at) =>
        start({
          name,
          initialCluster,
          dataDir: dataDirs[at] as string,
          ...(at === 0 ? { listenClientUrls: [`http://127.0.0.1:${ports[3]}`] } : {}),
        }),
      ),
    );
    const client = new MemberClient(`127.0.0.1:${ports[3]}`);
    try {
      await Promise.all(programs.map((q) => q.kv.put("here", "1", PATIENCE)));
      const { members } = await client.call(Cluster.method.memberList, {}, PATIENCE);
      const removed = members.find(({ name }) => name === "c");
      assert.ok(removed !== undefined);
      await eventually(
        "the change of members is taken",
        () => client.call(Cluster.method.memberRemove, { ID: removed.ID }, PATIENCE),
        { withinMs: 30_000 },
      );
      const [, second, third] = programs;
      for await (const state of third?.status() ?? []) {
        if (state.is !== "closed") continue;
        assert.equal((state.error?.cause as QuorateError | undefined)?.code, "REMOVED");
        assert.match(state.error?.message ?? "", /was removed from the cluster/);
      }
      await second?.kv.put("after", "1", PATIENCE);
      await second?.close();
      await assert.rejects(start({ dataDir: dataDirs[1] as string }), {
        code: "INVALID_ARGUMENT",
        message: /^listenPeerUrls is missing: .*of-three-b is that of a member of [23]/,
      });
    } finally {
      client.close();
      await Promise.all(programs.map((q) => q.close({ timeoutMs: 1_000 })));
    }
  });
});
