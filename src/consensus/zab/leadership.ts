/** What a leader does to its own log and to its list of peers. */
import type { MemberId } from "../../environment.ts";
import type { Entry, EntryKind } from "../engine.ts";
import { entryOverheadBytes } from "../parts/entry-log.ts";
import { LeaderReads } from "../parts/leader-reads.ts";
import { Progress } from "./progress.ts";
import type { Leadership, ZabState } from "./state.ts";

/** Appends an entry of this leader's epoch; it is sent and written at the end of the turn. */
export function appendOwn(s: ZabState, lead: Leadership, kind: EntryKind, data: Uint8Array): Entry {
  const entry: Entry = { epoch: s.epoch, index: s.log.lastIndex + 1, kind, data };
  s.log.append(entry);
  lead.uncommittedBytes += data.length + entryOverheadBytes;
  return entry;
}

/** A peer of which nothing is known. */
export function newProgress(s: ZabState, lead: Leadership, id: MemberId): Progress {
  return new Progress(id, {
    learner: s.memberships.active.learners.includes(id),
    now: s.now,
    newSession: () => ++lead.sessions,
    maxMessages: s.options.maxInflightMessages,
    maxBytes: s.options.maxInflightBytes,
  });
}

/** A leadership that begins with discovery. */
export function newLeadership(s: ZabState, transferred: boolean): Leadership {
  const { electionTimeoutMs, heartbeatIntervalMs } = s.options;
  return {
    phase: "discovery",
    transferred,
    ownWrite: s.barrier,
    acceptances: new Map(),
    historyIndex: s.log.lastIndex,
    progress: new Map(),
    sessions: 0,
    uncommittedBytes: 0,
    round: 0,
    nextHeartbeat: s.now + heartbeatIntervalMs,
    commitAtHeartbeat: s.commit,
    transfer: null,
    leaseForfeited: false,
    nextPreference: s.now + 2 * electionTimeoutMs,
    preferenceBackoffMs: 10 * electionTimeoutMs,
    reads: new LeaderReads(),
    noticeAt: null,
  };
}
