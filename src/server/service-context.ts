/**
 * What services are made of: the replica they speak for, and the limits they keep.
 */
import type { Clock, Random } from "../environment.ts";
import type { QuorateError } from "../errors.ts";
import type { Replica } from "../replica/face.ts";
import type { ClusterView } from "./cluster-view.ts";

export interface ServiceLimits {
  /** The largest request that is taken (etcd's `--max-request-bytes`). */
  readonly maxRequestBytes: number;
  /** Operations in one transaction (etcd's `--max-txn-ops`). */
  readonly maxTxnOps: number;
  /** Bytes of live data; 0: no limit (etcd's `--quota-backend-bytes`). */
  readonly quotaBytes: number;
  /** Leases shorter than this are granted this long, in seconds. */
  readonly minLeaseTtlSeconds: number;
  /** How often an idle watcher that asked for it is told how far it has come. */
  readonly progressIntervalMs: number;
  /** Watchers on one stream. */
  readonly maxWatchersPerStream: number;
}

export interface ServiceContext {
  readonly replica: Replica;
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: ServiceLimits;
}

/** Resolves when this member has applied all that was committed when it was called. */
export function linearize(replica: Replica): Promise<void> {
  return new Promise((resolve, reject) => {
    replica.linearize((error: QuorateError | null) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
