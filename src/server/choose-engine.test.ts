import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type EngineKind, engines as known } from "../consensus/engines.ts";
import { nodeEnvironment } from "../node/environment.ts";
import { assemble, type RunningMember } from "./assemble.ts";
import { initialClusterId } from "./bootstrap.ts";
import type { MemberOptions } from "./member-options.ts";
import { startServer } from "./server.ts";

const raft = known.get("raft") as EngineKind;
/** Works as Raft does, and is another. */
const engines = new Map(
  [raft, { ...raft, name: "other" }, known.get("paxos") as EngineKind].map((kind) => [kind.name, kind]),
);
const folder = mkdtempSync(join(tmpdir(), "quorate-engine-"));
after(() => rmSync(folder, { recursive: true }));

function freeUrl(): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(`http://127.0.0.1:${port}`));
    });
  });
}

function start(name: string, peerUrl: string, more: Partial<MemberOptions>): Promise<RunningMember> {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const options: MemberOptions = {
    name,
    dataDir: join(folder, name),
    listenClientUrls: ["http://127.0.0.1:0"],
    advertiseClientUrls: ["http://127.0.0.1:1"],
    listenPeerUrls: [peerUrl],
    initialAdvertisePeerUrls: [peerUrl],
    initialCluster: [{ name, peerUrls: [peerUrl] }],
    initialClusterState: "new",
    initialClusterToken: "test",
    heartbeatMs: 20,
    electionMs: 200,
    logger,
    ...more,
  };
  return assemble(options, { environment: nodeEnvironment({ logger }), engines, openServer: startServer });
}

async function settled(member: RunningMember): Promise<void> {
  while (!member.replica.status().engine.settled) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a cluster keeps the engine it was founded with, and who joins learns it", async () => {
  const [a, b] = [await freeUrl(), await freeUrl()];
  const founder = await start("a", a, { engine: "other" });
  assert.equal(founder.clusterId, initialClusterId([founder.memberId], "other"));
  await founder.stop();

  await assert.rejects(start("a", a, { engine: "raft" }), {
    code: "CONFIG",
    message: /^--engine is raft, but .* was made by other: leave --engine out, or found another cluster$/,
  });
  const again = await start("a", a, {});
  assert.equal(again.clusterId, founder.clusterId);
  await settled(again);
  await again.replica.changeMembership({ type: "add", peerUrls: [b], learner: true });

  const joining: Partial<MemberOptions> = {
    initialClusterState: "existing",
    initialCluster: [
      { name: "a", peerUrls: [a] },
      { name: "b", peerUrls: [b] },
    ],
  };
  await assert.rejects(start("b", b, { ...joining, engine: "raft" }), {
    code: "CONFIG",
    message: "--engine is raft, but the cluster that it joins runs other: leave --engine out, or found another cluster",
  });
  const joined = await start("b", b, joining);
  assert.equal(joined.clusterId, again.clusterId);
  await joined.stop({ handOver: false });
  await again.stop({ handOver: false });
});

test("a cluster keeps its flexible quorum, and who joins learns it", async () => {
  const [d, e] = [await freeUrl(), await freeUrl()];
  const founder = await start("d", d, { engine: "paxos", phase2Quorum: 1 });
  assert.equal(founder.clusterId, initialClusterId([founder.memberId], "paxos/1"));
  await founder.stop();

  await assert.rejects(start("d", d, { phase2Quorum: 2 }), {
    code: "CONFIG",
    message:
      /^--phase2-quorum is 2, but .* was made by paxos with 1: leave --phase2-quorum out, or found another cluster$/,
  });
  const again = await start("d", d, { engine: "paxos" });
  assert.equal(again.replica.status().engine.phase2Quorum, 1);
  await settled(again);
  await again.replica.changeMembership({ type: "add", peerUrls: [e], learner: true });

  const joining: Partial<MemberOptions> = {
    initialClusterState: "existing",
    initialCluster: [
      { name: "d", peerUrls: [d] },
      { name: "e", peerUrls: [e] },
    ],
  };
  await assert.rejects(start("e", e, { ...joining, phase2Quorum: 2 }), {
    code: "CONFIG",
    message:
      "--phase2-quorum is 2, but the cluster that it joins runs paxos with 1: leave --phase2-quorum out, or found another cluster",
  });
  const joined = await start("e", e, joining);
  assert.equal(joined.clusterId, again.clusterId);
  assert.equal(joined.replica.status().engine.phase2Quorum, 1);
  await joined.stop({ handOver: false });
  await again.stop({ handOver: false });
});

test("a quorum that cannot be is refused by name", async () => {
  const refusals: readonly (readonly [Partial<MemberOptions>, string])[] = [
    [
      { phase2Quorum: 1 },
      "--phase2-quorum is 1, but --engine is raft: only paxos can commit with other than a majority",
    ],
    [
      { engine: "paxos", phase2Quorum: 2 },
      "--phase2-quorum is 2, but --initial-cluster names 1 member: it must be a whole number from 1 to 1",
    ],
    [
      { engine: "paxos", phase2Quorum: 0.5 },
      "--phase2-quorum is 0.5, but --initial-cluster names 1 member: it must be a whole number from 1 to 1",
    ],
  ];
  for (const [more, message] of refusals) {
    await assert.rejects(start("f", await freeUrl(), more), { code: "CONFIG", message });
  }
});

test("an engine that there is not is refused by name", async () => {
  await assert.rejects(start("c", await freeUrl(), { engine: "viewstamped" }), {
    code: "CONFIG",
    message: 'there is no engine "viewstamped"; there is: raft, other, paxos',
  });
});

test("initial members that were given different engines are of different clusters", () => {
  const ids = [1n, 2n, 3n];
  assert.notEqual(initialClusterId(ids, "raft"), initialClusterId(ids, "other"));
  assert.notEqual(initialClusterId(ids, "paxos"), initialClusterId(ids, "paxos/2"));
  assert.equal(initialClusterId(ids, "other"), initialClusterId([3n, 1n, 2n], "other"));
});
