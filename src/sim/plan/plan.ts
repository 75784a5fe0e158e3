/** Everything that a run is: what a seed stands for, as data. The same plan gives the same run, byte for byte. */
import type { MemberTuning } from "../../server/member-tuning.ts";
import type { Fault } from "../faults/fault.ts";
import type { RecipePlan } from "./recipe-plan.ts";
import type { WorkloadPlan } from "./workload-plan.ts";

/** What all members are started with. */
export interface ClusterPlan {
  readonly engine: string;
  /** As in `MemberOptions`; null: a majority. */
  readonly phase2Quorum: number | null;
  readonly members: number;
  readonly electionMs: number;
  readonly heartbeatMs: number;
  readonly leaseReads: boolean;
  /** Leadership priorities differ. */
  readonly priorities: boolean;
  readonly snapshotCount: number;
  readonly snapshotCatchupEntries: number;
  readonly historyBudgetBytes: number;
  readonly quotaBytes: number;
  readonly watchProgressIntervalMs: number;
  readonly tuning: Partial<MemberTuning>;
  /** Chunks of a connection are split and merged at any place. */
  readonly chunking: boolean;
  /** A message takes between these, when nothing is wrong. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** A disk operation takes up to these, when nothing is wrong. */
  readonly writeMs: number;
  readonly syncMs: number;
}

export interface Plan {
  readonly seed: number;
  /** Time with faults, in ms; what follows is the time in which everything must come together. */
  readonly durationMs: number;
  readonly cluster: ClusterPlan;
  readonly workload: WorkloadPlan;
  /** By time. */
  readonly faults: readonly Fault[];
  /** Programs that use recipes; null: plain clients only. */
  readonly recipes: RecipePlan | null;
}
