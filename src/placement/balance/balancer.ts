/**
 * Which instance of a service gets the next call.
 *
 * A policy chooses (`round-robin.ts`, `smooth-weighted.ts`, `least-loaded.ts`, `peak-ewma.ts`, `consistent-hash.ts`); the
 * pool beneath it (`pool.ts`) knows the instances, counts the calls under way, prefers the own zone, bars instances that
 * fail, and lets new ones warm up. Pure: the time comes with each call, chance from a seed.
 */
import { type PlacementNode, refuse } from "../placement.ts";
import { consistentHash } from "./consistent-hash.ts";
import { leastLoaded } from "./least-loaded.ts";
import { peakEwma } from "./peak-ewma.ts";
import type { Balancer, Policy } from "./policy.ts";
import { Pool, type PoolOptions } from "./pool.ts";
import { roundRobin } from "./round-robin.ts";
import { smoothWeighted } from "./smooth-weighted.ts";

/** Who gets the next call: in turn, in turn by weight, the least busy, the quicker of two, or always the same for a key. */
export type PolicyName = "roundRobin" | "smoothWeighted" | "leastLoaded" | "peakEwma" | "consistentHash";

/** How calls are spread. */
export interface BalancerOptions extends PoolOptions {
  /** Default `peakEwma`. */
  readonly policy?: PolicyName;
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
    default:
      return refuse(`no balancing policy is called ${JSON.stringify(name)}`);
  }
}
