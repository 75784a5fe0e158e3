/**
 * Three processes of a user's program, each with a member in a thread, are a cluster. The event loop of the one whose
 * member leads stands still for 10 s.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually, within } from "../support/eventually.ts";
import { MemberClient } from "../support/member-client.ts";
import { freePorts } from "../support/ports.ts";
import { engineFromEnvironment } from "../support/target.ts";
import { ProgramProcess } from "./program-process.ts";

const BLOCKED_MS = 10_000;
/** Long enough for busy machines, and much shorter than the loop is blocked. */
const ELECTION_MS = 3_000;
/** The least there is at these elections, and shorter than the loop is blocked. */
const TTL_SECONDS = 5;
const NAMES = ["a", "b", "c"] as const;

interface Node {
  readonly name: string;
  readonly program: ProgramProcess;
  readonly client: MemberClient;
}

describe("a cluster of programs", { timeout: 180_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-embedded-"));
  const nodes: Node[] = [];

  before(async () => {
    const ports = await freePorts(2 * NAMES.length);
    const initialCluster = NAMES.map((name, at) => ({ name, peerUrls: [`http://127.0.0.1:${ports[at]}`] }));
    const engine = engineFromEnvironment();
    for (const [at, name] of NAMES.entries()) {
      const endpoint = `127.0.0.1:${ports[NAMES.length + at]}`;
      nodes.push({ name, program: new ProgramProcess(), client: new MemberClient(endpoint) });
    }
    await Promise.all(
      nodes.map(({ name, program, client }) =>
        program.tell({
          is: "start",
          options: {
            name,
            dataDir: join(folder, name),
            initialCluster,
            listenClientUrls: [`http://${client.endpoint}`],
            electionMs: ELECTION_MS,
            ...(engine === null ? {} : { engine }),
          },
        }),
      ),
    );
  });
  after(async () => {
    for (const { client, program } of nodes) {
      client.close();
      program.kill();
    }
    await Promise.all(nodes.map(({ program }) => program.ended));
    rmSync(folder, { recursive: true, force: true });
  });

  function leading(): Promise<{ node: Node; term: bigint }> {
    return eventually(
      "one of the members leads",
      async () => {
        for (const node of nodes) {
          const { leader, header, raftTerm } = await node.client.status();
          if (leader !== 0n && leader === header?.memberId) return { node, term: raftTerm };
        }
        throw new Error("none does");
      },
      { withinMs: 60_000 },
    );
  }

  test("agrees, and each program reads what the others wrote", async () => {
    for (const { name, program } of nodes) await program.tell({ is: "put", key: `from/${name}`, value: name });
    for (const { program } of nodes) {
      for (const name of NAMES) assert.equal(await program.tell({ is: "get", key: `from/${name}` }), name);
    }
  });

  test("keeps its leader and its leases while that program's event loop is blocked", async () => {
    const { node: leader, term } = await leading();
    const [other] = nodes.filter((node) => node !== leader);
    assert.ok(other !== undefined);
    await leader.program.tell({ is: "lock", name: "mine" });
    const lease = (await other.program.tell({ is: "lease", ttlSeconds: TTL_SECONDS })) as bigint;

    let isBlocked = true;
    const began = performance.now();
    const blocked = leader.program.tell({ is: "block", ms: BLOCKED_MS, key: "begun" }).finally(() => {
      isBlocked = false;
    });
    let writes = 0;
    while (isBlocked) {
      const key = `meanwhile/${writes}`;
      await other.program.tell({ is: "put", key, value: "1" });
      // The member in the blocked program answers others, too.
      await leader.client.put(key, "2");
      const ttl = await other.program.tell({ is: "renew", lease });
      assert.equal(ttl, TTL_SECONDS, "the lease of another program");
      const status = await other.client.status();
      assert.deepEqual([status.raftTerm, status.leader], [term, (await leader.client.status()).header?.memberId]);
      writes++;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await blocked;
    assert.ok(performance.now() - began >= BLOCKED_MS);
    assert.ok(writes > 3, `${writes} writes of others meanwhile`);
    assert.equal((await leading()).term, term, "nobody was elected");
    assert.equal(await other.program.tell({ is: "get", key: "begun" }), "begun before");
    assert.equal(await leader.program.tell({ is: "held" }), true);
  });

  test("goes on under another leader at once when the program of the leader closes its store", async () => {
    const { node: leader, term } = await leading();
    await within("it closes", 30_000, leader.program.tell({ is: "close" }));
    assert.equal(await within("its process ends by itself", 30_000, leader.program.ended), 0);
    const others = nodes.filter((node) => node !== leader);
    const statuses = await Promise.all(others.map(({ client }) => client.status()));
    for (const { raftTerm, leader: next } of statuses) {
      assert.ok(raftTerm > term, "leadership was handed over before it ended");
      assert.notEqual(next, 0n);
    }
    for (const { program } of others) await program.tell({ is: "put", key: "after", value: "1" });
  });
});
