import { nodeClock } from "../node/clock.ts";
import { nodeRandom } from "../node/random.ts";
import { parseEndpoints } from "./grpc/endpoint.ts";
import { grpcDialler } from "./grpc/grpc-dialler.ts";
import type { GrpcOptions } from "./grpc/options.ts";
import { nodeDiagnostics } from "./node-diagnostics.ts";
import type { RemoteLimits, UserCredentials } from "./remote/options.ts";
import { RemoteStore } from "./remote/remote-store.ts";
import type { Store } from "./store.ts";

/** How to reach a cluster. */
export interface ConnectStoreOptions extends GrpcOptions, Partial<RemoteLimits> {
  /** For clusters with authentication. */
  readonly user?: UserCredentials;
  /** How long it may take to reach the first member, ms. Default 5000. */
  readonly connectTimeoutMs?: number;
  /** Gives the connecting up. */
  readonly signal?: AbortSignal;
}

/**
 * A store in a cluster of Quorate or etcd, once a first member is reached; from then on it looks for members by itself.
 *
 * @param endpoints `127.0.0.1:2379`, `http://…`, `https://…`; several as a list, or separated by commas
 * @throws QuorateError UNAVAILABLE if no member is reached in time, with what each endpoint said; ABORTED;
 *   INVALID_ARGUMENT naming the endpoint or option that cannot be used
 * @example
 * ```ts
 * await using store = await connectStore(["http://10.0.0.1:2379", "http://10.0.0.2:2379"]);
 * ```
 */
export async function connectStore(
  endpoints: string | readonly string[],
  options: ConnectStoreOptions = {},
): Promise<Store> {
  const { connectTimeoutMs = 5_000, signal } = options;
  const diallers = parseEndpoints(endpoints).map((endpoint) => grpcDialler(endpoint, options));
  const store = new RemoteStore({
    ...options,
    diallers,
    clock: nodeClock,
    random: nodeRandom(),
    diagnostics: nodeDiagnostics,
    busy: holdProcess(),
  });
  try {
    await store.connected({ timeoutMs: connectTimeoutMs, ...(signal === undefined ? {} : { signal }) });
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Timers of `nodeClock` hold no process, so one that only waits for a call or a watch would end in the midst of it. */
function holdProcess(): (isBusy: boolean) => void {
  let timer: NodeJS.Timeout | undefined;
  return (isBusy) => {
    clearInterval(timer);
    timer = isBusy ? setInterval(() => undefined, LONGEST_TIMER_MS) : undefined;
  };
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;
