/** What a simulated cluster is made from. */
import type { MemberId } from "../../environment.ts";
import type { EngineOptions } from "../engine.ts";

export interface ClusterOptions {
  readonly seed: number;
  readonly voters: readonly MemberId[];
  readonly learners?: readonly MemberId[];
  /** Started with nothing, to be added later. */
  readonly joiners?: readonly MemberId[];
  readonly engine?: Partial<EngineOptions>;
  readonly perMember?: (id: MemberId) => Partial<EngineOptions>;
  readonly tickMs?: number;
  /** Take a snapshot after so many applied entries, keeping `keepEntries` in memory; 0: never. */
  readonly snapshotEvery?: number;
  readonly keepEntries?: number;
  /** Ask the disks themselves whether a quorum holds what is committed; off where they lose data that they had. */
  readonly checkDurable?: boolean;
  /** Broken links are noticed and reported. */
  readonly reportLinks?: boolean;
}

export const defaultEngine: Omit<EngineOptions, "id" | "seed"> = {
  electionTimeoutMs: 1000,
  heartbeatIntervalMs: 100,
  leaseReads: false,
  clockDriftMs: 100,
  diskStallMs: 2000,
  maxMessageBytes: 1024,
  maxInflightMessages: 8,
  maxInflightBytes: 4096,
  maxUncommittedBytes: 65536,
  priority: 0,
};
