/**
 * A hand-over of leadership comes about or is given up: while it lasts the leader takes no proposals.
 *
 * Counted is time as the leader could notice it (`ObservedMember.awakeMs`), and far more of it than any protocol takes.
 */
import type { MemberId } from "../../environment.ts";
import type { Input } from "../engine.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";

/** Election timeouts that one hand-over may take. */
const PATIENCE = 4;

interface HandOver {
  readonly epoch: number;
  readonly to: MemberId;
  /** By the leader's awake time. */
  readonly since: number;
}

export class HandOverEnds implements Property {
  readonly name = "a hand-over ends";
  readonly source = "Raft thesis §3.10; etcd-io/raft TestLeaderTransferTimeout";
  readonly #handOvers = new Map<ObservedMember, HandOver>();

  started(member: ObservedMember): void {
    this.#handOvers.delete(member);
  }

  stepped(member: ObservedMember, input: Input): void {
    const { now, awakeMs, options } = member;
    if (input.type !== "tick" || now.role !== "leader") return;
    const to = member.engine.status.transferee;
    if (to === 0n) {
      this.#handOvers.delete(member);
      return;
    }
    const known = this.#handOvers.get(member);
    if (known === undefined || known.epoch !== now.epoch || known.to !== to) {
      this.#handOvers.set(member, { epoch: now.epoch, to, since: awakeMs });
      return;
    }
    const lastsMs = awakeMs - known.since;
    if (lastsMs <= PATIENCE * options.electionTimeoutMs) return;
    violated(
      this,
      member,
      `hands epoch ${now.epoch} to ${to.toString(16)} for ${Math.round(lastsMs)} ms (election timeout ${options.electionTimeoutMs} ms)`,
      { to, lastsMs },
    );
  }
}
