/** What a member is told when it starts. */
import type { Logger } from "../environment.ts";
import type { AutoCompaction } from "../replica/housekeeping.ts";
import type { InitialMember } from "./bootstrap.ts";

/** How a member is founded or joins, where it listens, and its limits. */
export interface MemberOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly listenClientUrls: readonly string[];
  readonly advertiseClientUrls: readonly string[];
  readonly listenPeerUrls: readonly string[];
  readonly initialAdvertisePeerUrls: readonly string[];
  /** Serve /health, /metrics and the like here too. */
  readonly listenMetricsUrls?: readonly string[];
  readonly initialCluster: readonly InitialMember[];
  readonly initialClusterState: "new" | "existing";
  readonly initialClusterToken: string;
  /**
   * A name of `consensus/engines.ts`, for a cluster that is founded: "raft" unless given. A member that runs already, or
   * joins, has its cluster's; another name is refused.
   */
  readonly engine?: string;
  /**
   * Multi-Paxos only, for a cluster that is founded: how many members must have a write on disk to commit it, instead of a
   * majority (`EngineOptions.flexibleQuorum`). A member that runs already, or joins, has its cluster's; another is refused.
   */
  readonly phase2Quorum?: number;
  readonly heartbeatMs?: number;
  readonly electionMs?: number;
  /** Entries of log after which a snapshot is written. */
  readonly snapshotCount?: number;
  /** Entries behind a snapshot that are kept in memory for members that lag a little. */
  readonly snapshotCatchupEntries?: number;
  /** Bytes of live data; 0: the default of 2 GiB. */
  readonly quotaBackendBytes?: number;
  /** Bytes of old versions kept for reads and watches at old revisions; 0: no bound. */
  readonly historyBudgetBytes?: number;
  readonly autoCompaction?: AutoCompaction;
  readonly maxRequestBytes?: number;
  readonly maxTxnOps?: number;
  readonly maxConcurrentStreams?: number;
  readonly leaseReads?: boolean;
  readonly priority?: number;
  readonly watchProgressIntervalMs?: number;
  readonly strictReconfigCheck?: boolean;
  readonly logger?: Logger;
}
