/**
 * etcdserverpb.Lease. Grants and revocations go through the log; renewals and times left are the leader's to know, and
 * are not logged.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { encodeCommand } from "../../keyspace/command.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import type { CommandResult } from "../../keyspace/keyspace.ts";
import { bytesOf } from "../../wire/byte-string.ts";
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesRequestSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from "../../wire/gen/etcdserverpb/lease_pb.ts";
import type { BidiCall, Method } from "../front-door.ts";
import { decodeMessage, encodeMessage, errorFor, unaryMethod } from "../messages.ts";
import { linearize, type ServiceContext } from "../service-context.ts";
import { LEASE_COST, type SpaceGuard } from "../space-guard.ts";

/** Seconds; etcd's limit. */
const MAX_TTL = 9_000_000_000n;
/** Renewals of one stream that wait for the leader at once; more are not read until some are answered. */
const MAX_RENEWALS_UNDER_WAY = 256;

export function leaseMethods(context: ServiceContext, space: SpaceGuard): Method[] {
  const { replica, view, random, limits } = context;
  const execute = (command: Uint8Array): Promise<Exclude<CommandResult, { type: "error" }>> =>
    new Promise((resolve, reject) => {
      replica.propose(command, (result) => (result.type === "error" ? reject(result.error) : resolve(result)));
    });

  return [
    unaryMethod(
      "/etcdserverpb.Lease/LeaseGrant",
      LeaseGrantRequestSchema,
      LeaseGrantResponseSchema,
      async ({ TTL, ID }) => {
        if (TTL > MAX_TTL) throw etcdErrors.leaseTtlTooLarge();
        space.check(LEASE_COST);
        const ttl = Math.max(Number(TTL), limits.minLeaseTtlSeconds);
        // Chosen here, so that all members apply the same: positive, as etcd's.
        const id = ID === 0n ? BigInt.asUintN(63, random.uint64()) || 1n : ID;
        const result = await execute(encodeCommand({ type: "leaseGrant", id, ttl }));
        const granted = result.type === "leaseGrant" ? result : { id, ttl };
        return { header: view.wireHeader(result.revision), ID: granted.id, TTL: BigInt(granted.ttl) };
      },
    ),
    unaryMethod(
      "/etcdserverpb.Lease/LeaseRevoke",
      LeaseRevokeRequestSchema,
      LeaseRevokeResponseSchema,
      async ({ ID }) => {
        const { revision } = await execute(encodeCommand({ type: "leaseRevoke", id: ID }));
        return { header: view.wireHeader(revision) };
      },
    ),
    {
      kind: "bidi",
      path: "/etcdserverpb.Lease/LeaseKeepAlive",
      handle: (call) => keepAlive(context, call),
    },
    unaryMethod(
      "/etcdserverpb.Lease/LeaseTimeToLive",
      LeaseTimeToLiveRequestSchema,
      LeaseTimeToLiveResponseSchema,
      async ({ ID, keys }): Promise<MessageInitShape<typeof LeaseTimeToLiveResponseSchema>> => {
        const time = await replica.leaseTimeToLive(ID);
        if (time === null) return { header: view.wireHeader(), ID, TTL: -1n };
        if (keys) await linearize(replica);
        return {
          header: view.wireHeader(),
          ID,
          TTL: BigInt(time.ttl),
          grantedTTL: BigInt(time.grantedTtl),
          keys: keys ? Array.from(replica.keyspace.leases.keys(ID), bytesOf) : [],
        };
      },
    ),
    unaryMethod("/etcdserverpb.Lease/LeaseLeases", LeaseLeasesRequestSchema, LeaseLeasesResponseSchema, async () => {
      await linearize(replica);
      const leases = Array.from(replica.keyspace.leases.list(), ({ id }) => ({ ID: id }));
      return { header: view.wireHeader(), leases };
    }),
  ];
}

/** Renews leases as long as the client asks, and answers in the order of its questions. */
function keepAlive({ replica, view }: ServiceContext, call: BidiCall): void {
  let underWay = 0;
  let clientDone = false;
  let last: Promise<void> = Promise.resolve();
  const flow = (): void => {
    if (underWay < MAX_RENEWALS_UNDER_WAY && call.writable) call.resume();
    else call.pause();
  };
  const renew = async (ID: bigint, before: Promise<void>): Promise<void> => {
    // The header is from before the renewal: a renewal changes no revision.
    const header = view.wireHeader();
    const renewed = replica.renewLease(ID);
    // Waited for in order below; if an earlier one fails, nobody waits for this one any more.
    renewed.catch(() => undefined);
    await before;
    // An unknown or expired lease is no error of the stream, which may keep others alive: its time to live is 0.
    const TTL = BigInt(await renewed);
    call.write(encodeMessage(LeaseKeepAliveResponseSchema, { header, ID, TTL }));
  };
  call.onMessage((bytes) => {
    let id: bigint;
    try {
      id = decodeMessage(LeaseKeepAliveRequestSchema, bytes).ID;
    } catch (error) {
      call.end(errorFor(error));
      return;
    }
    underWay += 1;
    flow();
    last = renew(id, last);
    last.then(
      () => {
        underWay -= 1;
        if (clientDone && underWay === 0) call.end();
        else flow();
      },
      (error: unknown) => call.end(errorFor(error)),
    );
  });
  call.onDrain(flow);
  call.onEnd(() => {
    clientDone = true;
    if (underWay === 0) call.end();
  });
}
