/**
 * Services of etcd's that Quorate does not have yet. Clients are told so in words, instead of gRPC's "unknown method".
 */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import { AuthStatusRequestSchema, AuthStatusResponseSchema } from "../../wire/gen/etcdserverpb/auth_pb.ts";
import type { Method } from "../front-door.ts";
import { refuse, unaryMethod } from "../messages.ts";
import type { ServiceContext } from "../service-context.ts";

const AUTH = [
  "AuthEnable",
  "AuthDisable",
  "UserAdd",
  "UserGet",
  "UserList",
  "UserDelete",
  "UserChangePassword",
  "UserGrantRole",
  "UserRevokeRole",
  "RoleAdd",
  "RoleGet",
  "RoleList",
  "RoleDelete",
  "RoleGrantPermission",
  "RoleRevokePermission",
];

export function methodsNotYet({ view }: ServiceContext): Method[] {
  return [
    ...AUTH.map((name) => unimplemented("unary", `/etcdserverpb.Auth/${name}`, "users and roles")),
    // There are no users, and clients that are given a name and password take this as "none needed".
    {
      kind: "unary",
      path: "/etcdserverpb.Auth/Authenticate",
      handle: (_request, _call, answer) => refuse(answer, etcdErrors.authNotEnabled()),
    },
    unaryMethod("/etcdserverpb.Auth/AuthStatus", AuthStatusRequestSchema, AuthStatusResponseSchema, () => ({
      header: view.wireHeader(),
      enabled: false,
    })),
    unimplemented("unary", "/v3lockpb.Lock/Lock", "the lock service", "locks made of leases and transactions work"),
    unimplemented("unary", "/v3lockpb.Lock/Unlock", "the lock service", "locks made of leases and transactions work"),
    ...["Campaign", "Proclaim", "Leader", "Resign"].map((name) =>
      unimplemented("unary", `/v3electionpb.Election/${name}`, "the election service"),
    ),
    unimplemented("serverStream", "/v3electionpb.Election/Observe", "the election service"),
    unimplemented("unary", "/etcdserverpb.Maintenance/Downgrade", "a downgrade"),
    unimplemented(
      "serverStream",
      "/etcdserverpb.Maintenance/Snapshot",
      "a snapshot over the network",
      "a member that was stopped can be backed up by copying its data directory",
    ),
  ];
}

function unimplemented(kind: "unary" | "serverStream", path: string, what: string, instead?: string): Method {
  const advice = instead === undefined ? "" : `; ${instead}`;
  const message = `quorate does not offer ${what} yet (${path})${advice}`;
  const error = (): QuorateError => new QuorateError("UNIMPLEMENTED", GrpcStatus.unimplemented, message);
  if (kind === "unary") return { kind, path, handle: (_request, _call, answer) => refuse(answer, error()) };
  return { kind, path, handle: (_request, call) => call.end(error()) };
}
