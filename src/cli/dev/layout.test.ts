import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { serveConfig } from "../serve/config.ts";
import { collectSettings } from "../serve/sources.ts";
import { checkPorts, type DevSettings, planMembers, prepareDataDir, serveWords } from "./layout.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-dev-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const settings: DevSettings = { members: 3, basePort: 2379, dataDir: join(folder, "data"), engine: "raft" };

test("members are 100 ports apart, peers one above", () => {
  assert.deepEqual(
    planMembers(settings).map(({ name, clientPort, peerPort }) => [name, clientPort, peerPort]),
    [
      ["m1", 2379, 2380],
      ["m2", 2479, 2480],
      ["m3", 2579, 2580],
    ],
  );
  assert.equal(planMembers({ ...settings, members: 9, basePort: 64_734 })[8]?.peerPort, 65_535);
  assert.throws(() => planMembers({ ...settings, members: 9, basePort: 64_735 }), {
    code: "USAGE",
    message: /--base-port 64735 with 9 members needs ports up to 65536: use at most 64734/,
  });
});

test("each member's command line is one that serve takes, and all agree on the cluster", () => {
  const plans = planMembers(settings);
  const configs = plans.map((plan) => {
    const words = serveWords(plan, plans, settings).filter((word) => word.includes("="));
    const flags = new Map(words.map((word) => [word.slice(2, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]));
    return serveConfig(collectSettings({ flags, env: {}, readFile: () => "" }));
  });
  assert.deepEqual(
    configs.map(({ name, dataDir }) => [name, dataDir]),
    plans.map(({ name, dataDir }) => [name, dataDir]),
  );
  for (const config of configs) assert.deepEqual(config.initialCluster, configs[0]?.initialCluster);
  assert.equal(configs[0]?.initialCluster.length, 3);
});

test("a data directory keeps the settings its members were made with", () => {
  prepareDataDir(settings);
  prepareDataDir(settings);
  const refusals: readonly (readonly [Partial<DevSettings>, RegExp])[] = [
    [{ members: 5 }, /^--members 5 does not fit the data in ".*", which was made with --members 3: use that/],
    [{ basePort: 12_379 }, /^--base-port 12379 does not fit/],
    [{ engine: "zab" }, /^--engine zab does not fit/],
    [{ phase2Quorum: 2 }, /^--phase2-quorum 2 does not fit the data in ".*", which was made with no --phase2-quorum/],
  ];
  for (const [change, message] of refusals) {
    assert.throws(() => prepareDataDir({ ...settings, ...change }), { code: "USAGE", message });
  }
  assert.equal(
    (JSON.parse(readFileSync(join(settings.dataDir, "dev.json"), "utf8")) as { members: number }).members,
    3,
  );
});

test("a directory of someone else, a file, and a damaged mark are refused", () => {
  const file = join(folder, "file");
  writeFileSync(file, "x");
  assert.throws(() => prepareDataDir({ ...settings, dataDir: folder }), {
    code: "USAGE",
    message: /holds files that quorate dev did not make/,
  });
  assert.throws(() => prepareDataDir({ ...settings, dataDir: file }), {
    code: "USAGE",
    message: /cannot be used: .*file: exists already/,
  });
  assert.throws(() => prepareDataDir({ ...settings, dataDir: join(file, "below", "it") }), {
    code: "USAGE",
    message: /cannot be used: .*: part of the path is not a directory/,
  });
  const nested = join(folder, "new", "and", "nested");
  prepareDataDir({ ...settings, dataDir: nested });
  assert.equal(existsSync(join(nested, "dev.json")), true);
  writeFileSync(join(settings.dataDir, "dev.json"), "{");
  assert.throws(() => prepareDataDir(settings), { code: "USAGE", message: /dev\.json cannot be read/ });
  writeFileSync(join(settings.dataDir, "dev.json"), '{"format":99}');
  assert.throws(() => prepareDataDir(settings), { code: "USAGE", message: /another version of quorate/ });
});

test("a port in use is named with whose it would be", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const address = holder.address();
  assert.ok(address !== null && typeof address === "object");
  try {
    await assert.rejects(checkPorts(planMembers({ ...settings, members: 1, basePort: address.port })), {
      code: "USAGE",
      message: new RegExp(
        `^port ${address.port} \\(client port of m1\\) is in use: stop what listens there, or choose others with --base-port$`,
      ),
    });
  } finally {
    holder.close();
  }
});
