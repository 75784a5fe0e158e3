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

/** Whether those who hold an entry are enough to commit it: a quorum, or as many as `EngineOptions.flexibleQuorum` says. */
export function suffices(
  membership: Membership,
  { flexibleQuorum }: Pick<EngineOptions, "flexibleQuorum">,
  holds: (id: MemberId) => boolean,
): boolean {
  if (flexibleQuorum === undefined || flexibleQuorum === null) return isQuorum(membership, holds);
  const { voters } = membership;
  return voters.filter(holds).length >= Math.min(flexibleQuorum.phase2, voters.length);
}

function moreThanHalf(ids: readonly MemberId[], agrees: (id: MemberId) => boolean): boolean {
  let ayes = 0;
  for (const id of ids) if (agrees(id)) ayes++;
  return ids.length === 0 || 2 * ayes > ids.length;
}
