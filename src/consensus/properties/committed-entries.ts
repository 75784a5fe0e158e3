/**
 * What is committed stays in every log that holds it: no member drops it, knowing that it is committed or not.
 *
 * What a member knew in an earlier life it may drop: it may have known of entries that had not reached its own disk.
 */
import type { Effects } from "../engine.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type ObservedGroup, type Property, violated } from "./property.ts";

export class CommittedEntries implements Property {
  readonly name = "committed entries stay";
  readonly source = "CCF consensus spec, QuorumLogInv and AppendOnlyProp; microsoft/CCF#5674";
  readonly #group: ObservedGroup;

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  drained(member: ObservedMember, { write }: Effects): void {
    if (write === null) return;
    const { truncateFrom, snapshot } = write;
    if (truncateFrom !== null) {
      if (truncateFrom <= member.knownCommit) {
        violated(
          this,
          member,
          `drops entries from ${truncateFrom} on and knew that ${member.knownCommit} is committed`,
          {
            truncateFrom,
          },
        );
      }
      this.#dropped(member, truncateFrom);
    }
    if (snapshot !== null && member.written.epochAt(snapshot.index) !== snapshot.epoch) {
      this.#dropped(member, snapshot.index + 1);
    }
  }

  /** By log matching, if any entry from `index` on is the committed one, the first is. */
  #dropped(member: ObservedMember, index: number): void {
    const epoch = member.written.epochAt(index);
    if (epoch === null || index <= member.written.base.index) return;
    if (this.#group.committed.epochAt(index) !== epoch) return;
    violated(this, member, `drops entry ${index} of epoch ${epoch}, which is committed`, { index, entryEpoch: epoch });
  }
}
