/** What a replica is made of, and what it tells its owner. */
import type { Engine, SnapshotMeta } from "../consensus/engine.ts";
import type { ClusterId, Environment, GroupId, MemberId } from "../environment.ts";
import type { Keyspace } from "../keyspace/keyspace.ts";
import type { GroupStorage } from "../storage/storage.ts";
import type { Transport } from "../transport/transport.ts";
import type { ReplicaCounters } from "./face.ts";
import type { HousekeepingOptions } from "./housekeeping.ts";
import type { SnapshotPolicy } from "./snapshot-taker.ts";

export interface ReplicaOptions {
  readonly environment: Environment;
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly group: GroupId;
  readonly storage: GroupStorage;
  readonly transport: Transport;
  readonly engine: Engine;
  /** The state at `snapshot`, or an empty one. */
  readonly keyspace: Keyspace;
  readonly snapshot: SnapshotMeta | null;
  readonly snapshotPolicy: SnapshotPolicy;
  /** Entries behind a snapshot that stay in memory for peers that lag a little. */
  readonly catchUpEntries: number;
  /** And at most so many bytes of them. */
  readonly catchUpBytes: number;
  /** The most bytes of a snapshot in one message to a peer. */
  readonly snapshotChunkBytes: number;
  /** Without an acknowledgement for this long, what was sent of a snapshot is sent again. */
  readonly snapshotResendMs: number;
  readonly housekeeping: HousekeepingOptions;
  readonly strictReconfigCheck: boolean;
  readonly callTimeoutMs: number;
  readonly tickMs: number;
  /** Commands, and bytes of them, that wait at once. */
  readonly maxPendingCommands: number;
  readonly maxPendingBytes: number;
  /** Members known before the log says so: for a member that joins. */
  readonly knownPeers: readonly { readonly id: MemberId; readonly peerUrls: readonly string[] }[];
  readonly diskBytes: () => number;
  readonly events: ReplicaEvents;
}

export interface ReplicaEvents {
  /** A broken invariant, or damage: the replica has stopped, the member must end. */
  failed(error: unknown): void;
  /** This member was removed from the cluster. */
  removed(): void;
}

export function newCounters(): ReplicaCounters {
  return {
    leaderChanges: 0,
    proposalsCommitted: 0,
    proposalsApplied: 0,
    proposalsFailed: 0,
    readIndexes: 0,
    slowReadIndexes: 0,
    leasesExpired: 0,
    snapshotsSent: 0,
    snapshotsInstalled: 0,
    onSync: null,
  };
}
