/**
 * What the specification marks as impossible, at the place where it would be done: a proposal that is not its epoch's
 * next, or gives a zxid to another transaction; a proposal, or an acknowledgement, of an epoch by somebody whose part it
 * is not.
 *
 * Keeps the account of proposals that other properties read.
 */
import type { MemberId } from "../../../environment.ts";
import type { EngineStart, Input } from "../../engine.ts";
import type { PeekedMessage } from "../../peek.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Property, violated } from "../../properties/property.ts";
import type { Proposals } from "./proposals.ts";

const answers: ReadonlySet<string> = new Set(["ackEpoch", "ack", "pong"]);

export class ShouldNotBeTriggered implements Property {
  readonly name = "should not be triggered";
  readonly source = "Zab.tla ShouldNotBeTriggered (violatedInvariants: proposalInconsistent, messageIllegal)";
  readonly #proposals: Proposals;
  /** Who streams a history in an epoch. */
  readonly #streams = new Map<number, MemberId>();

  constructor(proposals: Proposals) {
    this.#proposals = proposals;
  }

  /** The first entries of all were proposed by whoever founded the group. */
  started(member: ObservedMember, { entries }: EngineStart): void {
    if (member.life > 1) return;
    for (const entry of entries) if (entry.index <= member.now.commit) this.#proposals.add(entry);
  }

  stepped(member: ObservedMember, _input: Input): void {
    const { before, now, engine } = member;
    if (now.role !== "leader" && before.role !== "leader") return;
    for (let index = Math.max(before.lastIndex + 1, now.firstIndex); index <= now.lastIndex; index++) {
      const entry = engine.entryAt(index);
      if (entry === null || this.#proposals.add(entry)) continue;
      violated(this, member, `proposes entry ${index} of epoch ${entry.epoch}, which is not the next or was another`, {
        index,
      });
    }
  }

  /** Several may prepare the same epoch, and ask others into it. Only one gets a quorum, and only then has a history to send. */
  said(sender: ObservedMember, to: MemberId, { type, epoch }: PeekedMessage): void {
    const proposes = type === "propose";
    if (!proposes && !answers.has(type)) return;
    const known = this.#streams.get(epoch);
    if (proposes && known === undefined) this.#streams.set(epoch, sender.id);
    else if (known !== undefined && proposes !== (known === sender.id)) this.#illegal(sender, to, type, epoch, known);
  }

  #illegal(sender: ObservedMember, to: MemberId, type: string, epoch: number, leader: MemberId): never {
    const what = `sends ${to.toString(16)} ${type} of epoch ${epoch}, which member ${leader.toString(16)} leads`;
    violated(this, sender, what, { to, type, messageEpoch: epoch, leader });
  }
}
