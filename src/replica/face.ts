/**
 * What a replica is to those above it (server, store): the only way to a group's keyspace.
 */
import type { Status } from "../consensus/engine.ts";
import type { ClusterId, MemberId } from "../environment.ts";
import type { QuorateError } from "../errors.ts";
import type { CommandResult, Keyspace } from "../keyspace/keyspace.ts";
import type { Member } from "../keyspace/members.ts";
import type { WatchHub } from "../keyspace/watch-hub.ts";
import type { LeaseId } from "../wire/kv.ts";

/** A change of the cluster's members, as an operator asks for it. */
export type MemberChange =
  | { readonly type: "add"; readonly peerUrls: readonly string[]; readonly learner: boolean }
  | { readonly type: "remove"; readonly id: MemberId }
  | { readonly type: "promote"; readonly id: MemberId };

export interface MemberChanged {
  readonly member: Member;
  readonly members: readonly Member[];
}

export interface ReplicaStatus {
  readonly engine: Status;
  /** Bytes of live data (keys and newest values), of history kept for old revisions, and on disk. */
  readonly liveBytes: number;
  readonly historyBytes: number;
  readonly diskBytes: number;
  readonly quotaBytes: number;
  readonly diskFull: boolean;
  /** Commands proposed here and not answered yet. */
  readonly pending: number;
  /** Milliseconds since this replica last knew of a leader; 0 while it knows one. */
  readonly leaderlessMs: number;
  /** Members this one has a working link to, without itself. */
  readonly connected: readonly MemberId[];
}

/** Counted since the start. */
export interface ReplicaCounters {
  leaderChanges: number;
  proposalsCommitted: number;
  proposalsApplied: number;
  proposalsFailed: number;
  readIndexes: number;
  slowReadIndexes: number;
  leasesExpired: number;
  snapshotsSent: number;
  snapshotsInstalled: number;
  /** Durations of log syncs in milliseconds are handed to `onSync`, if set. */
  onSync: ((durationMs: number) => void) | null;
}

/** How long a call waits for a decision before it is answered `request timed out` (its outcome is then unknown). */
export interface CallOptions {
  readonly timeoutMs?: number;
}

export interface ProposeOptions extends CallOptions {
  /** Refuse the command, with `leader changed`, rather than carry it out in another epoch. */
  readonly onlyInEpoch?: number;
}

export interface Replica {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  /** The applied state. A new object after a snapshot from the leader was installed: never keep it across turns. */
  readonly keyspace: Keyspace;
  /** Lives as long as the replica. */
  readonly watches: WatchHub;
  readonly counters: ReplicaCounters;
  status(): ReplicaStatus;
  /**
   * Replicates one encoded command (`keyspace/command.ts`) and answers with what it did, once durable on a quorum and
   * applied here. On a follower it goes through the leader. Failures are results of type "error"; an error with code
   * OUTCOME_UNKNOWN's text `request timed out…` is the only one after which the command may still take effect.
   * `done` is called exactly once, in a later turn.
   */
  propose(command: Uint8Array, done: (result: CommandResult) => void, options?: ProposeOptions): void;
  /** Calls back when this replica has applied everything that was committed when the call was made. */
  linearize(done: (error: QuorateError | null) => void, options?: CallOptions): void;
  /** Renews a lease at the leader: seconds to live, or 0 for one that is unknown or expired. */
  renewLease(id: LeaseId): Promise<number>;
  /** Seconds to live, as the leader knows it; null: unknown or expired. */
  leaseTimeToLive(id: LeaseId): Promise<{ readonly grantedTtl: number; readonly ttl: number } | null>;
  changeMembership(change: MemberChange): Promise<MemberChanged>;
  /** Resolves when `to` leads (0n: whoever is best). Only on the leader. */
  transferLeadership(to: MemberId): Promise<void>;
  /** Called after leader, role, epoch or membership changed. Returns the way to stop. */
  onStatusChange(handle: () => void): () => void;
}
