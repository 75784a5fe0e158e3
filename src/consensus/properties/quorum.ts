/**
 * What a quorum is, written down a second time: properties that asked the engines' own arithmetic (`membership.ts`) would
 * believe whatever is wrong with it.
 */
import type { MemberId } from "../../environment.ts";
import type { EngineOptions } from "../engine.ts";
import type { Membership } from "../membership.ts";

/** Whether those who agree are more than half of each set of voters that is in force; a set of nobody asks for nothing. */
export function isQuorum({ voters, outgoing }: Membership, agrees: (id: MemberId) => boolean): boolean {
  return moreThanHalf(voters, agrees) && moreThanHalf(outgoing, agrees);
}

/** As an engine's options say it; null and undefined: majorities. */
type Flexible = Pick<EngineOptions, "flexibleQuorum">;

/** Whether those who hold an entry are enough to commit it: a quorum, or as many as `EngineOptions.flexibleQuorum` says. */
export function suffices(
  membership: Membership,
  { flexibleQuorum = null }: Flexible,
  holds: (id: MemberId) => boolean,
): boolean {
  if (flexibleQuorum === null) return isQuorum(membership, holds);
  const { voters } = membership;
  return voters.filter(holds).length >= Math.min(flexibleQuorum.phase2, voters.length);
}

/** Whether those who vote for somebody are enough to make it the leader: a quorum, and one of each set that may commit. */
export function elects(
  membership: Membership,
  { flexibleQuorum = null }: Flexible,
  votes: (id: MemberId) => boolean,
): boolean {
  if (!isQuorum(membership, votes)) return false;
  const isForAll = flexibleQuorum === null || membership.voters.length === 0;
  // Those who did not vote are too few to commit anything.
  return isForAll || !suffices(membership, { flexibleQuorum }, (id) => !votes(id));
}

/** Whether these can do all by themselves: elect one of them, and commit. */
export function getsOn(membership: Membership, options: Flexible, agrees: (id: MemberId) => boolean): boolean {
  return elects(membership, options, agrees) && suffices(membership, options, agrees);
}

/** How many of so many voters may be away, and the others get on. */
export function bearable(voters: number, { flexibleQuorum = null }: Flexible): number {
  const minority = Math.floor((voters - 1) / 2);
  if (flexibleQuorum === null) return minority;
  const accepting = Math.min(flexibleQuorum.phase2, voters);
  return Math.min(minority, accepting - 1, voters - accepting);
}

function moreThanHalf(ids: readonly MemberId[], agrees: (id: MemberId) => boolean): boolean {
  let ayes = 0;
  for (const id of ids) if (agrees(id)) ayes++;
  return ids.length === 0 || 2 * ayes > ids.length;
}
