/** What all links of one transport share. */
import type { Address, Clock, Logger, Network, Random } from "../environment.ts";
import type { Checksum } from "./checksum.ts";
import type { LocalIdentity } from "./handshake.ts";
import type { TransportLimits } from "./limits.ts";

export interface TransportContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly logger: Logger;
  readonly identity: LocalIdentity;
  /** Where others can reach this member, as they are told. */
  readonly advertised: readonly Address[];
  readonly limits: TransportLimits;
  readonly checksum: Checksum;
}

/** What went over the links with one peer since the transport began, the transport's own frames and headers included. */
export interface LinkTraffic {
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly receivedFrames: number;
  readonly receivedBytes: number;
}
