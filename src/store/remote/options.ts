import type { Clock, Random } from "../../environment.ts";
import type { Dialler } from "../channel.ts";
import type { Diagnostics } from "../diagnostics.ts";
import { storeErrors } from "../errors.ts";
import { LONGEST_TIMEOUT_MS } from "./limit.ts";

/** A user of the cluster. */
export interface UserCredentials {
  readonly name: string;
  readonly password: string;
}

/** Every time and size that a remote store goes by. */
export interface RemoteLimits {
  /** For calls that name no `timeoutMs`, ms. Default 5000. */
  readonly timeoutMs: number;
  /** How long one attempt to connect may take, ms. Default 2000. */
  readonly dialTimeoutMs: number;
  /** Another endpoint is tried beside one that has not answered for this long, ms. Default 250. */
  readonly dialStaggerMs: number;
  /** The first pause before something is tried again that failed, ms; doubled with each failure. Default 50. */
  readonly firstBackOffMs: number;
  /** The longest such pause, ms. Default 2000. */
  readonly longestBackOffMs: number;
  /** A watch stream that says nothing for this long, though asked, is given up, ms. Default 10,000. */
  readonly watchSilenceMs: number;
  /** Changes that a watch holds for a consumer that does not take them, bytes; at least one revision. Default 4 MiB. */
  readonly watchBufferBytes: number;
  /** Watches that share one stream. Default 10,000. */
  readonly watchesPerStream: number;
}

/** What a remote store goes by: how members are reached, clocks, limits. */
export interface RemoteStoreOptions extends Partial<RemoteLimits> {
  /** One for each endpoint; at least one. */
  readonly diallers: readonly Dialler[];
  readonly clock: Clock;
  readonly random: Random;
  /** For clusters with authentication. */
  readonly user?: UserCredentials;
  /** Who is told what happens; none: nobody. */
  readonly diagnostics?: Diagnostics;
  /** Told when a call or watch is under way after none was, and the other way round: a process must not end meanwhile. */
  readonly busy?: (isBusy: boolean) => void;
}

const DEFAULTS: RemoteLimits = {
  timeoutMs: 5_000,
  dialTimeoutMs: 2_000,
  dialStaggerMs: 250,
  firstBackOffMs: 50,
  longestBackOffMs: 2_000,
  watchSilenceMs: 10_000,
  watchBufferBytes: 4 << 20,
  watchesPerStream: 10_000,
};

/** @throws QuorateError INVALID_ARGUMENT naming the option that cannot be used */
export function limitsOf(options: Partial<RemoteLimits>): RemoteLimits {
  const limits = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof RemoteLimits)[]) {
    const value = options[name];
    if (value === undefined) continue;
    if (typeof value !== "number" || !(value > 0 && value <= LONGEST_TIMEOUT_MS)) {
      throw storeErrors.invalidArgument(`${name} is ${String(value)}: give a number above 0, at most 2^31 - 1`);
    }
    limits[name] = value;
  }
  return limits;
}
