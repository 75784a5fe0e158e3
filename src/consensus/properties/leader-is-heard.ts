/**
 * A leader that hears no quorum gives up. It cannot commit anything; but where it is still heard nobody stands in its
 * place, and the group waits for ever.
 *
 * Counted is time as the leader could notice it (`ObservedMember.awakeMs`), and far more of it than any protocol takes.
 */
import type { MemberId } from "../../environment.ts";
import type { Input } from "../engine.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";
import { suffices } from "./quorum.ts";

/** Election timeouts without a quorum that a leader may take to notice. */
const PATIENCE = 4;

/** What a leader heard in its epoch. */
interface Hearing {
  readonly epoch: number;
  /** When each was heard last, by the leader's awake time. */
  readonly heard: Map<MemberId, number>;
  /** When a quorum was there last. */
  quorumAt: number;
}

export class LeaderIsHeard implements Property {
  readonly name = "a leader hears a quorum";
  readonly source = "Raft thesis §6.2; Howard and Abraham, Raft does not guarantee liveness (2020)";
  readonly #hearings = new Map<ObservedMember, Hearing>();

  started(member: ObservedMember): void {
    this.#hearings.delete(member);
  }

  stepped(member: ObservedMember, input: Input): void {
    const { now, awakeMs } = member;
    if (now.role !== "leader") return;
    if (input.type === "message") this.#hearing(member).heard.set(input.from, awakeMs);
    else if (input.type === "tick") this.#look(member, this.#hearing(member));
  }

  #hearing(member: ObservedMember): Hearing {
    const { now, awakeMs } = member;
    const known = this.#hearings.get(member);
    if (known !== undefined && known.epoch === now.epoch) return known;
    const hearing = { epoch: now.epoch, heard: new Map<MemberId, number>(), quorumAt: awakeMs };
    this.#hearings.set(member, hearing);
    return hearing;
  }

  #look(member: ObservedMember, hearing: Hearing): void {
    const { now, awakeMs, options } = member;
    const { electionTimeoutMs } = options;
    const lately = (id: MemberId): boolean =>
      id === member.id || (hearing.heard.get(id) ?? Number.NEGATIVE_INFINITY) >= awakeMs - electionTimeoutMs;
    if (suffices(now.membership, options, lately)) hearing.quorumAt = awakeMs;
    const silentMs = awakeMs - hearing.quorumAt;
    if (silentMs <= PATIENCE * electionTimeoutMs) return;
    violated(
      this,
      member,
      `still leads epoch ${now.epoch}, having heard no quorum for ${Math.round(silentMs)} ms (election timeout ${electionTimeoutMs} ms)`,
      { silentMs },
    );
  }
}
