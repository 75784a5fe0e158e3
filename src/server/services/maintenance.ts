/**
 * etcdserverpb.Maintenance: how this member is, alarms, hashes to compare members by, and who leads.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Clock } from "../../environment.ts";
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { type ActiveAlarm, AlarmType } from "../../keyspace/alarms.ts";
import { encodeCommand } from "../../keyspace/command.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import type { KeyspaceHash } from "../../keyspace/keyspace.ts";
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmRequestSchema,
  AlarmResponseSchema,
  DefragmentRequestSchema,
  DefragmentResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  HashRequestSchema,
  HashResponseSchema,
  MoveLeaderRequestSchema,
  MoveLeaderResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
  type AlarmType as WireAlarm,
} from "../../wire/gen/etcdserverpb/maintenance_pb.ts";
import type { Method } from "../front-door.ts";
import { unaryMethod } from "../messages.ts";
import { linearize, type ServiceContext } from "../service-context.ts";
import { ETCD_VERSION } from "../version.ts";

export function maintenanceMethods({ replica, view, clock, limits }: ServiceContext): Method[] {
  const hash = async (revision: number): Promise<KeyspaceHash> => {
    const image = replica.keyspace.freeze();
    try {
      return await runInSlices(clock, image.hash(revision));
    } finally {
      image.release();
    }
  };
  return [
    unaryMethod("/etcdserverpb.Maintenance/Status", StatusRequestSchema, StatusResponseSchema, () => {
      const { engine, liveBytes, historyBytes } = replica.status();
      const errors = replica.keyspace.alarms.list().map(alarmText);
      if (engine.leader === 0n) errors.push(etcdErrors.noLeader().message);
      return {
        header: view.wireHeader(),
        version: ETCD_VERSION,
        dbSize: BigInt(Math.round(liveBytes + historyBytes)),
        dbSizeInUse: BigInt(Math.round(liveBytes)),
        dbSizeQuota: BigInt(limits.quotaBytes),
        leader: engine.leader,
        raftIndex: BigInt(engine.commit),
        raftAppliedIndex: BigInt(engine.applied),
        raftTerm: BigInt(engine.epoch),
        isLearner: view.isLearner,
        errors,
      };
    }),
    unaryMethod(
      "/etcdserverpb.Maintenance/Alarm",
      AlarmRequestSchema,
      AlarmResponseSchema,
      async ({ action, memberID, alarm }) => {
        const list = (): ActiveAlarm[] => replica.keyspace.alarms.list();
        const answer = (alarms: readonly ActiveAlarm[]): MessageInitShape<typeof AlarmResponseSchema> => ({
          header: view.wireHeader(),
          alarms: alarms.map((one) => ({ memberID: one.memberId, alarm: one.alarm as WireAlarm })),
        });
        await linearize(replica);
        if (action === AlarmAction.GET) {
          return answer(list().filter((one) => alarm === AlarmType.none || one.alarm === alarm));
        }
        if (action !== AlarmAction.ACTIVATE && action !== AlarmAction.DEACTIVATE) {
          const message = `alarm action ${action} is unknown: 0 gets, 1 activates, 2 deactivates`;
          throw new QuorateError("UNKNOWN_ALARM_ACTION", GrpcStatus.invalidArgument, message);
        }
        const activate = action === AlarmAction.ACTIVATE;
        const before = list().some((one) => one.memberId === memberID && one.alarm === alarm);
        if (alarm === AlarmType.none || before === activate) {
          return answer(before ? [{ memberId: memberID, alarm }] : []);
        }
        await new Promise<void>((resolve, reject) => {
          const verb = activate ? "activate" : "deactivate";
          const command = encodeCommand({ type: "alarm", action: verb, memberId: memberID, alarm });
          replica.propose(command, (result) => (result.type === "error" ? reject(result.error) : resolve()));
        });
        return answer([{ memberId: memberID, alarm }]);
      },
    ),
    unaryMethod("/etcdserverpb.Maintenance/HashKV", HashKVRequestSchema, HashKVResponseSchema, async ({ revision }) => {
      const found = await hash(Number(revision));
      return {
        header: view.wireHeader(),
        hash: found.hash,
        hashRevision: BigInt(found.hashRevision),
        compactRevision: BigInt(found.compactRevision),
      };
    }),
    unaryMethod("/etcdserverpb.Maintenance/Hash", HashRequestSchema, HashResponseSchema, async () => {
      const found = await hash(0);
      return { header: view.wireHeader(found.hashRevision), hash: found.hash };
    }),
    // There are no holes to close: memory is taken and given back by the key, and history goes by compaction.
    unaryMethod("/etcdserverpb.Maintenance/Defragment", DefragmentRequestSchema, DefragmentResponseSchema, () => ({})),
    unaryMethod(
      "/etcdserverpb.Maintenance/MoveLeader",
      MoveLeaderRequestSchema,
      MoveLeaderResponseSchema,
      async ({ targetID }) => {
        if (!view.isLeader) throw etcdErrors.notLeader();
        const target = replica.keyspace.members.get(targetID);
        if (target === null || target.isLearner) throw etcdErrors.badLeaderTransferee();
        await replica.transferLeadership(targetID);
        return {};
      },
    ),
  ];
}

/** As etcd prints an alarm in its status. */
function alarmText({ memberId, alarm }: ActiveAlarm): string {
  const name = alarm === AlarmType.noSpace ? "NOSPACE" : alarm === AlarmType.corrupt ? "CORRUPT" : String(alarm);
  return `memberID:${memberId} alarm:${name} `;
}

/** Runs a computation that stops now and then, leaving the event loop free in between. */
function runInSlices<T>(clock: Clock, computation: Generator<void, T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const go = (): void => {
      try {
        const step = computation.next();
        if (step.done === true) resolve(step.value);
        else clock.soon(go);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    go();
  });
}
