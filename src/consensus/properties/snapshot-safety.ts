/** A snapshot stands for committed entries: its position is one of theirs, with the membership in force there. */
import type { Effects, EngineStart, Input, SnapshotMeta } from "../engine.ts";
import { describeMembership, sameMembership } from "../membership.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type ObservedGroup, type Property, violated } from "./property.ts";

export class SnapshotSafety implements Property {
  readonly name = "snapshots are committed state";
  readonly source = "Raft §7, figure 13; openraft#1930; etcd-io/raft TestRestore*";
  readonly #group: ObservedGroup;

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  started(member: ObservedMember, { snapshot }: EngineStart): void {
    if (snapshot !== null) this.#look(member, snapshot, "starts from");
  }

  stepped(member: ObservedMember, input: Input): void {
    if (input.type === "compact") this.#look(member, input.snapshot, "takes");
    else if (input.type === "snapshotReceived") this.#look(member, input.snapshot, "receives");
  }

  drained(member: ObservedMember, { installSnapshot, write }: Effects): void {
    if (installSnapshot !== null) this.#look(member, installSnapshot, "installs");
    if (write !== null && write.snapshot !== null) this.#look(member, write.snapshot, "begins its log behind");
  }

  #look(member: ObservedMember, { index, epoch, membership }: SnapshotMeta, does: string): void {
    const { committed } = this.#group;
    const what = `${does} a snapshot at ${index} of epoch ${epoch}`;
    const known = committed.epochAt(index);
    if (known !== epoch) {
      const there = known === null ? `only ${committed.last} is committed` : `epoch ${known} is committed there`;
      violated(this, member, `${what}: ${there}`, { index, snapshotEpoch: epoch, known });
    }
    const right = committed.membershipAt(index);
    if (right === null || sameMembership(right, membership)) return;
    violated(
      this,
      member,
      `${what} with ${describeMembership(membership)}: the membership there is ${describeMembership(right)}`,
      { index, membership, right },
    );
  }
}
