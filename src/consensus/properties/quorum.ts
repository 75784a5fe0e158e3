/**
 * What a quorum is, written down a second time: properties that asked the engines' own arithmetic (`membership.ts`) would
 * believe whatever is wrong with it.
 */
import type { MemberId } from "../../environment.ts";
import type { Membership } from "../membership.ts";

/** Whether those who agree are more than half of each set of voters that is in force; a set of nobody asks for nothing. */
export function isQuorum({ voters, outgoing }: Membership, agrees: (id: MemberId) => boolean): boolean {
  return moreThanHalf(voters, agrees) && moreThanHalf(outgoing, agrees);
}

function moreThanHalf(ids: readonly MemberId[], agrees: (id: MemberId) => boolean): boolean {
  let ayes = 0;
  for (const id of ids) if (agrees(id)) ayes++;
  return ids.length === 0 || 2 * ayes > ids.length;
}
