import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { RunningMember } from "./assemble.ts";
import { startMember } from "./member.ts";
import type { MemberOptions } from "./member-options.ts";

/** A server on a port of its own, which is free again once it is closed. */
function listening(): Promise<{ server: Server; port: number }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      assert.ok(address !== null && typeof address === "object");
      resolve({ server, port: address.port });
    });
  });
}

async function freeUrl(): Promise<string> {
  const { server, port } = await listening();
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

function until(member: RunningMember, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = member.replica.onStatusChange(() => {
      if (!condition()) return;
      stop();
      resolve();
    });
    if (condition()) resolve();
  });
}

function optionsOf(directory: string, name: string, peerUrl: string): Omit<MemberOptions, "initialCluster"> {
  return {
    name,
    dataDir: join(directory, name),
    listenClientUrls: ["http://127.0.0.1:0"],
    advertiseClientUrls: ["http://127.0.0.1:1"],
    listenPeerUrls: [peerUrl],
    initialAdvertisePeerUrls: [peerUrl],
    initialClusterState: "new",
    initialClusterToken: "test",
    heartbeatMs: 20,
    electionMs: 200,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  };
}

test("a member whose first start ended before the log named it joins at the next start", async () => {
  const directory = mkdtempSync(join(tmpdir(), "quorate-member-"));
  const [first, second] = [await freeUrl(), await freeUrl()];
  const a = { name: "a", peerUrls: [first] };
  const b = { name: "b", peerUrls: [second] };
  const founder = await startMember({ ...optionsOf(directory, "a", first), initialCluster: [a] });
  const stops = [() => founder.stop({ handOver: false })];
  const taken = await listening();
  try {
    await until(founder, () => founder.replica.status().engine.settled);
    await founder.replica.changeMembership({ type: "add", peerUrls: [second], learner: true });
    const options: MemberOptions = {
      ...optionsOf(directory, "b", second),
      initialCluster: [a, b],
      initialClusterState: "existing",
    };
    // It gets as far as making its data directory.
    await assert.rejects(
      startMember({ ...options, listenClientUrls: [`http://127.0.0.1:${taken.port}`] }),
      /the port is in use/,
    );
    const joined = await startMember(options);
    stops.unshift(() => joined.stop({ handOver: false }));
    await until(joined, () => joined.replica.keyspace.members.get(joined.memberId) !== null);
    assert.equal(joined.clusterId, founder.clusterId);
  } finally {
    taken.server.close();
    for (const stop of stops) await stop();
    rmSync(directory, { recursive: true });
  }
});

test("a member hands leadership over when it stops, unless it is told that the others stop, too", async () => {
  for (const handOver of [true, false]) {
    const directory = mkdtempSync(join(tmpdir(), "quorate-member-"));
    const urls = [await freeUrl(), await freeUrl()];
    const initialCluster = urls.map((url, at) => ({ name: `m${at}`, peerUrls: [url] }));
    const members = await Promise.all(
      urls.map((url, at) => startMember({ ...optionsOf(directory, `m${at}`, url), initialCluster })),
    );
    try {
      const leads = (member: RunningMember): boolean => {
        const { role, settled } = member.replica.status().engine;
        return role === "leader" && settled;
      };
      const leader = await Promise.any(members.map((member) => until(member, () => leads(member)).then(() => member)));
      let asked = 0;
      leader.replica.transferLeadership = async () => void asked++;
      await leader.stop({ handOver });
      assert.equal(asked, handOver ? 1 : 0);
    } finally {
      for (const member of members) await member.stop({ handOver: false });
      rmSync(directory, { recursive: true });
    }
  }
});
