/** The first thing in every log: who the members are. */
import type { Genesis } from "../engine.ts";
import { EntryKind } from "../engine.ts";
import { encodeMembershipEntry, type Membership, membershipFault } from "../membership.ts";
import { encodeHardState, noHardState } from "./hard-state.ts";

/**
 * What each initial member of a new group writes to its disk before its first start: slot 1, of epoch 1, decided by
 * agreement of whoever configured them all alike. A member that joins later starts with nothing and learns it.
 * @throws RangeError if the membership cannot work.
 */
export function genesis(membership: Membership, context: Uint8Array): Genesis {
  const fault = membershipFault(membership);
  if (fault !== null) throw new RangeError(`these members cannot form a group: ${fault}`);
  const data = encodeMembershipEntry({ membership, context });
  return {
    state: encodeHardState({ ...noHardState, round: 1, decided: 1 }),
    entries: [{ epoch: 1, index: 1, kind: EntryKind.membership, data }],
  };
}
