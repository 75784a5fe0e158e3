/**
 * A real machine behind the ports of `environment.ts`: its clocks, its random source, its disk, its network.
 *
 * Promises what the ports promise and nothing more. Must not know what the bytes it carries mean: formats belong to
 * `storage/` and `transport/`.
 */
import type { Environment, Logger } from "../environment.ts";
import { nodeClock } from "./clock.ts";
import { nodeDisk } from "./disk.ts";
import { nullLogger } from "./logger.ts";
import { nodeNetwork } from "./network.ts";
import { nodeRandom } from "./random.ts";

export interface NodeEnvironmentOptions {
  /** Where log lines go. Default: nowhere. */
  readonly logger?: Logger;
}

/** The environment of a member that runs on a real machine. */
export function nodeEnvironment(options: NodeEnvironmentOptions = {}): Environment {
  return {
    clock: nodeClock,
    random: nodeRandom(),
    disk: nodeDisk,
    network: nodeNetwork,
    logger: options.logger ?? nullLogger,
  };
}
