/** What balancers, their pool and their policies say to each other. */
import type { PlacementKey, PlacementNode } from "../placement.ts";

/** What a call is like. */
export interface Ask<T extends PlacementNode = PlacementNode> {
  /** Milliseconds on a clock that never jumps. */
  readonly now: number;
  /** Calls with the same key go to the same instance, with `consistentHash`. */
  readonly key?: PlacementKey;
  /** Instances that this call was sent to already, or that drain. */
  readonly isExcluded?: (instance: T) => boolean;
}

/** An instance that a call goes to. */
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
