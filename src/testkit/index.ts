/**
 * `quorate/testing`: a cluster in memory, in virtual time, for the tests of programs that use Quorate.
 *
 * @example
 * ```ts
 * import { testCluster } from "quorate/testing";
 *
 * await using cluster = await testCluster({ members: 3 });
 * const q = await cluster.connect();
 * await q.kv.put("config/rate", "100");
 * cluster.leader?.crash();
 * await q.kv.get("config/rate"); // the others go on
 * ```
 *
 * @packageDocumentation
 */
export { type TestClusterOptions } from "./options.ts";
export { type Party, type TestCluster, type TestConnectOptions, testCluster } from "./test-cluster.ts";
export type { TestMember } from "./test-member.ts";
export type { TestProgram } from "./test-program.ts";
export type { ClockMode } from "./test-time.ts";
