/**
 * The numbers of a member, under the names that etcd has for them where it has any, so that dashboards and alerts made
 * for etcd show them.
 */
import type { GrpcStatus } from "../errors.ts";
import type { Replica } from "../replica/face.ts";
import type { ClusterView } from "./cluster-view.ts";
import type { Method } from "./front-door.ts";
import { type Cell, type Counter, type Labels, Metrics } from "./metrics.ts";
import { ETCD_VERSION, QUORATE_VERSION } from "./version.ts";

export interface ServerMetrics {
  readonly text: () => string;
  readonly started: (path: string, kind: Method["kind"]) => void;
  readonly handled: (path: string, kind: Method["kind"], status: GrpcStatus) => void;
  readonly healthSucceeded: Counter;
  readonly healthFailed: Counter;
}

/** Seconds: 1 ms, doubling up to about 8 s, as etcd's. */
const SYNC_BOUNDS: readonly number[] = Array.from({ length: 14 }, (_, at) => 0.001 * 2 ** at);

/** gRPC status codes as their Go names, which is how etcd labels them. */
const CODE_NAMES: readonly string[] = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

const KIND_NAMES: Readonly<Record<Method["kind"], string>> = {
  unary: "unary",
  serverStream: "server_stream",
  bidi: "bidi_stream",
};

export function createServerMetrics(replica: Replica, view: ClusterView, openStreams: () => number): ServerMetrics {
  const metrics = new Metrics();
  const { counters } = replica;
  const gauge = (name: string, help: string, read: () => number): void => metrics.observed("gauge", name, help, read);
  const count = (name: string, help: string, read: () => number): void => metrics.observed("counter", name, help, read);

  gauge("etcd_server_has_leader", "Whether a leader is known: 1 or 0.", () => (view.hasLeader ? 1 : 0));
  gauge("etcd_server_is_leader", "Whether this member leads: 1 or 0.", () => (view.isLeader ? 1 : 0));
  gauge("etcd_server_is_learner", "Whether this member is a learner: 1 or 0.", () => (view.isLearner ? 1 : 0));
  count("etcd_server_leader_changes_seen_total", "Changes of leader seen.", () => counters.leaderChanges);
  // As in etcd, an index since the cluster began, not a count since this process did.
  gauge(
    "etcd_server_proposals_committed_total",
    "Index of the last committed entry.",
    () => replica.status().engine.commit,
  );
  gauge(
    "etcd_server_proposals_applied_total",
    "Index of the last applied entry.",
    () => replica.status().engine.applied,
  );
  gauge(
    "etcd_server_proposals_pending",
    "Commands proposed here and not answered yet.",
    () => replica.status().pending,
  );
  count("etcd_server_proposals_failed_total", "Commands proposed here that failed.", () => counters.proposalsFailed);
  count("etcd_server_read_indexes_total", "Linearizable reads asked for.", () => counters.readIndexes);
  count("etcd_server_slow_read_indexes_total", "Linearizable reads that took long.", () => counters.slowReadIndexes);
  gauge("etcd_server_quota_backend_bytes", "Bytes of live data allowed; 0: any.", () => replica.status().quotaBytes);
  count("etcd_debugging_server_lease_expired_total", "Leases that expired here.", () => counters.leasesExpired);
  gauge("etcd_debugging_mvcc_keys_total", "Keys that exist.", () => replica.keyspace.keyCount);
  gauge("etcd_debugging_mvcc_watcher_total", "Watchers.", () => replica.watches.size);
  gauge("etcd_debugging_mvcc_watch_stream_total", "Streams open, of watches and others.", openStreams);
  count("etcd_debugging_mvcc_events_total", "Events told to watchers.", () => replica.watches.counters.events);
  gauge("etcd_debugging_mvcc_current_revision", "The keyspace's revision.", () => replica.keyspace.revision);
  gauge(
    "etcd_debugging_mvcc_compact_revision",
    "The compacted revision; -1: none.",
    () => replica.keyspace.compactRevision,
  );
  gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes of live data and of history.", () => {
    const { liveBytes, historyBytes } = replica.status();
    return liveBytes + historyBytes;
  });
  gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes of live data.", () => replica.status().liveBytes);
  gauge("quorate_disk_bytes", "Bytes of log and snapshots on disk.", () => replica.status().diskBytes);
  gauge("quorate_disk_full", "Whether the disk was full at the last write: 1 or 0.", () =>
    replica.status().diskFull ? 1 : 0,
  );
  gauge("quorate_connected_peers", "Members with a working link to this one.", () => replica.status().connected.length);
  count("quorate_snapshots_sent_total", "Snapshots sent to other members.", () => counters.snapshotsSent);
  count("quorate_snapshots_installed_total", "Snapshots taken over from a leader.", () => counters.snapshotsInstalled);
  gauge("process_start_time_seconds", "When the process started, in Unix time.", () => performance.timeOrigin / 1000);
  gauge("process_resident_memory_bytes", "Memory of the process.", () => process.memoryUsage.rss());
  gauge("nodejs_heap_size_used_bytes", "JavaScript objects in use.", () => process.memoryUsage().heapUsed);
  count("process_cpu_seconds_total", "Processor time used.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.observed("gauge", "etcd_server_version", "The etcd release whose API is spoken.", () => 1, {
    server_version: ETCD_VERSION,
    quorate_version: QUORATE_VERSION,
  });
  metrics.observed("gauge", "etcd_server_id", "This member's id, in hexadecimal.", () => 1, {
    server_id: replica.memberId.toString(16),
  });

  const syncs = metrics.histogram(
    "etcd_disk_wal_fsync_duration_seconds",
    "How long syncs of the log took.",
    SYNC_BOUNDS,
  );
  counters.onSync = (durationMs) => syncs.observe(durationMs / 1000);

  const startedTotal = metrics.counter("grpc_server_started_total", "Calls that came in.");
  const handledTotal = metrics.counter("grpc_server_handled_total", "Calls that ended, whatever their outcome.");
  const startedCells = new Map<string, Cell>();
  const handledCells = new Map<string, Map<GrpcStatus, Cell>>();
  return {
    text: () => metrics.text(),
    started: (path, kind) => {
      cached(startedCells, path, () => startedTotal.cell(labelsOf(path, kind))).value += 1;
    },
    handled: (path, kind, status) => {
      const byStatus = cached(handledCells, path, () => new Map<GrpcStatus, Cell>());
      const labels = (): Labels => ({ grpc_code: CODE_NAMES[status] ?? String(status), ...labelsOf(path, kind) });
      cached(byStatus, status, () => handledTotal.cell(labels())).value += 1;
    },
    healthSucceeded: metrics.counter("etcd_server_health_success", "Health checks that succeeded."),
    healthFailed: metrics.counter("etcd_server_health_failures", "Health checks that failed."),
  };
}

function cached<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function labelsOf(path: string, kind: Method["kind"]): Record<string, string> {
  const [, service = "", method = ""] = path.split("/");
  return { grpc_method: method, grpc_service: service, grpc_type: KIND_NAMES[kind] };
}
