/**
 * A client that takes a lock by the textbook: a key that did not exist, on a lease, whose create revision is the fence;
 * then writes to a resource that refuses smaller fences than it has seen. It believes that it holds the lock as long as
 * its own clock says that the lease lives, which is when somebody else may not get it.
 */
import type { SeededRandom } from "../../consensus/random.ts";
import { CompareTarget, type LeaseId } from "../../wire/kv.ts";
import type { Outcome } from "../history.ts";
import type { Caller } from "./caller.ts";
import { compare, putRequest } from "./kv-client.ts";
import { LEASE_PREFIX } from "./leaseholder.ts";

const LOCK = `${LEASE_PREFIX}lock`;

/** The resource: shared by all who compete for the lock. */
export class GuardedResource {
  highestFence = 0;

  /** Whether it takes the write. */
  write(fence: number): boolean {
    if (fence < this.highestFence) return false;
    this.highestFence = fence;
    return true;
  }
}

export class Locker {
  readonly #caller: Caller;
  readonly #random: SeededRandom;
  readonly #resource: GuardedResource;
  readonly #ttl: number;
  #stopped = false;
  #granted = 0;

  constructor(caller: Caller, resource: GuardedResource, ttl: number) {
    this.#caller = caller;
    this.#random = caller.random;
    this.#resource = resource;
    this.#ttl = ttl;
  }

  start(): void {
    this.#later(this.#random.between(50, 800), () => {
      if (!this.#stopped) this.#begin();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  #later(delayMs: number, run: () => void): void {
    const { timeline } = this.#caller.world;
    timeline.at(timeline.now + delayMs, run);
  }

  #begin(): void {
    const lease = BigInt(this.#caller.client) * 1_000_000n + 500_000n + BigInt(++this.#granted);
    this.#caller.call({ type: "leaseGrant", id: lease, ttl: this.#ttl }, (outcome) => {
      if (outcome.type === "answered") this.#acquire(lease, 5);
      else this.start();
    });
  }

  #acquire(lease: LeaseId, attempts: number): void {
    if (attempts === 0) return this.#release(lease);
    const value = `#${this.#caller.recorder.nextId}#`;
    const request = {
      compare: [compare(CompareTarget.create, LOCK)],
      success: [{ type: "put" as const, request: putRequest(LOCK, value, { lease }) }],
      failure: [],
    };
    this.#caller.call({ type: "txn", request }, (outcome) => {
      const fence = fenceOf(outcome);
      if (fence !== null) this.#hold(lease, fence, 1 + this.#random.below(6));
      else if (outcome.type === "unknown") this.start();
      else this.#later(this.#random.between(100, 900), () => this.#acquire(lease, attempts - 1));
    });
  }

  #hold(lease: LeaseId, fence: number, writes: number): void {
    if (writes === 0) return this.#release(lease);
    const { recorder, client } = this.#caller;
    const accepted = this.#resource.write(fence);
    recorder.guardedWrites.push({ lock: LOCK, client, fence, moment: recorder.moment(), accepted });
    // Some holders fall asleep without renewing: the fence must stop them.
    const again = (): void => this.#later(this.#random.between(100, 1_200), () => this.#hold(lease, fence, writes - 1));
    if (this.#random.chance(0.6)) this.#caller.call({ type: "leaseKeepAlive", id: lease }, again);
    else again();
  }

  #release(lease: LeaseId): void {
    this.#caller.call({ type: "leaseRevoke", id: lease }, () => this.start());
  }
}

/** The revision of a transaction that made the key. */
function fenceOf(outcome: Outcome): number | null {
  if (outcome.type !== "answered" || outcome.result.type !== "txn") return null;
  return outcome.result.result.succeeded ? outcome.revision : null;
}
