/** Moving the decided index, on any member. What a leader then has to do is in consequences.ts. */
import { InvariantViolation } from "../../errors.ts";
import { entryOverheadBytes } from "../parts/entry-log.ts";
import type { PaxosState } from "./state.ts";

/**
 * Everything up to `index` is decided with the values that are here. Given out as such at the end of the turn.
 *
 * Passing a change of membership is saved with the same write as all that comes with it: who accepted anything behind it
 * knows for ever that it is decided, also after its old members are gone.
 */
export function decide(s: PaxosState, index: number): void {
  if (index <= s.decided) throw new InvariantViolation(`decided cannot go from ${s.decided} back to ${index}`);
  if (index > s.log.lastIndex) {
    throw new InvariantViolation(`slot ${index} cannot be decided: the log ends at ${s.log.lastIndex}`);
  }
  const { lead } = s;
  const before = s.decided;
  const { membership } = s;
  s.decided = index;
  s.ballots.trim(index);
  if (s.membership !== membership) s.saveState();
  if (lead === null) return;
  lead.noticeAt ??= s.now + (s.options.commitNoticeMs ?? 0);
  for (let at = before + 1; at <= index; at++) {
    const entry = s.log.at(at);
    if (entry === null) throw new InvariantViolation(`slot ${at} is about to be decided but not in memory`);
    lead.uncommittedBytes -= entry.data.length + entryOverheadBytes;
  }
}
