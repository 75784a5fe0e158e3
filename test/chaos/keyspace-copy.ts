/** What one member holds, read from that member alone, and whether all hold the same. */
import assert from "node:assert/strict";
import { KV } from "../../src/wire/gen/etcdserverpb/kv_pb.ts";
import { Maintenance } from "../../src/wire/gen/etcdserverpb/maintenance_pb.ts";
import type { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { bytesOf, prefixEnd, textOf } from "../support/member-client.ts";
import type { MemberProcess } from "../support/member-process.ts";

const PAGE = 2_000n;
const CATCH_UP_MS = 30_000;

export interface Held {
  readonly value: string;
  readonly modRevision: number;
}

/** Waits until every member has applied what is committed now; returns that revision. */
export async function settled(cluster: ClusterUnderTest): Promise<number> {
  const { header } = await cluster.member(0).client.get("settled?");
  const revision = Number(header?.revision);
  for (const member of cluster.members) {
    await eventually(
      `${member.name} has caught up to revision ${revision}`,
      async () => {
        const status = await member.client.get("settled?", { serializable: true });
        const has = Number(status.header?.revision);
        if (has < revision) throw new Error(`it is at ${has}`);
      },
      { withinMs: CATCH_UP_MS },
    );
  }
  return revision;
}

/** All keys with `prefix` at `revision`, by serializable reads, page by page. */
export async function copyOf(member: MemberProcess, prefix: string, revision: number): Promise<Map<string, Held>> {
  const copy = new Map<string, Held>();
  let key = bytesOf(prefix);
  for (;;) {
    const page = await member.client.call(
      KV.method.range,
      { key, rangeEnd: prefixEnd(prefix), revision: BigInt(revision), limit: PAGE, serializable: true },
      { timeoutMs: 20_000 },
    );
    for (const kv of page.kvs) {
      copy.set(textOf(kv.key), { value: textOf(kv.value), modRevision: Number(kv.modRevision) });
    }
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return copy;
    key = new Uint8Array([...last.key, 0]);
  }
}

/** `HashKV` at `revision` is the same on all members. */
export async function assertEqualHashes(cluster: ClusterUnderTest, revision: number): Promise<void> {
  const hashes = await Promise.all(
    cluster.members.map(async (member) => {
      const answer = await member.client.call(
        Maintenance.method.hashKV,
        { revision: BigInt(revision) },
        { timeoutMs: 60_000 },
      );
      return { name: member.name, hash: answer.hash, compacted: answer.compactRevision };
    }),
  );
  assert.equal(new Set(hashes.map(({ hash, compacted }) => `${hash}@${compacted}`)).size, 1, describe(hashes));
}

function describe(hashes: readonly { name: string; hash: number; compacted: bigint }[]): string {
  return hashes
    .map(({ name, hash, compacted }) => `${name}: ${hash.toString(16)} (compacted at ${compacted})`)
    .join(", ");
}
