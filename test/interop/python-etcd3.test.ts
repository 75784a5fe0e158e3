/** Debian's python3-etcd3 against the cluster: each script under python/ is one scenario, with asserts of its own. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ClusterUnderTest } from "../support/cluster.ts";
import { missing, PYTHON_ETCD3, run } from "../support/programs.ts";

const scripts = join(dirname(fileURLToPath(import.meta.url)), "python");

describe("python3-etcd3", { skip: missing(PYTHON_ETCD3), timeout: 120_000 }, () => {
  let cluster: ClusterUnderTest;

  before(async () => {
    cluster = await ClusterUnderTest.start();
  });

  after(() => cluster?.stop());

  for (const [script, promise] of [
    ["basics.py", "put, get by prefix and range, transactions, delete"],
    ["watching.py", "watch with replay, leases, locks"],
    ["cluster.py", "members, status, compaction, errors"],
  ] as const) {
    test(promise, async () => {
      const [host, port] = cluster.member(0).endpoint.split(":") as [string, string];
      const [python] = PYTHON_ETCD3.probe;
      const outcome = await run(python, [join(scripts, script), host, port, String(cluster.members.length)]);
      assert.equal(outcome.code, 0, `${script} failed:\n${outcome.stdout}\n${outcome.stderr}`);
      assert.equal(outcome.stdout.trim().split("\n").at(-1), "OK");
    });
  }
});
