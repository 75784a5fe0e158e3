/** Moving the commit index, on any member. What a leader then has to do is in consequences.ts. */
import { assert } from "../../errors.ts";
import { quorumReached } from "../membership.ts";
import { entryOverheadBytes } from "../parts/entry-log.ts";
import type { Leadership, ZabState } from "./state.ts";

/** Everything up to `index` is committed. Given out as such at the end of the turn. */
export function advanceCommit(s: ZabState, index: number): void {
  assert(index > s.commit, `commit cannot go from ${s.commit} back to ${index}`);
  assert(index <= s.log.lastIndex, `cannot commit ${index}: the log ends at ${s.log.lastIndex}`);
  const { leading } = s;
  const before = s.commit;
  s.commit = index;
  if (leading === null) return;
  leading.noticeAt ??= s.now + (s.options.commitNoticeMs ?? 0);
  for (let at = before + 1; at <= index; at++) leading.uncommittedBytes -= entryBytes(s, at);
}

function entryBytes(s: ZabState, index: number): number {
  const entry = s.log.at(index);
  assert(entry !== null, `entry ${index} is about to be committed but not in memory`);
  return entry.data.length + entryOverheadBytes;
}

/**
 * Commits, in order, what a quorum holds durably. Only those count that have adopted the epoch, so that an entry of
 * an earlier epoch needs no proposal of this one above it: the electing order puts the current epoch before the log.
 */
export function countCommit(s: ZabState, lead: Leadership): void {
  const index = quorumReached(s.memberships.active, (id) => {
    if (id === s.id) return s.writes.durable >= lead.ownWrite ? s.writes.durableIndex : 0;
    const p = lead.progress.get(id);
    return p === undefined || p.untrusted || !p.synced ? 0 : p.match;
  });
  if (index > s.commit) advanceCommit(s, index);
}
