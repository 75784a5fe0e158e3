/** What is decided was proposed: a command by an owner, to a member that led the round of its epoch; nothing is made up. */
import { type Effects, EntryKind, type Input } from "../../engine.ts";
import { fingerprint } from "../../properties/fingerprint.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import { type Advance, type ObservedGroup, type Property, violated } from "../../properties/property.ts";

export class Nontriviality implements Property {
  readonly name = "nontriviality";
  readonly source = "Lamport, Paxos Made Simple §2.1; Paxos.tla, Nontriviality";
  readonly #group: ObservedGroup;
  /** Data of the proposals that wait to be taken, by member and id. */
  readonly #asked = new Map<ObservedMember, Map<number, Uint8Array>>();
  /** What was proposed, by epoch and content. */
  readonly #proposed = new Set<string>();

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  started(member: ObservedMember): void {
    this.#asked.set(member, new Map());
    // What founders find in their log is given.
    if (this.#group.committed.last <= 1) this.#given(member);
  }

  #given({ engine, now }: ObservedMember): void {
    for (let slot = now.firstIndex; slot <= now.lastIndex; slot++) {
      const entry = engine.entryAt(slot);
      if (entry !== null) this.#proposed.add(name(entry.epoch, entry.kind, entry.data));
    }
  }

  stepped(member: ObservedMember, input: Input): void {
    if (input.type === "propose") this.#asked.get(member)?.set(input.id, input.data);
  }

  drained(member: ObservedMember, { accepted, refused }: Effects): void {
    const asked = this.#asked.get(member);
    if (asked === undefined) return;
    for (const { id } of refused) asked.delete(id);
    for (const { id, epoch } of accepted) {
      const data = asked.get(id);
      if (data !== undefined) this.#proposed.add(name(epoch, EntryKind.command, data));
      asked.delete(id);
    }
  }

  advanced(member: ObservedMember, { to, news }: Advance): void {
    for (let slot = Math.max(news, member.now.firstIndex); slot <= to; slot++) {
      const entry = member.engine.entryAt(slot);
      if (entry === null || this.#isKnown(member, entry.epoch, entry.kind, entry.data)) continue;
      const what = entry.kind === EntryKind.hole ? "a hole" : `a value of epoch ${entry.epoch} that nobody proposed`;
      violated(this, member, `decides ${what} in slot ${slot}`, { slot, entryEpoch: entry.epoch, kind: entry.kind });
    }
  }

  /** No-ops and memberships are the leaders' own. A single member decides what it was asked in the same turn. */
  #isKnown(member: ObservedMember, epoch: number, kind: EntryKind, data: Uint8Array): boolean {
    if (kind === EntryKind.noop || kind === EntryKind.membership) return true;
    if (kind === EntryKind.hole) return false;
    if (this.#proposed.has(name(epoch, kind, data))) return true;
    return [...(this.#asked.get(member)?.values() ?? [])].includes(data);
  }
}

function name(epoch: number, kind: EntryKind, data: Uint8Array): string {
  return `${epoch}/${data.length}/${fingerprint({ epoch, index: 0, kind, data })}`;
}
