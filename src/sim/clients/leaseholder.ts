/**
 * A client that holds a lease with keys on it: grants, attaches, renews for a while, then revokes it or lets it expire,
 * and looks at its keys in between.
 */
import type { SeededRandom } from "../../consensus/random.ts";
import type { LeaseId } from "../../wire/kv.ts";
import type { Caller } from "./caller.ts";
import { putRequest, rangeRequest } from "./kv-client.ts";

export const LEASE_PREFIX = "lease/";

export class Leaseholder {
  readonly #caller: Caller;
  readonly #random: SeededRandom;
  readonly #minTtl: number;
  #stopped = false;
  #lease: LeaseId = 0n;
  #granted = 0;
  /** Steps left until it lets go. */
  #steps = 0;

  /** @param minTtl seconds; shorter leases are not given */
  constructor(caller: Caller, minTtl: number) {
    this.#caller = caller;
    this.#random = caller.random;
    this.#minTtl = minTtl;
  }

  start(): void {
    const { timeline } = this.#caller.world;
    timeline.at(timeline.now + this.#random.between(50, 700), () => {
      if (!this.#stopped) this.#step();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  #step(): void {
    const random = this.#random;
    const { recorder } = this.#caller;
    const next = (): void => this.start();
    if (this.#lease === 0n) return this.#grant();
    const id = this.#lease;
    if (this.#steps-- <= 0) {
      this.#lease = 0n;
      // Half of them are forgotten: they expire.
      return random.chance(0.5) ? this.#caller.call({ type: "leaseRevoke", id }, next) : next();
    }
    const key = `${LEASE_PREFIX}${this.#caller.client}/${random.below(2)}`;
    const choice = random.fraction();
    if (choice < 0.45) {
      this.#caller.call({ type: "leaseKeepAlive", id }, (outcome) => {
        if (outcome.type === "answered" && outcome.result.type === "leaseKeepAlive" && outcome.result.ttl <= 0) {
          this.#lease = 0n;
        }
        next();
      });
    } else if (choice < 0.7) {
      this.#caller.call({ type: "put", request: putRequest(key, `#${recorder.nextId}#`, { lease: id }) }, next);
    } else if (choice < 0.75) {
      // Put without the lease: the key outlives it.
      this.#caller.call({ type: "put", request: putRequest(key, `#${recorder.nextId}#`) }, next);
    } else {
      this.#caller.call({ type: "range", request: rangeRequest(key) }, next);
    }
  }

  #grant(): void {
    const id = BigInt(this.#caller.client) * 1_000_000n + BigInt(++this.#granted);
    const ttl = this.#minTtl + this.#random.below(4);
    this.#caller.call({ type: "leaseGrant", id, ttl }, (outcome) => {
      if (outcome.type === "answered") this.#lease = id;
      this.#steps = 2 + this.#random.below(12);
      this.start();
    });
  }
}
