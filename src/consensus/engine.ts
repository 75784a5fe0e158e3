/**
 * What a consensus protocol is to the rest of the house: a pure state machine that keeps one replicated log.
 *
 * Raft, Multi-Paxos and Zab implement this contract and nothing above it knows which is running. An engine never reads
 * a clock, draws chance, waits, or touches disk and network: it is told the time with every step, is seeded when it is
 * made, and says what it wants done as data (`Effects`). The owner (`replica/`) carries the effects out and reports
 * back with further inputs.
 *
 * Two rules make a lost write impossible to express:
 * - every write has a number, and a message that promises something carries the number it must wait for (`after`);
 *   writes complete in order, so "durable up to n" says exactly what is on disk, also when a log position was written,
 *   overwritten and written again;
 * - entries come out as `committed` only when a quorum has them on disk.
 */
import type { MemberId } from "../environment.ts";
import type { Membership, MembershipChange } from "./membership.ts";

/** A place in the log, ordered by epoch, then index: (term, index), (ballot, slot), (epoch, counter). */
export interface Position {
  /** Term, ballot round or Zab epoch; below 2^53. */
  readonly epoch: number;
  /** Dense from 1; 0 is "before the first entry"; below 2^53. */
  readonly index: number;
}

/** What an entry's data is. The numbers are part of the disk and wire formats. */
export const EntryKind = {
  /** A batch of commands for the keyspace. Opaque to the engine. */
  command: 1,
  /** A change of who takes part; data as written by `encodeMembershipEntry`. */
  membership: 2,
  /** Nothing: what a new leader commits first. */
  noop: 3,
  /** Multi-Paxos only: nothing accepted in this slot yet, but behind it. Never given out as committed. */
  hole: 4,
} as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

export interface Entry extends Position {
  readonly kind: EntryKind;
  /** Never copied or changed on its way; empty for a no-op. */
  readonly data: Uint8Array;
}

/** What a snapshot stands for: the state after all entries up to and including this position. */
export interface SnapshotMeta extends Position {
  /** The membership in force at that position. */
  readonly membership: Membership;
}

export interface EngineOptions {
  readonly id: MemberId;
  /** Seeds the engine's own generator (randomised timeouts); any unsigned 32-bit number, different on each start. */
  readonly seed: number;
  /** A follower that hears nothing for this long (randomised up to twice of it) asks for votes. */
  readonly electionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Answer linearizable reads from a leader lease instead of a round of heartbeats. */
  readonly leaseReads: boolean;
  /** How much the clocks of two members may differ in speed over one election timeout. */
  readonly clockDriftMs: number;
  /** A leader whose oldest write is not durable after this long resigns; it does not stand again until it is. */
  readonly diskStallMs: number;
  /** The most entry bytes in one append message (one entry may exceed it alone). */
  readonly maxMessageBytes: number;
  /** The most append messages, and entry bytes, sent to one peer and not yet acknowledged. */
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** The most bytes of proposals that are not committed; more are refused. */
  readonly maxUncommittedBytes: number;
  /** Members with a higher number are preferred as leaders. Default 0 for all. */
  readonly priority: number;
  /**
   * A peer that has nothing to wait for learns of a commit with the next append, or after this long: of puts that
   * follow each other, each saves two messages a peer. Default 0: at once.
   */
  readonly commitNoticeMs?: number;
  /**
   * Multi-Paxos only: how many members must have an entry on disk to commit it, instead of a majority. Fewer make
   * writes quicker and elections harder: those need all but `phase2` - 1, and a majority at least. The same in a whole
   * group, for ever. Default null: a majority.
   */
  readonly flexibleQuorum?: { readonly phase2: number } | null;
}

/** What an engine starts from: what the storage recovered. */
export interface EngineStart {
  /** As the engine wrote it in `Write.state`; null on a new disk. */
  readonly state: Uint8Array | null;
  readonly snapshot: SnapshotMeta | null;
  /** Contiguous, right behind the snapshot (or from index 1). */
  readonly entries: readonly Entry[];
  /**
   * The storage cannot prove that it still has everything it once acknowledged (a lost or damaged tail): the member
   * takes part but gives no vote, does not stand, and counts in no quorum, until a leader has brought it to an index
   * committed, after this start, by a quorum without it. Remembered in the state: a further start need not say so again.
   */
  readonly untrusted: boolean;
}

/** Everything that can happen to an engine. `now` in milliseconds of a monotonic clock, never smaller than before. */
export type Input =
  /** Time passed. Comes at least every `heartbeatIntervalMs / 2`. */
  | { readonly type: "tick" }
  /** From a peer, as its engine made it. Malformed, late or hostile bytes are dropped and counted, never fatal. */
  | { readonly type: "message"; readonly from: MemberId; readonly bytes: Uint8Array }
  /** Replicate one entry. Refused (`Effects.refused`) unless this member leads in `epoch` and there is room. */
  | { readonly type: "propose"; readonly id: number; readonly epoch: number; readonly data: Uint8Array }
  /** Change who takes part. Refused unless leading, settled (own no-op committed) and no other change is under way. */
  | {
      readonly type: "reconfigure";
      readonly id: number;
      readonly change: MembershipChange;
      /** Travels in the entry for the state machine (names and addresses). */
      readonly context: Uint8Array;
    }
  /** Ask for a read index: answered in `reads` or `refused`, on a follower through its leader. */
  | { readonly type: "read"; readonly id: number }
  /** A peer waits for what it asked this leader to replicate: for a while it is told of commits at once. */
  | { readonly type: "awaited"; readonly peer: MemberId }
  /** Hand leadership over; `to` 0n lets the leader choose the best peer. Answered by a change of status. */
  | { readonly type: "transfer"; readonly id: number; readonly to: MemberId }
  /** All writes up to and including this number are on disk. */
  | { readonly type: "durable"; readonly write: number }
  /** The state machine has applied all entries up to this index. */
  | { readonly type: "applied"; readonly index: number }
  /** A durable snapshot covers everything up to this index: the engine may forget those entries. */
  | {
      readonly type: "compact";
      readonly snapshot: SnapshotMeta;
      /** Forget entries up to this index (at most the snapshot's): some are kept for peers that lag a little. */
      readonly upTo: number;
    }
  /** A whole, verified snapshot from a leader is on disk and may be installed. */
  | { readonly type: "snapshotReceived"; readonly from: MemberId; readonly snapshot: SnapshotMeta }
  /** A snapshot that was asked for with `sendSnapshot` arrived (or did not). */
  | { readonly type: "snapshotSent"; readonly to: MemberId; readonly index: number; readonly ok: boolean }
  /** The link to a peer broke or was refused: the process there probably died. */
  | { readonly type: "linkLost"; readonly peer: MemberId }
  | { readonly type: "linkUp"; readonly peer: MemberId };

/** One ordered piece of work for the disk. Parts are carried out in the order of the fields. */
export interface Write {
  /** Grows by one with each write. */
  readonly number: number;
  /** Start the log anew behind this snapshot (already on disk): drop all entries up to its index, and, if the log does
   * not hold the snapshot's position, all entries. */
  readonly snapshot: SnapshotMeta | null;
  /** Drop all entries from this index on before appending; null: drop none. */
  readonly truncateFrom: number | null;
  /** Contiguous, right behind what is in the log by then. */
  readonly entries: readonly Entry[];
  /** The engine's own durable state (epoch, vote, ...); null: unchanged. Durable together with the entries. */
  readonly state: Uint8Array | null;
}

/** Bytes for a peer's engine, to be sent once write `after` is durable (0: at once, before those that wait). */
export interface Outbound {
  readonly to: MemberId;
  /** Pieces of one message, to be sent one behind the other. */
  readonly pieces: readonly Uint8Array[];
  readonly after: number;
  /** Carries entries: a full link may drop it and report nothing, small messages should still get through. */
  readonly bulk: boolean;
}

/** Why a proposal, a reconfiguration, a read or a transfer was not taken. None of them has had any effect. */
export type Refusal =
  | "not leader"
  | "no leader"
  | "stale epoch"
  | "transferring leadership"
  | "too many uncommitted bytes"
  | "disk stalled"
  | "change in progress"
  | "not settled"
  | "unknown member"
  | "bad transferee"
  | "learner not ready"
  | "invalid change"
  | "leadership lost";

/** What the engine wants done. Drained after each batch of inputs; an engine with nothing to do gives empty lists. */
export interface Effects {
  readonly write: Write | null;
  readonly messages: readonly Outbound[];
  /** Newly committed, in order, each exactly once per life of the engine, from behind the start snapshot. */
  readonly committed: readonly Entry[];
  /** A read with this id may be answered by a state machine that has applied `index`. */
  readonly reads: readonly { readonly id: number; readonly index: number }[];
  /**
   * Proposals and reconfigurations that were taken, and the position each got. They take effect when that position
   * comes out as committed with the same epoch and kind; anything else there means they never will.
   */
  readonly accepted: readonly { readonly id: number; readonly epoch: number; readonly index: number }[];
  /** `detail` names values, for people. */
  readonly refused: readonly { readonly id: number; readonly reason: Refusal; readonly detail: string }[];
  /** Send this peer a snapshot whose index is at least `index`; report with `snapshotSent`. */
  readonly sendSnapshot: readonly { readonly to: MemberId; readonly index: number }[];
  /** Replace the state machine by this received snapshot, before applying `committed`. */
  readonly installSnapshot: SnapshotMeta | null;
  /** Something a person would want to know: "won the election in epoch 7 with 2 of 3 votes". */
  readonly notices: readonly Notice[];
  readonly statusChanged: boolean;
  /** A tick at this time, ahead of the regular one, lets an early election or a notice come sooner; null: no need. */
  readonly wakeAt: number | null;
}

export interface Notice {
  readonly level: "debug" | "info" | "warn";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export type Role = "follower" | "preCandidate" | "candidate" | "leader";

/** How far a leader knows a peer to be. */
export interface PeerProgress {
  readonly learner: boolean;
  readonly state: "probe" | "replicate" | "snapshot";
  /** Highest index known to be durable there. */
  readonly match: number;
  readonly next: number;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
  /** Heard from within the last election timeout. */
  readonly active: boolean;
  /** Came back with less than it had acknowledged: a wiped or rolled-back disk. Its old acknowledgements are void. */
  readonly lostData: boolean;
  /** It cannot prove that it kept what it acknowledged (`EngineStart.untrusted`): it counts in no quorum for now. */
  readonly untrusted: boolean;
}

export interface Status {
  readonly id: MemberId;
  readonly role: Role;
  /** 0n: unknown. */
  readonly leader: MemberId;
  readonly epoch: number;
  readonly commit: number;
  readonly applied: number;
  /** Last entry in memory, and last entry known to be on this member's disk. */
  readonly lastIndex: number;
  readonly durableIndex: number;
  /** First index still held in memory. */
  readonly firstIndex: number;
  readonly membership: Membership;
  /** As `EngineOptions.flexibleQuorum` says; absent: a majority. */
  readonly phase2Quorum?: number | undefined;
  /** Whether a leader has committed an entry of its own epoch (reads and reconfigurations are possible). */
  readonly settled: boolean;
  readonly transferee: MemberId;
  readonly untrusted: boolean;
  readonly diskStalled: boolean;
  /** On a leader only, without itself. */
  readonly peers: ReadonlyMap<MemberId, PeerProgress>;
  /** Dropped inputs from peers, since the start. */
  readonly droppedMessages: number;
}

export interface Engine {
  /** Feeds one input. Survives any remote input; wrong local use is an `InvariantViolation`. */
  step(input: Input, now: number): void;
  /** What is to be done since the last call. */
  effects(): Effects;
  /** A view of now: read it again after the next step. */
  readonly status: Status;
  /** The entry at an index still in memory, or null (for tests, checks and tools). */
  entryAt(index: number): Entry | null;
}

/**
 * Makes an engine. `now` as in `Engine.step`.
 * @throws QuorateError `CONFIG` for options that cannot work, `CORRUPT` for a state no engine of this kind wrote.
 */
export type EngineFactory = (options: EngineOptions, start: EngineStart, now: number) => Engine;

/** What each initial member writes to a new disk before its first start. */
export interface Genesis {
  readonly state: Uint8Array;
  readonly entries: readonly Entry[];
}
