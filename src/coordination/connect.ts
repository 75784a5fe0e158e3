import { type ConnectStoreOptions, connectStore } from "../store/connect-store.ts";
import { Quorate, type QuorateOptions } from "./quorate.ts";

/** How to reach a cluster, and what its recipes have in common. */
export interface ConnectOptions extends ConnectStoreOptions, QuorateOptions {}

/**
 * Connects to a cluster of Quorate or etcd.
 *
 * @param endpoints `127.0.0.1:2379`, `http://…`, `https://…`; several as a list, or separated by commas
 * @throws QuorateError `UNAVAILABLE` if no member is reached in time, with what each endpoint said; `ABORTED`;
 *   `INVALID_ARGUMENT` naming the endpoint or option that cannot be used
 * @example
 * ```ts
 * await using q = await connect("http://127.0.0.1:2379");
 * await q.kv.put("config/rate", "100");
 * await using lock = await q.lock("invoice/42").acquire({ timeoutMs: 5_000 });
 * ```
 */
export async function connect(endpoints: string | readonly string[], options: ConnectOptions = {}): Promise<Quorate> {
  const { sessionTtlMs, ...store } = options;
  return new Quorate(await connectStore(endpoints, store), sessionTtlMs === undefined ? {} : { sessionTtlMs });
}
