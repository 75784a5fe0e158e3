/**
 * What a property of the bully election is told, over all members and lives of a simulated group. It throws
 * `SafetyViolation` when it does not hold.
 */
import { SafetyViolation } from "../../properties/violation.ts";
import type { BullyStatus } from "../contract.ts";
import type { Ranking } from "../members.ts";

/** One life of a member, around one of its steps. */
export interface ObservedBully {
  readonly before: BullyStatus;
  readonly now: BullyStatus;
  /** Whether it takes over from lower leaders. */
  readonly preempt: boolean;
  /** The numbers that it was told. */
  readonly ranking: Ranking;
}

export interface BullyProperty {
  readonly name: string;
  /** Where it is from. */
  readonly source: string;
  /** After each step of a member. */
  stepped?(member: ObservedBully): void;
  /** For a long enough time these members, and no others, have reached each other, without any fault. */
  quiet?(component: readonly ObservedBully[]): void;
}

/** Throws for a property that does not hold. */
export function violated(
  property: BullyProperty,
  { now }: ObservedBully,
  what: string,
  facts: Readonly<Record<string, unknown>> = {},
): never {
  throw new SafetyViolation(property.name, `member ${now.id.toString(16)} ${what}`, { ...now, ...facts });
}
