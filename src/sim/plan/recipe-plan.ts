/**
 * Programs that use recipes: how many, which recipes, how patient they are, and what befalls them. A kind of plan of its
 * own (`quorate simulate --recipes`), not a part of every plan: such runs last longer, since sessions live for whole
 * seconds, and the checkers of plain calls know every write that is made, which recipes hide.
 */
import type { RemoteLimits } from "../../store/remote/options.ts";
import type { Keepalive } from "../programs/network-channel.ts";

export const recipeNames = [
  "mutex",
  "multi-lock",
  "read-write lock",
  "semaphore",
  "election",
  "ranked election",
  "counter",
  "high-rate counter",
  "atomic value",
  "barrier",
  "double barrier",
  "latch",
  "ids",
] as const;
export type RecipeName = (typeof recipeNames)[number];

/** In words, for people: what each kind does. */
export const programFaultKinds = {
  crash: "the program's machine loses power; it starts again `forMs` later",
  kill: "kill -9 of the program; it starts again `forMs` later",
  pause: "the program stands still (SIGSTOP), its clock goes on",
  freeze: "the program stands still, and its clock with it (a suspended virtual machine)",
  cutOff: "bytes between the program and some members vanish",
  slowWay: "bytes between the program and some members take up to `amount` ms",
  resetWays: "the program's connections break",
  forgottenWays: "the program's connections pass nothing on any more, and nobody is told",
  clockRate: "the program's clock runs at `amount` times true time",
} as const;
export type ProgramFaultKind = keyof typeof programFaultKinds;

export interface ProgramFault {
  readonly kind: ProgramFaultKind;
  /** Milliseconds of true time since the start. */
  readonly at: number;
  readonly forMs: number;
  /** Which program. */
  readonly target: number;
  /** Which members: bit n stands for slot n. */
  readonly members: number;
  readonly amount: number;
}

export interface RecipePlan {
  readonly programs: number;
  readonly recipes: readonly RecipeName[];
  /** Resources of each kind. */
  readonly names: number;
  /** Of the programs' sessions. */
  readonly ttlMs: number;
  /** Longest pause between two uses, and longest time that something is held. */
  readonly thinkMs: number;
  readonly holdMs: number;
  /** The share of waits that are given up when it takes too long. */
  readonly impatience: number;
  /** Old revisions are forgotten now and then. */
  readonly compacts: boolean;
  readonly store: Partial<RemoteLimits>;
  readonly keepalive: Keepalive;
  /** By time. */
  readonly faults: readonly ProgramFault[];
}

export function describeProgramFault({ kind, at, forMs, target, members, amount }: ProgramFault): string {
  const facts = [`at ${at.toFixed(1)} ms`];
  if (forMs > 0) facts.push(`for ${forMs.toFixed(1)} ms`);
  facts.push(`program p${target}`, `members ${members.toString(2)}`);
  if (amount !== 0) facts.push(`amount ${amount.toFixed(3)}`);
  return `${kind} of a program ${facts.join(", ")}`;
}
