/**
 * Is this member alive, and can it serve? The checks behind `/health`, `/livez` and `/readyz`, as etcd has them.
 */
import { AlarmType } from "../keyspace/alarms.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import type { Replica } from "../replica/face.ts";
import type { RangeRequest } from "../wire/kv.ts";
import type { ClusterView } from "./cluster-view.ts";
import { linearize } from "./service-context.ts";

export interface HealthPorts {
  readonly replica: Replica;
  readonly view: ClusterView;
}

/** What is wrong; null: nothing. */
export type Complaint = string | null;

export interface Check {
  readonly name: string;
  readonly run: () => Promise<Complaint>;
}

/** `/health`: alarms, then a leader, then a read. `exclude` names alarms that do not count. */
export async function health(
  ports: HealthPorts,
  options: { serializable: boolean; exclude: ReadonlySet<string> },
): Promise<Complaint> {
  for (const { alarm } of ports.replica.keyspace.alarms.list()) {
    const name = alarmName(alarm);
    if (!options.exclude.has(name)) return `ALARM ${name}`;
  }
  if (!options.serializable && !ports.view.hasLeader) return "RAFT NO LEADER";
  const complaint = options.serializable ? serializableRead(ports) : await linearizableRead(ports);
  return complaint === null ? null : `RANGE ERROR:${complaint}`;
}

/** Whether the process should be left running. */
export function liveChecks(ports: HealthPorts): Check[] {
  return [{ name: "serializable_read", run: () => Promise.resolve(serializableRead(ports)) }];
}

/** Whether clients should be sent here. */
export function readyChecks(ports: HealthPorts): Check[] {
  return [
    {
      name: "data_corruption",
      run: () =>
        Promise.resolve(ports.replica.keyspace.alarms.has(AlarmType.corrupt) ? "alarm activated: CORRUPT" : null),
    },
    ...liveChecks(ports),
    { name: "linearizable_read", run: () => linearizableRead(ports) },
    {
      name: "non_learner",
      run: () => Promise.resolve(ports.view.isLearner ? etcdErrors.notSupportedForLearner().message : null),
    },
  ];
}

function alarmName(alarm: number): string {
  switch (alarm) {
    case AlarmType.noSpace:
      return "NOSPACE";
    case AlarmType.corrupt:
      return "CORRUPT";
    default:
      return "UNKNOWN";
  }
}

const ONE_KEY: RangeRequest = {
  key: "\0",
  rangeEnd: "\0",
  limit: 1,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: true,
  keysOnly: true,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};

function serializableRead({ replica }: HealthPorts): Complaint {
  try {
    replica.keyspace.range(ONE_KEY);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function linearizableRead({ replica }: HealthPorts): Promise<Complaint> {
  try {
    await linearize(replica);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
