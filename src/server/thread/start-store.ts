import type { RemoteLimits } from "../../store/remote/options.ts";
import { limitsOf } from "../../store/remote/options.ts";
import type { Store } from "../../store/store.ts";
import { EmbeddedStore } from "./embedded-store.ts";
import { MemberThread } from "./member-thread.ts";
import { type EmbeddedMemberOptions, memberOptions } from "./options.ts";

export interface StartStoreOptions
  extends EmbeddedMemberOptions,
    Partial<Pick<RemoteLimits, "timeoutMs" | "watchBufferBytes">> {
  /** Gives the start up. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a member in a thread of this process, and gives the store in it. Resolves when the member runs; calls wait for a
 * leader, up to their time.
 *
 * @throws QuorateError INVALID_ARGUMENT naming the option that cannot be used; `DATA_DIR` if the data directory is in use,
 *   another member's, or cannot be written to; `DATA_CORRUPT`; `LISTEN` and `PEER_LISTEN` naming the address;
 *   `CLUSTER_UNREACHABLE` for a member that joins and finds nobody; `CONFIG`; ABORTED; `MEMBER_FAILED` for all else
 * @example
 * ```ts
 * await using store = await startStore({ dataDir: "./data" });
 * ```
 */
export async function startStore(options: StartStoreOptions = {}): Promise<Store> {
  const { timeoutMs, watchBufferBytes, signal, ...told } = options;
  const limits = {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(watchBufferBytes === undefined ? {} : { watchBufferBytes }),
  };
  limitsOf(limits);
  const thread = await MemberThread.start(memberOptions(told), signal);
  const store = new EmbeddedStore(thread, limits);
  try {
    await store.connected(signal === undefined ? {} : { signal });
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
