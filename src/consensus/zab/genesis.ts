/** The first thing in every log: who the members are. */
import type { Genesis } from "../engine.ts";
import { EntryKind } from "../engine.ts";
import { encodeMembershipEntry, type Membership, membershipFault } from "../membership.ts";
import { encodeHardState } from "./hard-state.ts";

/**
 * What each initial member of a new group writes to its disk before its first start: the history of epoch 1, one entry,
 * committed by agreement of whoever configured them all alike. A member that joins later starts with nothing.
 * @throws RangeError if the membership cannot work.
 */
export function genesis(membership: Membership, context: Uint8Array): Genesis {
  const fault = membershipFault(membership);
  if (fault !== null) throw new RangeError(`these members cannot form a group: ${fault}`);
  const data = encodeMembershipEntry({ membership, context });
  return {
    state: encodeHardState({
      acceptedEpoch: 1,
      acceptedFrom: 0n,
      currentEpoch: 1,
      commit: 1,
      untrusted: false,
      promiseMs: 0,
    }),
    entries: [{ epoch: 1, index: 1, kind: EntryKind.membership, data }],
  };
}
