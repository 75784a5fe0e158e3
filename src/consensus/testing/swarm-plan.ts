/**
 * What a seed's life is to be like. Which faults occur, and how often, is itself drawn from the seed (swarm testing): a
 * run without crashes reaches states that a run with all faults at once never sees.
 */
import { bearable } from "../properties/quorum.ts";
import { SeededRandom } from "../random.ts";
import { type OrdealName, ordealNames } from "./ordeals.ts";

/** What a seed drew. */
export interface SwarmPlan {
  readonly seed: number;
  readonly members: number;
  readonly joiners: number;
  readonly leaseReads: boolean;
  readonly clockDriftMs: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly maxDelayMs: number;
  readonly partitions: boolean;
  readonly crashes: boolean;
  readonly pauses: boolean;
  readonly slowDisks: boolean;
  readonly reconfigurations: boolean;
  readonly transfers: boolean;
  readonly damage: boolean;
  readonly priorities: boolean;
  readonly reportLinks: boolean;
  readonly snapshotEvery: number;
  readonly steps: number;
  /** Schedules with an intention, and how likely one of them is in a step. */
  readonly ordeals: readonly OrdealName[];
  readonly ordealRate: number;
  /** Of a protocol that can: how many must have an entry on disk to commit it; null: a majority. */
  readonly phase2: number | null;
}

const aboutLeases: readonly OrdealName[] = ["forgottenPromises", "lateAnswers", "lateHandOver"];

export function drawPlan(seed: number): SwarmPlan {
  const random = new SeededRandom(seed ^ 0x5eed);
  const often = (probability: number): boolean => random.chance(probability);
  const members = 1 + random.below(5);
  const leaseReads = often(0.4);
  const damage = members >= 3 && often(0.25);
  const wanted = (name: OrdealName): boolean => {
    if (name === "lostAcknowledgements") return damage && often(0.6);
    return often(leaseReads && aboutLeases.includes(name) ? 0.65 : 0.35);
  };
  return {
    seed,
    members,
    joiners: random.below(3),
    leaseReads,
    clockDriftMs: 150,
    lossRate: often(0.6) ? random.between(0, 0.2) : 0,
    duplicateRate: often(0.5) ? random.between(0, 0.2) : 0,
    maxDelayMs: often(0.3) ? 400 : often(0.5) ? 40 : 2,
    partitions: often(0.6),
    crashes: often(0.7),
    pauses: often(0.4),
    slowDisks: often(0.4),
    reconfigurations: often(0.5),
    transfers: often(0.4),
    damage,
    priorities: often(0.3),
    reportLinks: often(0.6),
    snapshotEvery: often(0.5) ? 5 + random.below(30) : 0,
    steps: 150,
    ordeals: ordealNames.filter(wanted),
    ordealRate: random.between(0.01, 0.06),
    phase2: drawPhase2(seed, members, damage),
  };
}

/** Of its own stream: who has no choice of quorums draws the rest as if there was none. */
function drawPhase2(seed: number, members: number, damage: boolean): number | null {
  const random = new SeededRandom(seed ^ 0x71756f72);
  if (!random.chance(0.3)) return null;
  const size = 1 + random.below(members);
  // With one damaged the others must be able to bring it back.
  return damage && bearable(members, { flexibleQuorum: { phase2: size } }) < 1 ? null : size;
}
