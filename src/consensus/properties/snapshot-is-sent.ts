/**
 * A leader takes a peer for one that a snapshot is on its way to only while its owner was asked to send one and has not
 * said what became of it. Nothing else goes to such a peer: taken for it for ever, it never catches up.
 */
import type { MemberId } from "../../environment.ts";
import type { Effects, Input } from "../engine.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";

export class SnapshotIsSent implements Property {
  readonly name = "a snapshot on its way was asked for";
  readonly source = "Effects.sendSnapshot; etcd-io/raft ReportSnapshot; databendlabs/openraft#1828";
  /** How many were asked for and are not reported, by peer. */
  readonly #open = new Map<ObservedMember, Map<MemberId, number>>();
  /** Whose report has come with an input whose effects were not taken yet. */
  readonly #reported = new Map<ObservedMember, MemberId[]>();

  started(member: ObservedMember): void {
    this.#open.set(member, new Map());
    this.#reported.set(member, []);
  }

  stepped(member: ObservedMember, input: Input): void {
    if (input.type !== "snapshotSent") return;
    const open = this.#open.get(member);
    open?.set(input.to, Math.max(0, (open.get(input.to) ?? 0) - 1));
    this.#reported.get(member)?.push(input.to);
  }

  drained(member: ObservedMember, { sendSnapshot }: Effects): void {
    const open = this.#open.get(member);
    const reported = this.#reported.get(member);
    if (open === undefined || reported === undefined) return;
    for (const { to } of sendSnapshot) open.set(to, (open.get(to) ?? 0) + 1);
    if (reported.length === 0) return;
    for (const to of reported.splice(0)) {
      if (open.get(to) !== 0 || member.engine.status.peers.get(to)?.state !== "snapshot") continue;
      violated(this, member, `waits for a snapshot to reach ${to.toString(16)}, and none is on its way`, { to });
    }
  }
}
