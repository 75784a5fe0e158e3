/**
 * Which instance of a service gets the next call.
 *
 * A policy chooses (`round-robin.ts`, `smooth-weighted.ts`, `least-loaded.ts`, `peak-ewma.ts`, `consistent-hash.ts`); the
 * pool beneath it (`pool.ts`) knows the instances, counts the calls under way, prefers the own zone, bars instances that
 * fail, and lets new ones warm up. Pure: the time comes with each call, chance from a seed.
 */
import type { PlacementKey, PlacementNode } from "../placement.ts";
import { consistentHash } from "./consistent-hash.ts";
import { leastLoaded } from "./least-loaded.ts";
import type { OutlierOptions } from "./outliers.ts";
import { peakEwma } from "./peak-ewma.ts";
import { Pool } from "./pool.ts";
import { roundRobin } from "./round-robin.ts";
import type { SlowStartOptions } from "./slow-start.ts";
import { smoothWeighted } from "./smooth-weighted.ts";

/** What a call is like. */
export interface Ask<T extends PlacementNode = PlacementNode> {
  /** Milliseconds on a clock that never jumps. */
  readonly now: number;
  /** Calls with the same key go to the same instance, with `consistentHash`. */
  readonly key?: PlacementKey;
  /** Instances that this call was sent to already, or that drain. */
  readonly isExcluded?: (instance: T) => boolean;
}

export interface Picked<T extends PlacementNode> {
  readonly instance: T;
  /** Must be called once the call is over; the second time does nothing. */
  ended(outcome: { readonly now: number; readonly ok: boolean }): void;
}

export interface Balancer<T extends PlacementNode> {
  /** The instances there are now. What is known of those that were there before is kept. */
  update(instances: readonly T[], now: number): void;
  /** @returns null if every instance is excluded, or there are none */
  pick(ask: Ask<T>): Picked<T> | null;
}

/** What a policy sees of an instance. */
export interface Slot<T extends PlacementNode> {
  /** Its current description. */
  instance: T;
  /** Its weight now: less than its own while it warms up. */
  weight: number;
  /** Calls under way. */
  calls: number;
}

export interface Policy<T extends PlacementNode> {
  /** @param open not empty, in the order of ids */
  choose(open: readonly Slot<T>[], ask: Ask<T>): Slot<T>;
  /** A call took so long, from pick to end. */
  ended?(slot: Slot<T>, call: { readonly now: number; readonly tookMs: number; readonly ok: boolean }): void;
  gone?(slot: Slot<T>): void;
}

export type PolicyName = "roundRobin" | "smoothWeighted" | "leastLoaded" | "peakEwma" | "consistentHash";

export interface BalancerOptions {
  /** Default `peakEwma`. */
  readonly policy?: PolicyName;
  /** Where the caller stands: instances there come first, as long as at least half of them are open. */
  readonly zone?: string;
  /** Bars instances that fail several times in a row. Default: bars none. */
  readonly outliers?: OutlierOptions;
  /** Gives instances that join less work at first. Default: all at once. */
  readonly slowStart?: SlowStartOptions;
  /** Of what is left to chance. Unsigned 32-bit, default 0; give each process another. */
  readonly seed?: number;
}

/**
 * @throws QuorateError INVALID_ARGUMENT for options that cannot be used, and what is wrong with them
 * @example
 * ```ts
 * const calls = balancer<Instance>({ policy: "peakEwma", outliers: {}, seed: 7 });
 * calls.update(instances, performance.now());
 * const picked = calls.pick({ now: performance.now() });
 * ```
 */
export function balancer<T extends PlacementNode>(options: BalancerOptions = {}): Balancer<T> {
  return new Pool<T>(policyNamed<T>(options.policy ?? "peakEwma", options.seed ?? 0), options);
}

function policyNamed<T extends PlacementNode>(name: PolicyName, seed: number): Policy<T> {
  switch (name) {
    case "roundRobin":
      return roundRobin();
    case "smoothWeighted":
      return smoothWeighted();
    case "leastLoaded":
      return leastLoaded();
    case "peakEwma":
      return peakEwma({ seed });
    case "consistentHash":
      return consistentHash();
  }
}
