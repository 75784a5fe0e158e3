/**
 * An index, once committed anywhere, is that entry everywhere and for ever: over restarts, snapshots and epochs. Each
 * member gives out what is committed in order, each entry once a life, and state machines that have applied the same
 * entries are equal.
 */
import type { Effects, EngineStart } from "../engine.ts";
import { fingerprint } from "./fingerprint.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Advance, type ObservedGroup, type Property, violated } from "./property.ts";

export class StateMachineSafety implements Property {
  readonly name = "state machine safety";
  readonly source = "Raft figure 3; raft.tla StateMachineSafety";
  readonly #group: ObservedGroup;
  /** What the state was after each index, as the first member to get there said. */
  readonly #states = new Map<number, { readonly fingerprint: number | string; readonly by: bigint }>();

  constructor(group: ObservedGroup) {
    this.#group = group;
  }

  started(member: ObservedMember, _start: EngineStart): void {
    const { now, engine } = member;
    if (now.commit >= now.firstIndex) this.#same(member, now.commit, engine.entryAt(now.commit)?.epoch ?? null);
  }

  advanced(member: ObservedMember, { from, to, news }: Advance): void {
    const { committed } = this.#group;
    for (let index = Math.max(from, member.now.firstIndex); index <= to && index < news; index++) {
      const entry = member.engine.entryAt(index);
      this.#same(member, index, entry?.epoch ?? null);
      if (entry !== null && fingerprint(entry) !== committed.fingerprintAt(index)) {
        violated(this, member, `commits another entry ${index} of epoch ${entry.epoch} than others did`, { index });
      }
    }
  }

  drained(member: ObservedMember, { committed, installSnapshot }: Effects): void {
    let last = member.givenOut;
    if (installSnapshot !== null) {
      if (installSnapshot.index <= last) {
        violated(this, member, `installs a snapshot at ${installSnapshot.index}, having given out ${last}`, {
          index: installSnapshot.index,
        });
      }
      last = installSnapshot.index;
    }
    for (const entry of committed) {
      if (entry.index !== last + 1) {
        violated(this, member, `gives out entry ${entry.index} behind ${last}`, { index: entry.index });
      }
      this.#same(member, entry.index, entry.epoch);
      // The very entry that was looked at when it was committed, unless the log has been compacted since.
      if (
        member.engine.entryAt(entry.index) !== entry &&
        fingerprint(entry) !== this.#group.committed.fingerprintAt(entry.index)
      ) {
        violated(this, member, `gives out another entry ${entry.index} than was committed`, { index: entry.index });
      }
      last = entry.index;
    }
  }

  applied(member: ObservedMember, index: number, state: number | string): void {
    if (index > member.givenOut) {
      violated(this, member, `applied ${index}, but only ${member.givenOut} were given out`, { index });
    }
    const known = this.#states.get(index);
    if (known === undefined) this.#states.set(index, { fingerprint: state, by: member.id });
    else if (known.fingerprint !== state) {
      violated(this, member, `has another state after entry ${index} than member ${known.by.toString(16)}`, {
        index,
        other: known.by,
        own: state,
        theirs: known.fingerprint,
      });
    }
  }

  #same(member: ObservedMember, index: number, epoch: number | null): void {
    const known = this.#group.committed.epochAt(index);
    if (epoch === known) return;
    const it = known === null ? "is not committed" : `was committed with epoch ${known}`;
    violated(this, member, `holds entry ${index} of epoch ${epoch} for committed, which ${it}`, { index, known });
  }
}
