/**
 * What a program imports from `quorate`: `start` to run a member of its own in a thread, `connect` to use a cluster of
 * Quorate or etcd elsewhere, with the same in hand; `startMember` for a member without a program of its own.
 *
 * @example
 * ```ts
 * import { start } from "quorate";
 *
 * await using q = await start({ dataDir: "./data" });
 * await q.counter("visits").add(1);
 * ```
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
export { type StartOptions, start } from "./coordination/start.ts";
export * from "./core.ts";
export { type ServiceFetch, type ServiceFetchOptions, serviceFetch } from "./discovery/adapters/service-fetch.ts";
export type { CheckTiming } from "./discovery/checks/check-timing.ts";
export { commandCheck } from "./discovery/checks/command-check.ts";
export { type GrpcCheckOptions, grpcCheck } from "./discovery/checks/grpc-check.ts";
export { type HttpCheckOptions, httpCheck } from "./discovery/checks/http-check.ts";
export { tcpCheck } from "./discovery/checks/tcp-check.ts";
export { type DnsOptions, type DnsServer, serveDns } from "./discovery/dns/serve-dns.ts";
export type { Address, ClusterId, Logger, MemberId } from "./environment.ts";
export type { AutoCompaction } from "./replica/housekeeping.ts";
export type { RunningMember, StopOptions } from "./server/assemble.ts";
export type { InitialMember } from "./server/bootstrap.ts";
export { startMember } from "./server/member.ts";
export type { MemberOptions } from "./server/member-options.ts";
export type { EmbeddedMemberOptions } from "./server/thread/options.ts";
export type { StartStoreOptions } from "./server/thread/start-store.ts";
export type { ConnectStoreOptions } from "./store/connect-store.ts";
export type { GrpcOptions, TlsOptions } from "./store/grpc/options.ts";
