/**
 * A leader whose disk hangs makes room for others who can get on without it: its heartbeats alone would keep them from
 * electing one that can work.
 *
 * Counted is time as the leader could notice it (`ObservedMember.awakeMs`), and more of it than `diskStallMs` allows.
 */
import type { Effects, Input } from "../engine.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";
import { getsOn } from "./quorum.ts";

/** Election timeouts on top of `diskStallMs`. */
const PATIENCE = 4;

interface Issued {
  readonly number: number;
  /** By the member's awake time. */
  readonly at: number;
}

export class StalledDiskResigns implements Property {
  readonly name = "a leader with a stalled disk resigns";
  readonly source = "EngineOptions.diskStallMs; hashicorp/raft#503; tarantool/tarantool#9399; etcd-io/etcd#13527";
  readonly #underway = new Map<ObservedMember, Issued[]>();

  started(member: ObservedMember): void {
    this.#underway.set(member, []);
  }

  stepped(member: ObservedMember, input: Input): void {
    const underway = this.#underway.get(member);
    if (underway === undefined) return;
    if (input.type === "durable") {
      while (underway[0] !== undefined && underway[0].number <= input.write) underway.shift();
      return;
    }
    const [oldest] = underway;
    const { now, options, awakeMs } = member;
    if (input.type !== "tick" || oldest === undefined || now.role !== "leader") return;
    const ageMs = awakeMs - oldest.at;
    if (ageMs <= options.diskStallMs + PATIENCE * options.electionTimeoutMs) return;
    if (!getsOn(now.membership, options, (id) => id !== member.id)) return;
    violated(
      this,
      member,
      `still leads epoch ${now.epoch}, its disk has not finished write ${oldest.number} for ${Math.round(ageMs)} ms (limit ${options.diskStallMs} ms)`,
      { write: oldest.number, ageMs },
    );
  }

  drained(member: ObservedMember, { write }: Effects): void {
    if (write !== null) this.#underway.get(member)?.push({ number: write.number, at: member.awakeMs });
  }
}
