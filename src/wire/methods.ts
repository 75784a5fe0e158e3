/**
 * The calls of the etcd v3 API that clients make: path, codec, and whether a call may be repeated elsewhere after the
 * connection broke. A write may not: it could have taken effect.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import * as auth from "./gen/etcdserverpb/auth_pb.ts";
import * as cluster from "./gen/etcdserverpb/cluster_pb.ts";
import * as leases from "./gen/etcdserverpb/lease_pb.ts";
import * as maintenance from "./gen/etcdserverpb/maintenance_pb.ts";
import * as watches from "./gen/etcdserverpb/watch_pb.ts";
import type {
  CompactionRequest,
  DeleteRangeRequest,
  DeleteRangeResult,
  PutRequest,
  PutResult,
  RangeRequest,
  RangeResult,
  ResponseHeader,
  TxnRequest,
  TxnResult,
  WatchResponse,
} from "./kv.ts";
import * as codec from "./kv-codec.ts";

/** One remote procedure. */
export interface Method<Request, Response> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly repeatable: boolean;
  encode(request: Request): Uint8Array;
  decode(bytes: Uint8Array): Response;
}

const KV = "/etcdserverpb.KV";

export const range: Method<RangeRequest, codec.Response<RangeResult>> = {
  path: `${KV}/Range`,
  repeatable: true,
  encode: codec.encodeRangeRequest,
  decode: codec.decodeRangeResponse,
};
export const put: Method<PutRequest, codec.Response<PutResult>> = {
  path: `${KV}/Put`,
  repeatable: false,
  encode: codec.encodePutRequest,
  decode: codec.decodePutResponse,
};
export const deleteRange: Method<DeleteRangeRequest, codec.Response<DeleteRangeResult>> = {
  path: `${KV}/DeleteRange`,
  repeatable: false,
  encode: codec.encodeDeleteRangeRequest,
  decode: codec.decodeDeleteRangeResponse,
};
export const txn: Method<TxnRequest, codec.Response<TxnResult>> = {
  path: `${KV}/Txn`,
  repeatable: false,
  encode: codec.encodeTxnRequest,
  decode: codec.decodeTxnResponse,
};
/** The reply's header has the store's revision. */
export const compact: Method<CompactionRequest, ResponseHeader> = {
  path: `${KV}/Compact`,
  repeatable: false,
  encode: codec.encodeCompactionRequest,
  decode: codec.decodeCompactionResponse,
};
export type WatchRequest = MessageInitShape<typeof watches.WatchRequestSchema>;

export const watch: Method<WatchRequest, WatchResponse> = {
  path: "/etcdserverpb.Watch/Watch",
  repeatable: true,
  encode: (request) => toBinary(watches.WatchRequestSchema, create(watches.WatchRequestSchema, request)),
  decode: codec.decodeWatchResponse,
};

/** A method whose messages are encoded by generated code. */
function generated<Q extends DescMessage, R extends DescMessage>(
  path: string,
  request: Q,
  response: R,
  repeatable: boolean,
): Method<MessageInitShape<Q>, MessageShape<R>> {
  return {
    path: `/etcdserverpb.${path}`,
    repeatable,
    encode: (message) => toBinary(request, create(request, message)),
    decode: (bytes) => fromBinary(response, bytes),
  };
}

type Generated<Q extends DescMessage, R extends DescMessage> = Method<MessageInitShape<Q>, MessageShape<R>>;

export const leaseGrant: Generated<typeof leases.LeaseGrantRequestSchema, typeof leases.LeaseGrantResponseSchema> =
  generated("Lease/LeaseGrant", leases.LeaseGrantRequestSchema, leases.LeaseGrantResponseSchema, false);
export const leaseRevoke: Generated<typeof leases.LeaseRevokeRequestSchema, typeof leases.LeaseRevokeResponseSchema> =
  generated("Lease/LeaseRevoke", leases.LeaseRevokeRequestSchema, leases.LeaseRevokeResponseSchema, false);
export const leaseKeepAlive: Generated<
  typeof leases.LeaseKeepAliveRequestSchema,
  typeof leases.LeaseKeepAliveResponseSchema
> = generated("Lease/LeaseKeepAlive", leases.LeaseKeepAliveRequestSchema, leases.LeaseKeepAliveResponseSchema, true);
export const leaseTimeToLive: Generated<
  typeof leases.LeaseTimeToLiveRequestSchema,
  typeof leases.LeaseTimeToLiveResponseSchema
> = generated("Lease/LeaseTimeToLive", leases.LeaseTimeToLiveRequestSchema, leases.LeaseTimeToLiveResponseSchema, true);
export const leaseList: Generated<typeof leases.LeaseLeasesRequestSchema, typeof leases.LeaseLeasesResponseSchema> =
  generated("Lease/LeaseLeases", leases.LeaseLeasesRequestSchema, leases.LeaseLeasesResponseSchema, true);

export const memberList: Generated<typeof cluster.MemberListRequestSchema, typeof cluster.MemberListResponseSchema> =
  generated("Cluster/MemberList", cluster.MemberListRequestSchema, cluster.MemberListResponseSchema, true);
export const memberAdd: Generated<typeof cluster.MemberAddRequestSchema, typeof cluster.MemberAddResponseSchema> =
  generated("Cluster/MemberAdd", cluster.MemberAddRequestSchema, cluster.MemberAddResponseSchema, false);
export const memberRemove: Generated<
  typeof cluster.MemberRemoveRequestSchema,
  typeof cluster.MemberRemoveResponseSchema
> = generated("Cluster/MemberRemove", cluster.MemberRemoveRequestSchema, cluster.MemberRemoveResponseSchema, false);
export const memberUpdate: Generated<
  typeof cluster.MemberUpdateRequestSchema,
  typeof cluster.MemberUpdateResponseSchema
> = generated("Cluster/MemberUpdate", cluster.MemberUpdateRequestSchema, cluster.MemberUpdateResponseSchema, false);
export const memberPromote: Generated<
  typeof cluster.MemberPromoteRequestSchema,
  typeof cluster.MemberPromoteResponseSchema
> = generated("Cluster/MemberPromote", cluster.MemberPromoteRequestSchema, cluster.MemberPromoteResponseSchema, false);

export const status: Generated<typeof maintenance.StatusRequestSchema, typeof maintenance.StatusResponseSchema> =
  generated("Maintenance/Status", maintenance.StatusRequestSchema, maintenance.StatusResponseSchema, true);
export const alarm: Generated<typeof maintenance.AlarmRequestSchema, typeof maintenance.AlarmResponseSchema> =
  generated("Maintenance/Alarm", maintenance.AlarmRequestSchema, maintenance.AlarmResponseSchema, false);
export const hashKv: Generated<typeof maintenance.HashKVRequestSchema, typeof maintenance.HashKVResponseSchema> =
  generated("Maintenance/HashKV", maintenance.HashKVRequestSchema, maintenance.HashKVResponseSchema, true);
export const moveLeader: Generated<
  typeof maintenance.MoveLeaderRequestSchema,
  typeof maintenance.MoveLeaderResponseSchema
> = generated(
  "Maintenance/MoveLeader",
  maintenance.MoveLeaderRequestSchema,
  maintenance.MoveLeaderResponseSchema,
  false,
);

/** Repeatable: one token more is no harm. */
export const authenticate: Generated<typeof auth.AuthenticateRequestSchema, typeof auth.AuthenticateResponseSchema> =
  generated("Auth/Authenticate", auth.AuthenticateRequestSchema, auth.AuthenticateResponseSchema, true);
