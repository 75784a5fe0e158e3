/** A member votes for one candidate in an epoch, whatever life it is in. */
import type { MemberId } from "../../environment.ts";
import type { PeekedMessage } from "../peek.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";

export class OneVote implements Property {
  readonly name = "one vote an epoch";
  readonly source = "Raft §5.2; raft.tla VotesGrantedInv (in CCF's)";
  readonly #votes = new Map<ObservedMember, Map<number, MemberId>>();

  said(sender: ObservedMember, to: MemberId, { vote, epoch }: PeekedMessage): void {
    if (vote === null) return;
    const candidate = vote === "receiver" ? to : sender.id;
    const votes = this.#votes.get(sender) ?? new Map<number, MemberId>();
    if (votes.size === 0) this.#votes.set(sender, votes);
    const known = votes.get(epoch);
    if (known === undefined) votes.set(epoch, candidate);
    else if (known !== candidate) {
      violated(
        this,
        sender,
        `votes for ${candidate.toString(16)} in epoch ${epoch}, in which it voted for ${known.toString(16)}`,
        {
          voteEpoch: epoch,
          candidate,
          earlier: known,
        },
      );
    }
  }
}
