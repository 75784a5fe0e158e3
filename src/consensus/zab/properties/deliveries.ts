/**
 * What members deliver, for the promises of an atomic broadcast: a property looks at each entry that a member gives out.
 *
 * A member delivers from behind the snapshot that its life starts from or that it installs; the snapshot stands for
 * everything before.
 */
import type { Effects, EngineStart, Entry, Position } from "../../engine.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";

const beginning: Position = { index: 0, epoch: 0 };

/** Calls `look` with each delivered entry and the position delivered before it in this life. */
export abstract class Deliveries {
  readonly #last = new Map<ObservedMember, Position>();

  started(member: ObservedMember, { snapshot }: EngineStart): void {
    this.#last.set(member, snapshot ?? beginning);
  }

  drained(member: ObservedMember, { committed, installSnapshot }: Effects): void {
    if (installSnapshot !== null) this.#last.set(member, installSnapshot);
    for (const entry of committed) {
      this.look(member, entry, this.#last.get(member) ?? beginning);
      this.#last.set(member, entry);
    }
  }

  protected abstract look(member: ObservedMember, entry: Entry, before: Position): void;
}

/** A zxid, as a word. */
export function zxid({ index, epoch }: Position): string {
  return `${epoch}/${index}`;
}
