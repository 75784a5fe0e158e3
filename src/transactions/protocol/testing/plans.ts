/** The exhaustive runs, small ones first. */
import type { Plan } from "./plan.ts";
import { threePhaseModel } from "./three-phase-model.ts";
import { twoPhaseModel } from "./two-phase-model.ts";

const once = { transactions: 1, crashes: 0, returns: true, parts: false, graph: false } as const;
const twoPhase = { ...once, model: twoPhaseModel, votes: twoPhaseModel.votes } as const;
const threePhase = { ...once, model: threePhaseModel, votes: threePhaseModel.votes } as const;
const lossy = { network: "lossy" } as const;
const reliable = { network: "reliable" } as const;
const slow = { disks: "slow" } as const;
const prompt = { disks: "prompt" } as const;

/** 2PC may be used on any network. */
export const twoPhasePlans: readonly Plan[] = [
  { ...twoPhase, ...lossy, ...slow, name: "2PC, one participant, slow disks", participants: 1, crashes: null },
  {
    ...twoPhase,
    ...lossy,
    ...slow,
    name: "2PC, one participant, three transactions",
    participants: 1,
    transactions: 3,
    crashes: 2,
  },
  {
    ...twoPhase,
    ...reliable,
    ...prompt,
    name: "2PC, two participants, progress",
    participants: 2,
    crashes: 2,
    graph: true,
  },
  {
    ...twoPhase,
    ...lossy,
    ...prompt,
    name: "2PC, two participants, two transactions",
    participants: 2,
    transactions: 2,
  },
  {
    ...twoPhase,
    ...lossy,
    ...slow,
    name: "2PC, two participants, slow disks",
    participants: 2,
    crashes: 2,
    votes: ["yes", "no"],
  },
  {
    ...twoPhase,
    ...lossy,
    ...prompt,
    name: "2PC, three participants",
    participants: 3,
    crashes: 1,
    votes: ["yes", "no"],
  },
];

/** 3PC needs a network that loses nothing, and times that tell the dead from the slow. */
export const threePhasePlans: readonly Plan[] = [
  {
    ...threePhase,
    ...reliable,
    ...slow,
    name: "3PC, one participant, slow disks",
    participants: 1,
    crashes: 3,
    graph: true,
  },
  {
    ...threePhase,
    ...reliable,
    ...slow,
    name: "3PC, two participants, slow disks",
    participants: 2,
    crashes: 1,
    graph: true,
  },
  {
    ...threePhase,
    ...reliable,
    ...prompt,
    name: "3PC, two participants, two transactions",
    participants: 2,
    transactions: 2,
    crashes: 1,
  },
  {
    ...threePhase,
    ...reliable,
    ...prompt,
    name: "3PC, two participants, two crashes",
    participants: 2,
    crashes: 2,
    graph: true,
  },
  {
    ...threePhase,
    ...reliable,
    ...prompt,
    name: "3PC, three participants, three processes die",
    participants: 3,
    crashes: 3,
    returns: false,
    graph: true,
  },
  { ...threePhase, ...reliable, ...prompt, name: "3PC, three participants", participants: 3, crashes: 1, graph: true },
];

/** What 3PC is not made for: the network parts, and nobody fails. */
export const partedPlan: Plan = {
  ...threePhase,
  ...reliable,
  ...prompt,
  name: "3PC, two participants, parted network",
  participants: 2,
  parts: true,
  votes: ["yes"],
};

/** Minutes and gigabytes: `QUORATE_EXHAUSTIVE=all node --test src/transactions/protocol/exhaustive.test.ts`. */
export const longPlans: readonly Plan[] = [
  {
    ...twoPhase,
    ...lossy,
    ...slow,
    name: "2PC, two participants, any number of crashes, slow disks",
    participants: 2,
    crashes: null,
  },
  {
    ...twoPhase,
    ...lossy,
    ...prompt,
    name: "2PC, two participants, two transactions, a crash",
    participants: 2,
    transactions: 2,
    crashes: 1,
  },
  { ...twoPhase, ...lossy, ...prompt, name: "2PC, three participants, readers, a crash", participants: 3, crashes: 1 },
  {
    ...twoPhase,
    ...lossy,
    ...prompt,
    name: "2PC, three participants, two crashes",
    participants: 3,
    crashes: 2,
    votes: ["yes", "no"],
  },
  {
    ...threePhase,
    ...reliable,
    ...slow,
    name: "3PC, two participants, two crashes, slow disks",
    participants: 2,
    crashes: 2,
  },
  { ...threePhase, ...reliable, ...prompt, name: "3PC, two participants, three crashes", participants: 2, crashes: 3 },
];
