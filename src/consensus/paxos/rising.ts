/**
 * Epochs never fall along what is decided (I1): whoever applies an entry of a later epoch knows that nothing of an
 * earlier one can follow, and the owner relies on it.
 *
 * Every leader proposes a list that rises and that holds, by the safety of Paxos, everything chosen in earlier rounds.
 * Acceptors and new leaders see pieces of several such lists. Where two of the pieces fall, slot s before slot t with
 * epoch(s) > epoch(t), the one accepted in the lower round was not chosen and never will be: the list of the higher
 * round's leader has the other one, and would fall if it held both. Two of one round cannot fall: one list has both.
 */
import type { Entry } from "../engine.ts";

/** What an acceptor holds in a slot: the value, and the round it was accepted in. */
export interface Accepted {
  readonly entry: Entry;
  readonly round: number;
}

/**
 * The same slots without values that cannot have been chosen. The result rises from `floor` on, holes aside.
 * @param slots of consecutive indexes; null: a hole.
 * @param floor epoch of the last decided entry before them.
 * @returns null if two of one round fall: what no leader proposes.
 */
export function withoutFalling(slots: readonly (Accepted | null)[], floor: number): (Accepted | null)[] | null {
  const result: (Accepted | null)[] = [];
  /** Places in `result` that hold a value, ascending in index and epoch. */
  const standing: number[] = [];
  for (const slot of slots) {
    result.push(null);
    if (slot === null || slot.entry.epoch < floor) continue;
    let stands = true;
    while (stands && standing.length > 0) {
      const place = standing.at(-1) as number;
      const before = result[place] as Accepted;
      if (before.entry.epoch <= slot.entry.epoch) break;
      if (before.round === slot.round) return null;
      if (before.round > slot.round) {
        stands = false;
      } else {
        result[place] = null;
        standing.pop();
      }
    }
    if (!stands) continue;
    standing.push(result.length - 1);
    result[result.length - 1] = slot;
  }
  return result;
}
