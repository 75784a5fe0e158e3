/** A leader never overwrites or drops entries of its own log. */
import type { Effects } from "../engine.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";

export class LeaderAppendOnly implements Property {
  readonly name = "leader append-only";
  readonly source = "Raft figure 3; LogCabin RaftConsensusInvariants checkDelta";

  stepped(member: ObservedMember): void {
    const { before, now } = member;
    if (member.staysLeader && now.lastIndex < before.lastIndex) {
      violated(
        this,
        member,
        `leads and dropped entries: its log ends at ${now.lastIndex}, it ended at ${before.lastIndex}`,
      );
    }
  }

  drained(member: ObservedMember, { write }: Effects): void {
    if (write === null || member.ledEpoch === 0 || !member.leads(member.ledEpoch)) return;
    const { truncateFrom, snapshot } = write;
    if (truncateFrom === null && snapshot === null) return;
    const what =
      truncateFrom === null ? "starts its log anew behind a snapshot" : `drops entries from ${truncateFrom} on`;
    violated(this, member, `leads epoch ${member.ledEpoch} and ${what}`, { truncateFrom, snapshot });
  }
}
