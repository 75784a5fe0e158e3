import { checkNodes, inOrder, type PlacementNode, weightOf } from "../placement.ts";
import { type OutlierOptions, Outliers } from "./outliers.ts";
import type { Ask, Balancer, Picked, Policy, Slot } from "./policy.ts";
import { SlowStart, type SlowStartOptions } from "./slow-start.ts";

/** The own zone is left when less than this part of its instances is open: the rest could not bear all calls. */
const LEAST_LOCAL = 0.5;

/** What holds whichever policy chooses. */
export interface PoolOptions {
  /** Where the caller stands: instances there come first, as long as at least half of them are open. */
  readonly zone?: string;
  /** Bars instances that fail several times in a row. Default: bars none. */
  readonly outliers?: OutlierOptions;
  /** Gives instances that join less work at first. Default: all at once. */
  readonly slowStart?: SlowStartOptions;
}

/** The instances of one service, as one caller sees them. */
export class Pool<T extends PlacementNode> implements Balancer<T> {
  readonly #policy: Policy<T>;
  readonly #zone: string | undefined;
  readonly #outliers: Outliers<Slot<T>> | null;
  readonly #slowStart: SlowStart<Slot<T>> | null;
  /** In the order of ids. */
  #slots: Slot<T>[] = [];

  constructor(policy: Policy<T>, options: PoolOptions) {
    this.#policy = policy;
    this.#zone = options.zone;
    this.#outliers = options.outliers === undefined ? null : new Outliers(options.outliers);
    this.#slowStart = options.slowStart === undefined ? null : new SlowStart(options.slowStart);
  }

  update(instances: readonly T[], now: number): void {
    checkNodes(instances);
    const known = new Map(this.#slots.map((slot) => [slot.instance.id, slot]));
    const isFirst = known.size === 0;
    this.#slots = inOrder(instances).map((instance) => {
      const slot = known.get(instance.id);
      known.delete(instance.id);
      if (slot === undefined) {
        const joined: Slot<T> = { instance: instance as T, weight: weightOf(instance), calls: 0 };
        // Where all are new, none is spared.
        if (!isFirst) this.#slowStart?.joined(joined, now);
        return joined;
      }
      slot.instance = instance as T;
      return slot;
    });
    for (const slot of known.values()) {
      this.#policy.gone?.(slot);
      this.#outliers?.gone(slot);
      this.#slowStart?.gone(slot);
    }
  }

  pick(ask: Ask<T>): Picked<T> | null {
    const { now, isExcluded } = ask;
    const all = isExcluded === undefined ? this.#slots : this.#slots.filter(({ instance }) => !isExcluded(instance));
    if (all.length === 0) return null;
    const slot = this.#policy.choose(this.#weighed(this.#open(all, now), now), ask);
    slot.calls++;
    let isOver = false;
    return {
      instance: slot.instance,
      ended: ({ now: end, ok }) => {
        if (isOver) return;
        isOver = true;
        slot.calls--;
        // It may be gone by now: then nothing is remembered of it.
        if (!this.#slots.includes(slot)) return;
        this.#policy.ended?.(slot, { now: end, tookMs: Math.max(0, end - now), ok });
        this.#outliers?.ended(slot, ok, end, this.#slots.length);
      },
    };
  }

  /** Those of the own zone, if these can bear it, that are not barred; where all are barred, they are better than none. */
  #open(all: readonly Slot<T>[], now: number): readonly Slot<T>[] {
    const open = this.#outliers === null ? all : all.filter((slot) => !this.#outliers?.isBarred(slot, now));
    const zone = this.#zone;
    if (zone !== undefined) {
      const local = open.filter(({ instance }) => instance.zone === zone);
      const there = this.#slots.filter(({ instance }) => instance.zone === zone).length;
      if (local.length > 0 && local.length >= LEAST_LOCAL * there) return local;
    }
    return open.length > 0 ? open : all;
  }

  #weighed(slots: readonly Slot<T>[], now: number): readonly Slot<T>[] {
    for (const slot of slots) slot.weight = weightOf(slot.instance) * (this.#slowStart?.part(slot, now) ?? 1);
    return slots;
  }
}
