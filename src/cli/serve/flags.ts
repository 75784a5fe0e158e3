/**
 * Every flag of `quorate serve`: etcd's names where etcd has the thing, and etcd's flags that Quorate does not have yet,
 * so that they can be refused by name.
 */

import { engines } from "../../consensus/engines.ts";
import { maxMembers } from "../../consensus/membership.ts";

/** How a flag's text is read. */
export type FlagKind =
  | { readonly type: "text" }
  | { readonly type: "listen" | "advertise" }
  | { readonly type: "cluster" }
  | { readonly type: "integer"; readonly min: number; readonly max: number; readonly unit: string }
  | { readonly type: "boolean" }
  | { readonly type: "choice"; readonly values: readonly string[] }
  | { readonly type: "retention" }
  | { readonly type: "duration"; readonly minMs: number; readonly maxMs: number };

/** Without dashes, as etcd writes them. */
export type FlagName =
  | "name"
  | "data-dir"
  | "listen-client-urls"
  | "advertise-client-urls"
  | "listen-peer-urls"
  | "initial-advertise-peer-urls"
  | "listen-metrics-urls"
  | "initial-cluster"
  | "initial-cluster-state"
  | "initial-cluster-token"
  | "heartbeat-interval"
  | "election-timeout"
  | "priority"
  | "pre-vote"
  | "lease-reads"
  | "engine"
  | "phase2-quorum"
  | "snapshot-count"
  | "snapshot-catchup-entries"
  | "quota-backend-bytes"
  | "history-budget-bytes"
  | "auto-compaction-mode"
  | "auto-compaction-retention"
  | "max-request-bytes"
  | "max-txn-ops"
  | "max-concurrent-streams"
  | "watch-progress-notify-interval"
  | "strict-reconfig-check"
  | "log-level"
  | "log-format";

export interface Flag {
  readonly name: FlagName;
  readonly kind: FlagKind;
  /** As the user would write it; undefined if it follows from other flags (said in `help`). */
  readonly fallback?: string;
  readonly help: string;
}

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

const integer = (min: number, max: number, unit: string): FlagKind => ({ type: "integer", min, max, unit });
const text: FlagKind = { type: "text" };
const boolean: FlagKind = { type: "boolean" };
const choice = (...values: string[]): FlagKind => ({ type: "choice", values });

export const flags: readonly Flag[] = [
  { name: "name", kind: text, fallback: "default", help: "this member's name, unique in the cluster" },
  { name: "data-dir", kind: text, help: "where its data is kept (default: <name>.quorate)" },
  {
    name: "listen-client-urls",
    kind: { type: "listen" },
    fallback: "http://localhost:2379",
    help: "where it listens for clients",
  },
  {
    name: "advertise-client-urls",
    kind: { type: "advertise" },
    help: "where clients are told to reach it (default: --listen-client-urls)",
  },
  {
    name: "listen-peer-urls",
    kind: { type: "listen" },
    fallback: "http://localhost:2380",
    help: "where it listens for other members",
  },
  {
    name: "initial-advertise-peer-urls",
    kind: { type: "advertise" },
    help: "where other members are told to reach it (default: --listen-peer-urls)",
  },
  { name: "listen-metrics-urls", kind: { type: "listen" }, help: "more addresses that answer /metrics and /health" },
  {
    name: "initial-cluster",
    kind: { type: "cluster" },
    help: "all members as name=peer-url, separated by commas (default: this one alone)",
  },
  {
    name: "initial-cluster-state",
    kind: choice("new", "existing"),
    fallback: "new",
    help: "new: all start together; existing: this one was added to a running cluster",
  },
  {
    name: "initial-cluster-token",
    kind: text,
    fallback: "quorate-cluster",
    help: "tells clusters apart that were made from the same URLs",
  },
  {
    name: "heartbeat-interval",
    kind: integer(10, 10_000, "milliseconds"),
    fallback: "100",
    help: "milliseconds between a leader's heartbeats",
  },
  {
    name: "election-timeout",
    kind: integer(50, 50_000, "milliseconds"),
    fallback: "1000",
    help: "milliseconds without a leader before a member stands for election; at least 5 heartbeats",
  },
  {
    name: "priority",
    kind: integer(0, 100, "priority"),
    fallback: "0",
    help: "members with a higher number are preferred as leader",
  },
  { name: "pre-vote", kind: boolean, fallback: "true", help: "always on: ask before disturbing a leader" },
  {
    name: "lease-reads",
    kind: boolean,
    fallback: "false",
    help: "linearizable reads from the leader's lease (trusts clocks to run alike), not a round of heartbeats",
  },
  {
    name: "engine",
    kind: choice(...engines.keys()),
    help: "the consensus protocol of a new cluster; raft unless given",
  },
  {
    name: "phase2-quorum",
    kind: integer(1, maxMembers, "members"),
    help: "with paxos, in a new cluster: members that must have a write on disk; fewer mean more for an election (default: a majority)",
  },
  {
    name: "snapshot-count",
    kind: integer(10, 100_000_000, "entries"),
    fallback: "100000",
    help: "log entries between two snapshots",
  },
  {
    name: "snapshot-catchup-entries",
    kind: integer(0, 100_000_000, "entries"),
    fallback: "5000",
    help: "log entries kept behind a snapshot for slow members",
  },
  {
    name: "quota-backend-bytes",
    kind: integer(0, 64 * GIB, "bytes"),
    fallback: String(2 * GIB),
    help: "bytes of live data before writes are refused; 0: the default",
  },
  {
    name: "history-budget-bytes",
    kind: integer(0, 64 * GIB, "bytes"),
    fallback: String(256 * MIB),
    help: "bytes of old versions to keep; beyond it the oldest are compacted; 0: no budget",
  },
  {
    name: "auto-compaction-mode",
    kind: choice("periodic", "revision"),
    fallback: "periodic",
    help: "whether the retention is a time or a number of revisions",
  },
  {
    name: "auto-compaction-retention",
    kind: { type: "retention" },
    fallback: "0",
    help: "history to keep: 30m, or hours as a number (periodic); revisions (revision); 0: only the history budget limits it",
  },
  {
    name: "max-request-bytes",
    kind: integer(1024, 10 * MIB, "bytes"),
    fallback: String(1.5 * MIB),
    help: "the largest request a client may send",
  },
  {
    name: "max-txn-ops",
    kind: integer(1, 10_000, "operations"),
    fallback: "128",
    help: "the most operations in a transaction",
  },
  {
    name: "max-concurrent-streams",
    kind: integer(1, 4_294_967_295, "streams"),
    fallback: "4294967295",
    help: "the most streams a client connection may have open",
  },
  {
    name: "watch-progress-notify-interval",
    kind: { type: "duration", minMs: 100, maxMs: 86_400_000 },
    fallback: "10m",
    help: "time between notices to quiet watchers that ask for them",
  },
  {
    name: "strict-reconfig-check",
    kind: boolean,
    fallback: "true",
    help: "refuse membership changes that would lose the quorum",
  },
  { name: "log-level", kind: choice("debug", "info", "warn", "error"), fallback: "info", help: "what is logged" },
  {
    name: "log-format",
    kind: choice("json", "console"),
    fallback: "json",
    help: "how it is logged, on standard error",
  },
];

/** Only on the command line and in the environment, since it says where the file is. */
export const CONFIG_FILE_FLAG = "config-file";

/** `--listen-client-urls` → `QUORATE_LISTEN_CLIENT_URLS`. */
export function variableOf(name: string): string {
  return `QUORATE_${name.toUpperCase().replaceAll("-", "_")}`;
}

export function flagNamed(name: string): Flag | undefined {
  return flags.find((flag) => flag.name === name);
}

/** What etcd has and Quorate does not, by topic; the first word says what is missing. */
const unsupported: readonly { readonly what: string; readonly names: readonly string[] }[] = [
  {
    what: "TLS",
    names: [
      "cert-file",
      "key-file",
      "client-cert-file",
      "client-key-file",
      "client-cert-auth",
      "client-crl-file",
      "client-cert-allowed-hostname",
      "trusted-ca-file",
      "ca-file",
      "auto-tls",
      "peer-cert-file",
      "peer-key-file",
      "peer-client-cert-file",
      "peer-client-key-file",
      "peer-client-cert-auth",
      "peer-trusted-ca-file",
      "peer-ca-file",
      "peer-auto-tls",
      "peer-cert-allowed-cn",
      "peer-cert-allowed-hostname",
      "peer-crl-file",
      "peer-skip-client-san-verification",
      "self-signed-cert-validity",
      "cipher-suites",
      "tls-min-version",
      "tls-max-version",
      "client-transport-security",
      "peer-transport-security",
    ],
  },
  { what: "authentication", names: ["auth-token", "auth-token-ttl", "bcrypt-cost"] },
  {
    what: "discovery",
    names: [
      "discovery",
      "discovery-fallback",
      "discovery-proxy",
      "discovery-srv",
      "discovery-srv-name",
      "discovery-token",
      "discovery-endpoints",
    ],
  },
  {
    what: "proxy mode",
    names: [
      "proxy",
      "proxy-failure-wait",
      "proxy-refresh-interval",
      "proxy-dial-timeout",
      "proxy-write-timeout",
      "proxy-read-timeout",
    ],
  },
  { what: "the v2 API", names: ["enable-v2", "v2-deprecation"] },
  { what: "the JSON gateway", names: ["enable-grpc-gateway", "cors", "host-whitelist", "listen-client-http-urls"] },
  {
    what: "tuning of bbolt, which Quorate does not use,",
    names: ["backend-batch-interval", "backend-batch-limit", "backend-bbolt-freelist-type"],
  },
  {
    what: "this setting",
    names: [
      "wal-dir",
      "max-wals",
      "max-snapshots",
      "max-learners",
      "memory-mlock",
      "initial-election-tick-advance",
      "raft-read-timeout",
      "raft-write-timeout",
      "grpc-keepalive-min-time",
      "grpc-keepalive-interval",
      "grpc-keepalive-timeout",
      "socket-reuse-port",
      "socket-reuse-address",
      "local-address",
      "enable-pprof",
      "metrics",
      "logger",
      "log-outputs",
      "log-package-levels",
      "enable-log-rotation",
      "log-rotation-config-json",
      "debug",
      "enable-distributed-tracing",
      "distributed-tracing-address",
      "distributed-tracing-service-name",
      "distributed-tracing-instance-id",
      "distributed-tracing-sampling-rate",
      "warning-apply-duration",
      "warning-unary-request-duration",
      "compaction-batch-limit",
      "compaction-sleep-interval",
      "compact-hash-check-enabled",
      "compact-hash-check-time",
      "corrupt-check-time",
      "downgrade-check-time",
      "lease-checkpoint",
      "bootstrap-defrag-threshold-megabytes",
      "feature-gates",
      "unsafe-no-fsync",
      "force-new-cluster",
    ],
  },
];

/** What to tell who uses a flag of etcd that Quorate does not have; null for any other name. */
export function unsupportedReason(name: string): string | null {
  if (name.startsWith("experimental-")) return "etcd's experimental flags are not supported; leave it out";
  const topic = unsupported.find(({ names }) => names.includes(name));
  return topic === undefined ? null : `${topic.what} is not supported yet; leave it out`;
}
