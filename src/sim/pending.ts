/** Why nothing moves: what each member of a world that does not come to rest is doing, in words. */

import type { WorldMember } from "./world/member.ts";
import type { World } from "./world/world.ts";

export function pendingReasons(world: World): string[] {
  const { truth } = world.observer;
  const leader = world.leader?.name ?? "nobody";
  return [
    `committed up to ${truth.index}, revision ${truth.keyspace.revision}; ${leader} leads`,
    ...world.members.map((member) => `${member.name}: ${describe(member)}`),
  ];
}

function describe(member: WorldMember): string {
  const { state, replica } = member;
  const parts: string[] = [member.paused ? `${state}, standing still` : state];
  if (replica === null) return parts[0] ?? state;
  const { engine, pending, diskFull, connected, leaderlessMs } = replica.status();
  const { role, epoch, commit, applied, lastIndex, durableIndex, membership } = engine;
  parts.push(
    `${role} of epoch ${epoch}`,
    engine.leader === 0n
      ? `without a leader for ${Math.round(leaderlessMs)} ms`
      : `follows ${engine.leader.toString(16)}`,
    `log up to ${lastIndex} (durable ${durableIndex}, committed ${commit}, applied ${applied})`,
    `${membership.voters.length} voters${membership.outgoing.length > 0 ? " (joint)" : ""}`,
    `${pending} commands pending`,
    `${connected.length} links up`,
  );
  if (engine.untrusted) parts.push("untrusted");
  if (engine.diskStalled) parts.push("disk stalled");
  if (diskFull) parts.push("disk full");
  if (engine.transferee !== 0n) parts.push(`handing over to ${engine.transferee.toString(16)}`);
  for (const [id, peer] of engine.peers) {
    parts.push(
      `${id.toString(16)}: ${peer.state}, match ${peer.match}, next ${peer.next}${peer.active ? "" : ", silent"}`,
    );
  }
  return parts.join("; ");
}
