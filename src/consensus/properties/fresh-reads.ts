/**
 * A read index is at least what was committed, anywhere, when the read was asked; and a leader answers from its own
 * knowledge only if no later leader had been elected by then. The second is what makes the first true (a round of
 * heartbeats begun after the question, or a lease, proves it), and fails earlier: before anything was written.
 */
import type { Effects, Input } from "../engine.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type ObservedGroup, type Property, violated } from "./property.ts";

interface Asked {
  readonly committed: number;
  readonly leaderEpoch: number;
}

export class FreshReads implements Property {
  readonly name = "fresh reads";
  readonly source = "Raft thesis §6.4; etcd#741; sofa-jraft#25; tikv#964; etcd-io/raft#99";
  readonly #group: ObservedGroup;
  readonly #asked = new Map<ObservedMember, Map<number, Asked>>();

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  started(member: ObservedMember): void {
    this.#asked.set(member, new Map());
  }

  stepped(member: ObservedMember, input: Input): void {
    if (input.type !== "read") return;
    const { committed, latestLeaderEpoch } = this.#group;
    this.#asked.get(member)?.set(input.id, { committed: committed.last, leaderEpoch: latestLeaderEpoch });
  }

  drained(member: ObservedMember, { reads, refused }: Effects): void {
    const asked = this.#asked.get(member);
    if (asked === undefined) return;
    for (const { id } of refused) asked.delete(id);
    for (const { id, index } of reads) {
      const question = asked.get(id);
      if (question === undefined) violated(this, member, `answers read ${id}, for which nobody waits`, { read: id });
      asked.delete(id);
      if (index < question.committed) {
        violated(
          this,
          member,
          `lets a read see the state at ${index}; ${question.committed} was committed when it was asked`,
          {
            read: id,
            index,
            committed: question.committed,
          },
        );
      }
      const led = member.ledEpoch;
      if (led > 0 && member.leads(led) && question.leaderEpoch > led) {
        violated(
          this,
          member,
          `answers a read as the leader of ${led}; epoch ${question.leaderEpoch} had one when it was asked`,
          {
            read: id,
            led,
            leaderEpoch: question.leaderEpoch,
          },
        );
      }
    }
  }
}
