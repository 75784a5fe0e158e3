/**
 * What was reported durable is found at the next start; what is found is what some prefix of the writes left, no mixture.
 *
 * This is the storage's promise to the engine, and every other property rests on it. A member whose disk is known to
 * have lost data (by a fault, or because the storage says so itself) is excused.
 */
import type { EngineStart } from "../engine.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";

export class Durability implements Property {
  readonly name = "durable is found again";
  readonly source =
    "Raft figure 2 (persistent state); etcd#14140, #14143; docs/internals/raft.md, what is durable when";

  starting(member: ObservedMember, start: EngineStart): void {
    if (member.life === 0 || member.hasLost || start.untrusted) return;
    const base = start.snapshot ?? { index: 0, epoch: 0 };
    if (base.index < member.snapshot.index) {
      violated(this, member, `starts from a snapshot at ${base.index}, one at ${member.snapshot.index} was durable`, {
        found: base.index,
        durable: member.snapshot.index,
      });
    }
    const log = member.durable.copy();
    let state = member.durableState;
    for (const write of [null, ...member.underway]) {
      if (write !== null) {
        log.write(write);
        state = write.state ?? state;
      }
      if (log.startsWith(base, start.entries) && sameBytes(state, start.state)) return;
    }
    const last = start.entries.at(-1)?.index ?? base.index;
    violated(
      this,
      member,
      `starts with a log up to ${last}, which no prefix of its writes leaves: ${member.durable.last} was durable, ` +
        `${member.underway.length} writes were under way`,
      {
        found: last,
        durable: member.durable.last,
        durableWrite: member.durableWrite,
        underway: member.underway.map(({ number }) => number),
        stateFound: start.state,
        stateDurable: member.durableState,
      },
    );
  }
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
