/**
 * The questions a leader answers for other members, with their arguments checked: they come from the network.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import type { LeaseId } from "../wire/kv.ts";
import type { MemberChange, MemberChanged } from "./face.ts";
import { type Answer, Operation } from "./requests.ts";

export interface LeaderPorts {
  readonly leads: () => boolean;
  readonly renewLease: (id: LeaseId) => Promise<number>;
  readonly leaseTimeToLive: (id: LeaseId) => Promise<{ grantedTtl: number; ttl: number } | null>;
  readonly changeMembership: (change: MemberChange) => Promise<MemberChanged>;
}

export function leaderAnswers(ports: LeaderPorts): ReadonlyMap<number, Answer> {
  /** A question is passed on once only: a member that does not lead says so. */
  const asLeader =
    (answer: (args: Record<string, unknown>) => Promise<unknown>): Answer =>
    (args) => {
      if (!ports.leads()) return Promise.reject(etcdErrors.notLeader());
      return answer((args ?? {}) as Record<string, unknown>);
    };
  return new Map<number, Answer>([
    [Operation.renewLease, asLeader(async ({ id }) => await ports.renewLease(toId(id)))],
    [Operation.leaseTimeToLive, asLeader(async ({ id }) => await ports.leaseTimeToLive(toId(id)))],
    [
      Operation.changeMembership,
      asLeader(async (args) => (await ports.changeMembership(toChange(args))).member.id.toString()),
    ],
  ]);
}

function malformed(what: string): QuorateError {
  return new QuorateError("MALFORMED_REQUEST", GrpcStatus.invalidArgument, `malformed request from a member: ${what}`);
}

function toId(value: unknown): bigint {
  if (typeof value === "string" && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  throw malformed(`id ${String(value)}`);
}

function toChange(args: Record<string, unknown>): MemberChange {
  const { type, id, peerUrls, learner } = args;
  if (type === "remove" || type === "promote") return { type, id: toId(id) };
  const urls: unknown[] = Array.isArray(peerUrls) ? peerUrls : [];
  if (type === "add" && urls.length > 0 && urls.every((url) => typeof url === "string")) {
    return { type, peerUrls: urls, learner: learner === true };
  }
  throw malformed(`change ${String(type)}`);
}
