/**
 * What a property is told. The hub (`properties.ts`) keeps the accounts that several properties read, and calls each
 * property at the moments it has a method for; a property throws `SafetyViolation` when it does not hold.
 */
import type { MemberId } from "../../environment.ts";
import type { Effects, EngineStart, Input, Outbound } from "../engine.ts";
import type { PeekedMessage } from "../peek.ts";
import type { CommittedLog } from "./committed-log.ts";
import type { ObservedMember } from "./observed-member.ts";
import { SafetyViolation } from "./violation.ts";

/** What is known of the whole group. */
export interface ObservedGroup {
  readonly members: ReadonlyMap<MemberId, ObservedMember>;
  readonly committed: CommittedLog;
  /** The highest epoch that ever had a leader. */
  readonly latestLeaderEpoch: number;
}

/** Commit indexes that a member passed with one input. */
export interface Advance {
  readonly from: number;
  readonly to: number;
  /** The first of them that nobody had committed before; above `to`: all were known. */
  readonly news: number;
}

export interface Property {
  readonly name: string;
  /** Where it is from: a figure or section, a TLA+ invariant, an issue. */
  readonly source: string;
  /** Before the accounts take a new life up: they still say what the disk should hold. */
  starting?(member: ObservedMember, start: EngineStart): void;
  started?(member: ObservedMember, start: EngineStart): void;
  /** After each input, and after `advanced`; `member.before` and `member.now` say what it did. */
  stepped?(member: ObservedMember, input: Input): void;
  /** An input moved the commit index, and the committed entries are not in the accounts yet. */
  advanced?(member: ObservedMember, advance: Advance): void;
  /** The owner got effects, which the accounts have not taken up yet. */
  drained?(member: ObservedMember, effects: Effects): void;
  /** A message left for a peer, or (again) arrived there. */
  said?(sender: ObservedMember, to: MemberId, message: PeekedMessage): void;
  /** The owner handed a message to its transport. */
  left?(sender: ObservedMember, message: Pick<Outbound, "to" | "pieces">): void;
  /** The state machine has applied everything up to an index. */
  applied?(member: ObservedMember, index: number, fingerprint: number | string): void;
}

/** Throws for a property that does not hold. The words are put together only then. */
export function violated(
  property: Property,
  member: ObservedMember,
  what: string,
  facts: Readonly<Record<string, unknown>> = {},
): never {
  throw new SafetyViolation(property.name, `member ${member.id.toString(16)} ${what}`, {
    member: member.id,
    life: member.life,
    role: member.now.role,
    epoch: member.now.epoch,
    commit: member.now.commit,
    ...facts,
  });
}
