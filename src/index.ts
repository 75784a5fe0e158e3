/**
 * What a program imports from `quorate`.
 *
 * So far: a member of a cluster, run inside the program's own process. Reads and writes go over the etcd v3 protocol to
 * the member's client addresses, with any etcd client.
 *
 * @example
 * ```ts
 * import { startMember } from "quorate";
 *
 * const member = await startMember({
 *   name: "n1",
 *   dataDir: "./n1",
 *   listenClientUrls: ["http://127.0.0.1:2379"],
 *   advertiseClientUrls: ["http://127.0.0.1:2379"],
 *   listenPeerUrls: ["http://127.0.0.1:2380"],
 *   initialAdvertisePeerUrls: ["http://127.0.0.1:2380"],
 *   initialCluster: [{ name: "n1", peerUrls: ["http://127.0.0.1:2380"] }],
 *   initialClusterState: "new",
 *   initialClusterToken: "my-cluster",
 * });
 * await member.stop();
 * ```
 */
export type { Address, ClusterId, Logger, MemberId } from "./environment.ts";
export { GrpcStatus, InvariantViolation, QuorateError } from "./errors.ts";
export type { AutoCompaction } from "./replica/housekeeping.ts";
export type { RunningMember } from "./server/assemble.ts";
export type { InitialMember } from "./server/bootstrap.ts";
export { startMember } from "./server/member.ts";
export type { MemberOptions } from "./server/member-options.ts";
