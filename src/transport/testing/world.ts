/** Several transports on one simulated network. For tests only. */
import assert from "node:assert/strict";
import { FrameKind } from "../transport.ts";
import { ManualClock } from "./manual-clock.ts";
import { peer, startMember, type TestMember, type TestMemberOptions, text } from "./member.ts";
import { MemoryNetwork } from "./memory-network.ts";

export interface World {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly members: TestMember[];
  start(options: TestMemberOptions): Promise<TestMember>;
  close(): Promise<void>;
}

export function world(): World {
  const clock = new ManualClock();
  const network = new MemoryNetwork(clock);
  const members: TestMember[] = [];
  return {
    clock,
    network,
    members,
    async start(options) {
      const member = await startMember(clock, network, options);
      members.push(member);
      return member;
    },
    async close() {
      for (const member of members) await member.transport.close();
      assert.equal(clock.pending === 0 || (await drained(clock)), true, "a closed transport leaves no timer");
    },
  };
}

/** What is still on its way arrives; then there must be nothing left to wait for. */
async function drained(clock: ManualClock): Promise<boolean> {
  await clock.advance(60_000);
  return clock.pending === 0;
}

/** Two members that know each other, with their links up. */
export async function pair(
  limits: TestMemberOptions["limits"] = {},
): Promise<World & { a: TestMember; b: TestMember }> {
  const w = world();
  const a = await w.start({ id: 1n, limits });
  const b = await w.start({ id: 2n, limits });
  a.transport.setPeers([peer(1n), peer(2n)]);
  b.transport.setPeers([peer(1n), peer(2n)]);
  await w.clock.advance(50);
  assert.deepEqual(a.events, ["up 2"]);
  assert.deepEqual(b.events, ["up 1"]);
  return { ...w, a, b };
}

export function send(from: TestMember, to: bigint, value: string, bulk = false): boolean {
  return from.transport.send(to, 1, bulk ? FrameKind.snapshotChunk : FrameKind.engine, text(value), bulk);
}

export function texts(member: TestMember): string[] {
  return member.frames.map((frame) => frame.text);
}
