/** Moving the commit index, on any member. What a leader then has to do is in consequences.ts. */
import { InvariantViolation } from "../../errors.ts";
import { entryOverheadBytes } from "../parts/entry-log.ts";
import type { RaftState } from "./state.ts";

/** Everything up to `index` is committed. Given out as such at the end of the turn. */
export function advanceCommit(s: RaftState, index: number): void {
  if (index <= s.commit) throw new InvariantViolation(`commit cannot go from ${s.commit} back to ${index}`);
  if (index > s.log.lastIndex)
    throw new InvariantViolation(`cannot commit ${index}: the log ends at ${s.log.lastIndex}`);
  const { lead } = s;
  const before = s.commit;
  s.commit = index;
  if (lead === null) return;
  lead.noticeAt ??= s.now + (s.options.commitNoticeMs ?? 0);
  for (let at = before + 1; at <= index; at++) lead.uncommittedBytes -= entryBytes(s, at);
}

function entryBytes(s: RaftState, index: number): number {
  const entry = s.log.at(index);
  if (entry === null) throw new InvariantViolation(`entry ${index} is about to be committed but not in memory`);
  return entry.data.length + entryOverheadBytes;
}
