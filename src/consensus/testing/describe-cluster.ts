/** A simulated cluster in words, for a failure's message. */
import type { MemberId } from "../../environment.ts";
import type { Notice } from "../engine.ts";
import type { SimMember } from "./sim-member.ts";
import type { SimNetwork } from "./sim-network.ts";

export interface Description {
  readonly time: number;
  readonly committed: number;
  readonly network: SimNetwork;
  readonly members: ReadonlyMap<MemberId, SimMember>;
  readonly notices: readonly { readonly time: number; readonly member: MemberId; readonly notice: Notice }[];
}

export function describeCluster({ time, committed, network, members, notices }: Description): string {
  const lines = [`time ${time.toFixed(1)}, committed ${committed}, cut ${[...network.cut].join(" ")}`];
  for (const member of members.values()) {
    const s = member.engine?.status;
    if (s === undefined) {
      lines.push(`${member.id}: down`);
      continue;
    }
    const peers = [...s.peers].map(([id, p]) => `${id}:${p.state[0]}${p.match}/${p.next}`).join(" ");
    lines.push(
      `${member.id}: ${s.role} epoch ${s.epoch} leader ${s.leader} commit ${s.commit} log ${s.firstIndex}..${s.lastIndex} durable ${s.durableIndex} ` +
        `voters ${s.membership.voters.join(",")}${s.membership.outgoing.length > 0 ? ` out ${s.membership.outgoing.join(",")}` : ""} ` +
        `${s.untrusted ? "untrusted " : ""}${s.diskStalled ? "stalled " : ""}${member.paused ? "paused " : ""}${peers}`,
    );
  }
  for (const notice of notices.slice(-15)) {
    lines.push(`  ${notice.time.toFixed(1)} ${notice.member}: ${notice.notice.message}`);
  }
  return lines.join("\n");
}
