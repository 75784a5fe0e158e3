/**
 * What was reported durable is found at the next start; what is found is what some prefix of the writes left, no mixture.
 *
 * This is the storage's promise to the engine, and every other property rests on it. Where a fault took data away the
 * storage must say so (`untrusted`), unless no trace of the loss is left.
 */
import type { EngineStart } from "../engine.ts";
import type { DiskLog } from "./disk-log.ts";
import type { ObservedMember } from "./observed-member.ts";
import { type Property, violated } from "./property.ts";

export class Durability implements Property {
  readonly name = "durable is found again";
  readonly source =
    "Raft figure 2 (persistent state); etcd#14140, #14143; docs/internals/raft.md, what is durable when";

  starting(member: ObservedMember, start: EngineStart): void {
    if (member.life === 0 || member.loss === "hidden" || start.untrusted) return;
    if (member.loss === "shows") return this.#admitsLoss(member, start);
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
    return violated(
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

  /** What is believed may be older in form (an older snapshot, more of the log), but must reach as far. */
  #admitsLoss(member: ObservedMember, start: EngineStart): void {
    const log = member.durable.copy();
    if (reaches(start, log)) return;
    for (const write of member.underway) {
      log.write(write);
      if (reaches(start, log)) return;
    }
    const last = start.entries.at(-1)?.index ?? start.snapshot?.index ?? 0;
    violated(
      this,
      member,
      `believes a log that ends at ${last}, though ${member.durable.last} was durable and is gone`,
      {
        found: last,
        durable: member.durable.last,
      },
    );
  }
}

/** Whether a start finds the last entry of a log, or a snapshot that stands for it. */
function reaches({ snapshot, entries }: EngineStart, log: DiskLog): boolean {
  const base = snapshot?.index ?? 0;
  return log.last <= base || entries[log.last - base - 1]?.epoch === log.epochAt(log.last);
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
