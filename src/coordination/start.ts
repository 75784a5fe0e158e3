import { type StartStoreOptions, startStore } from "../server/thread/start-store.ts";
import { Quorate, type QuorateOptions } from "./quorate.ts";

export interface StartOptions extends StartStoreOptions, QuorateOptions {}

/**
 * Runs a member in a thread of this process, and gives the same as `connect`: no other server is needed, and no port.
 *
 * Its data is in `dataDir` and survives the process. The member has an event loop of its own: while the program's stands
 * still, a leader goes on leading, and leases of others go on living. Several processes form a cluster when each is told
 * of all in `initialCluster`. `close()` lets the member hand leadership over and ends the thread; a program that does not
 * close it, and has nothing else to do, ends all the same, and loses nothing that was acknowledged.
 *
 * @throws QuorateError `INVALID_ARGUMENT` naming the option that cannot be used; `DATA_DIR` if the data directory is in
 *   use, another member's, or cannot be written to; `DATA_CORRUPT`; `LISTEN` and `PEER_LISTEN` naming the address;
 *   `CLUSTER_UNREACHABLE` for a member that joins and finds nobody; `CONFIG`; `ABORTED`; `MEMBER_FAILED` for all else
 * @example
 * ```ts
 * await using q = await start({ dataDir: "./data" });
 * await q.kv.put("config/rate", "100");
 * ```
 * @example
 * ```ts
 * // The same program in three processes, each with its own name.
 * await using q = await start({
 *   name: process.env.NAME,
 *   initialCluster: [
 *     { name: "a", peerUrls: ["http://10.0.0.1:2380"] },
 *     { name: "b", peerUrls: ["http://10.0.0.2:2380"] },
 *     { name: "c", peerUrls: ["http://10.0.0.3:2380"] },
 *   ],
 * });
 * await q.election("office").campaign("here I am");
 * ```
 */
export async function start(options: StartOptions = {}): Promise<Quorate> {
  const { sessionTtlMs, ...store } = options;
  return new Quorate(await startStore(store), sessionTtlMs === undefined ? {} : { sessionTtlMs });
}
