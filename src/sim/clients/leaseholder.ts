/**
 * A client that holds a lease with keys on it: grants, attaches and detaches, renews for a while, sometimes at the last
 * moment, then revokes it or lets it expire, and looks at its keys in between.
 */
import type { SeededRandom } from "../../consensus/random.ts";
import type { LeaseId } from "../../wire/kv.ts";
import type { Caller } from "./caller.ts";
import { putRequest, rangeRequest } from "./kv-client.ts";

export const LEASE_PREFIX = "lease/";
/** How far from its end a lease is renewed at the last moment, before or behind. */
const LAST_MOMENT_MS = 500;

export class Leaseholder {
  readonly #caller: Caller;
  readonly #random: SeededRandom;
  readonly #minTtl: number;
  #stopped = false;
  #lease: LeaseId = 0n;
  #granted = 0;
  /** Seconds, of the lease it has. */
  #ttl = 0;
  /** Steps left until it lets go. */
  #steps = 0;

  /** @param minTtl seconds; shorter leases are not given */
  constructor(caller: Caller, minTtl: number) {
    this.#caller = caller;
    this.#random = caller.random;
    this.#minTtl = minTtl;
  }

  start(): void {
    this.#later(this.#random.between(50, 700), () => this.#step());
  }

  stop(): void {
    this.#stopped = true;
  }

  #later(delayMs: number, run: () => void): void {
    const { timeline } = this.#caller.world;
    timeline.at(timeline.now + delayMs, () => {
      if (!this.#stopped) run();
    });
  }

  #step(): void {
    const random = this.#random;
    const { recorder } = this.#caller;
    const next = (): void => this.start();
    if (this.#lease === 0n) return this.#grant();
    const id = this.#lease;
    if (this.#steps-- <= 0) {
      this.#lease = 0n;
      if (random.chance(0.5)) return this.#caller.call({ type: "leaseRevoke", id }, next);
      // Half of them expire, and most of these just after its holder was promised time.
      return random.chance(0.7) ? this.#caller.call({ type: "leaseKeepAlive", id }, next) : next();
    }
    const key = `${LEASE_PREFIX}${this.#caller.client}/${random.below(2)}`;
    const choice = random.fraction();
    if (choice < 0.4) return this.#renew();
    if (choice < 0.5) {
      // It sleeps until about the moment when the lease ends.
      const endsMs = 1_000 * this.#ttl + random.between(-LAST_MOMENT_MS, LAST_MOMENT_MS);
      return this.#later(endsMs, () => this.#renew());
    }
    const put = (given: Parameters<typeof putRequest>[2]): void =>
      this.#caller.call({ type: "put", request: putRequest(key, `#${recorder.nextId}#`, given) }, next);
    if (choice < 0.7) put({ lease: id });
    // The key outlives the lease.
    else if (choice < 0.76) put({});
    else if (choice < 0.8) {
      this.#caller.call({ type: "put", request: putRequest(key, "", { ignoreValue: true }) }, next);
    } else if (choice < 0.85) {
      // Made anew, it is another key.
      const then = random.chance(0.6) ? (): void => put({}) : next;
      this.#caller.call({ type: "deleteRange", request: { key, rangeEnd: "", prevKv: false } }, then);
    } else {
      this.#caller.call({ type: "range", request: rangeRequest(key) }, next);
    }
  }

  #renew(): void {
    this.#caller.call({ type: "leaseKeepAlive", id: this.#lease }, (outcome) => {
      if (outcome.type === "answered" && outcome.result.type === "leaseKeepAlive" && outcome.result.ttl <= 0) {
        this.#lease = 0n;
      }
      this.start();
    });
  }

  #grant(): void {
    const id = BigInt(this.#caller.client) * 1_000_000n + BigInt(++this.#granted);
    const ttl = this.#minTtl + this.#random.below(4);
    this.#caller.call({ type: "leaseGrant", id, ttl }, (outcome) => {
      if (outcome.type === "answered") this.#lease = id;
      this.#ttl = ttl;
      this.#steps = 2 + this.#random.below(12);
      this.start();
    });
  }
}
