/**
 * What a member says of its disk is on its disk by then: votes, acknowledged entries, the log a candidate stands with,
 * promises that outlive a restart; and a message that names a write leaves only when that write is durable.
 */
import type { MemberId } from "../../environment.ts";
import type { Effects, Outbound } from "../engine.ts";
import type { PeekedMessage } from "../peek.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type ObservedGroup, type Property, violated } from "./property.ts";

export class DurableBeforeSaid implements Property {
  readonly name = "durable before said";
  readonly source =
    "Raft figure 2 (persistent state); etcd-io/raft send(); openraft io_ordering; NodeDB-Lab/nodedb#161";
  readonly #group: ObservedGroup;
  /** Messages that wait for a write, by their pieces. */
  readonly #waiting = new WeakMap<readonly Uint8Array[], { readonly life: number; readonly after: number }>();

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  drained(member: ObservedMember, { messages }: Effects): void {
    const { life, durableWrite } = member;
    for (const { pieces, after } of messages) if (after > durableWrite) this.#waiting.set(pieces, { life, after });
  }

  left(sender: ObservedMember, { to, pieces }: Pick<Outbound, "to" | "pieces">): void {
    const waiting = this.#waiting.get(pieces);
    if (waiting === undefined || (waiting.life === sender.life && waiting.after <= sender.durableWrite)) return;
    violated(
      this,
      sender,
      `sends ${to.toString(16)} a message that waits for write ${waiting.after}: ${sender.durableWrite} is durable`,
      {
        to,
        after: waiting.after,
        durable: sender.durableWrite,
        messageLife: waiting.life,
      },
    );
  }

  said(sender: ObservedMember, to: MemberId, message: PeekedMessage): void {
    const { type, epoch, vote, holds, promiseMs } = message;
    if (promiseMs > sender.durablePromiseMs) {
      const known = `its disk remembers ${sender.durablePromiseMs} ms`;
      violated(this, sender, `promises ${to.toString(16)} ${promiseMs} ms, of which ${known}`, { to, promiseMs });
    }
    // Once a later epoch is durable, nothing of this one can be taken back by a crash: the member takes no part in it.
    if (sender.durableEpoch > epoch) return;
    if (vote !== null) {
      const candidate = vote === "receiver" ? to : sender.id;
      if (sender.durableVotes.get(epoch) !== candidate) {
        violated(
          this,
          sender,
          `says (${type}) that it voted for ${candidate.toString(16)} in epoch ${epoch}, its disk does not`,
          {
            candidate,
            voteEpoch: epoch,
            durableEpoch: sender.durableEpoch,
          },
        );
      }
    }
    if (holds > 0 && !this.#isDurable(sender, message)) {
      violated(
        this,
        sender,
        `says (${type}) in epoch ${epoch} that it holds entry ${holds}, its disk ends at ${sender.durable.last}`,
        {
          to,
          index: holds,
          durable: sender.durable.last,
          durableEpochThere: sender.durable.epochAt(holds),
        },
      );
    }
  }

  #isDurable(sender: ObservedMember, { epoch, holds, holdsEpoch }: PeekedMessage): boolean {
    if (sender.snapshot.index >= holds) return true;
    const wanted = holdsEpoch ?? this.#inLeadersLog(epoch, holds);
    // Who stands with a log may have to give it up again before the question leaves: it was there.
    return [sender.durable, ...sender.formerLogs, ...sender.lostLogs].some(
      (log) => log.last >= holds && (wanted === null || log.holds(holds, wanted)),
    );
  }

  /** The epoch of an entry in the log of who leads this epoch, if that is still known. */
  #inLeadersLog(epoch: number, index: number): number | null {
    for (const member of this.#group.members.values()) {
      if (member.life > 0 && member.leads(epoch)) return member.written.epochAt(index);
    }
    return null;
  }
}
