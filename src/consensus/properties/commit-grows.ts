/** In a life, the commit index never goes back and never passes the end of the log. */
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";

export class CommitGrows implements Property {
  readonly name = "commit only grows";
  readonly source = "Raft figure 2 (commitIndex); LogCabin checkDelta; CCF MonoLogInv";

  started(member: ObservedMember): void {
    this.#withinLog(member);
  }

  stepped(member: ObservedMember): void {
    const { before, now } = member;
    if (now.commit < before.commit)
      violated(this, member, `took its commit index from ${before.commit} back to ${now.commit}`);
    this.#withinLog(member);
  }

  #withinLog(member: ObservedMember): void {
    const { commit, lastIndex } = member.now;
    if (commit > lastIndex) violated(this, member, `says ${commit} is committed, its log ends at ${lastIndex}`);
  }
}
