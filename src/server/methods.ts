/**
 * Every call that a member answers, behind its gate: what a front door serves, and what the simulator's clients call.
 */
import type { Environment } from "../environment.ts";
import type { Replica } from "../replica/face.ts";
import { ClusterView } from "./cluster-view.ts";
import type { Method } from "./front-door.ts";
import { Gate } from "./gate.ts";
import { createServerMetrics, type ServerMetrics } from "./server-metrics.ts";
import type { ServiceContext, ServiceLimits } from "./service-context.ts";
import { clusterMethods } from "./services/cluster.ts";
import { healthMethods } from "./services/health.ts";
import { kvMethods } from "./services/kv.ts";
import { leaseMethods } from "./services/lease.ts";
import { maintenanceMethods } from "./services/maintenance.ts";
import { methodsNotYet } from "./services/not-yet.ts";
import { watchMethods } from "./services/watch.ts";
import { SpaceGuard } from "./space-guard.ts";

/** What the services of one member are told. */
export interface MethodOptions {
  /** Bytes of one request, 1.5 MiB unless given; messages above it and 512 KiB more are not even read. */
  readonly maxRequestBytes?: number;
  /** Operations of one transaction; 128 unless given. */
  readonly maxTxnOps?: number;
  /** Bytes of live data; 2 GiB unless given, 0 for any. */
  readonly quotaBytes?: number;
  /** What the engine uses; 1000 unless given. */
  readonly electionTimeoutMs?: number;
  /** How often idle watchers that ask for it are told of progress; 10 minutes unless given, at least 100 ms. */
  readonly watchProgressIntervalMs?: number;
}

export interface MethodTable {
  readonly methods: readonly Method[];
  readonly view: ClusterView;
  readonly metrics: ServerMetrics;
  readonly limits: ServiceLimits;
  /** Ends open streams with `server stopped`, and takes no more calls. */
  refuse(): void;
  /** Lets go of the replica. */
  close(): void;
}

const MIN_PROGRESS_INTERVAL_MS = 100;
const MAX_WATCHERS_PER_STREAM = 1_000_000;

export function createMethods(
  replica: Replica,
  { clock, random }: Pick<Environment, "clock" | "random">,
  options: MethodOptions = {},
): MethodTable {
  const electionTimeoutMs = options.electionTimeoutMs ?? 1_000;
  const limits: ServiceLimits = {
    maxRequestBytes: options.maxRequestBytes ?? 1.5 * 1024 * 1024,
    maxTxnOps: options.maxTxnOps ?? 128,
    quotaBytes: options.quotaBytes ?? 2 * 1024 ** 3,
    minLeaseTtlSeconds: Math.ceil((1.5 * electionTimeoutMs) / 1_000),
    progressIntervalMs: Math.max(MIN_PROGRESS_INTERVAL_MS, options.watchProgressIntervalMs ?? 600_000),
    maxWatchersPerStream: MAX_WATCHERS_PER_STREAM,
  };
  const view = new ClusterView(replica);
  const context: ServiceContext = { replica, view, clock, random, limits };
  const metrics = createServerMetrics(replica, view, () => gate.openStreams);
  const gate: Gate = new Gate({
    view,
    clock,
    electionTimeoutMs,
    started: metrics.started,
    handled: metrics.handled,
  });
  const space = new SpaceGuard(replica, limits.quotaBytes);
  const methods = [
    ...kvMethods(context, space),
    ...watchMethods(context),
    ...leaseMethods(context, space),
    ...clusterMethods(context),
    ...maintenanceMethods(context),
    ...healthMethods(context),
    ...methodsNotYet(context),
  ];
  return {
    methods: methods.map((method) => gate.guard(method)),
    view,
    metrics,
    limits,
    refuse: () => gate.close(),
    close: () => view.close(),
  };
}
