/** What a leader does to its own log and to its list of peers. */
import type { MemberId } from "../../environment.ts";
import type { Entry, EntryKind } from "../engine.ts";
import { entryOverheadBytes } from "../parts/entry-log.ts";
import { Progress } from "./progress.ts";
import type { Leadership, RaftState } from "./state.ts";

/** Appends an entry of this leader's epoch; it is sent and written at the end of the turn. */
export function appendOwn(s: RaftState, lead: Leadership, kind: EntryKind, data: Uint8Array): Entry {
  const entry: Entry = { epoch: s.epoch, index: s.log.lastIndex + 1, kind, data };
  s.log.append(entry);
  lead.uncommittedBytes += data.length + entryOverheadBytes;
  return entry;
}

/** A peer of which nothing is known: the search begins at `next`. */
export function newProgress(s: RaftState, id: MemberId, next: number): Progress {
  return new Progress(id, {
    learner: s.memberships.active.learners.includes(id),
    next,
    now: s.now,
    maxMessages: s.options.maxInflightMessages,
    maxBytes: s.options.maxInflightBytes,
  });
}
