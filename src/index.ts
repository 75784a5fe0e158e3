/**
 * What a program imports from `quorate`: `connect` to use a cluster of Quorate or etcd, `startMember` to run a member of
 * one inside the program's own process.
 *
 * @example
 * ```ts
 * import { connect } from "quorate";
 *
 * await using q = await connect("http://127.0.0.1:2379");
 * await q.lock("invoice/42").run(async (lock) => {
 *   await q.guard(lock).put("invoice/42/paid", "yes");
 * });
 * ```
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
 *
 * @packageDocumentation
 */
export { type ConnectOptions, connect } from "./coordination/connect.ts";
export * from "./core.ts";
export type { Address, ClusterId, Logger, MemberId } from "./environment.ts";
export type { AutoCompaction } from "./replica/housekeeping.ts";
export type { RunningMember } from "./server/assemble.ts";
export type { InitialMember } from "./server/bootstrap.ts";
export { startMember } from "./server/member.ts";
export type { MemberOptions } from "./server/member-options.ts";
export type { ConnectStoreOptions } from "./store/connect-store.ts";
export type { GrpcOptions, TlsOptions } from "./store/grpc/options.ts";
