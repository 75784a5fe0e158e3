/**
 * A client that reads one key over and over at whoever leads, and for a while at who led before: where a leader that
 * lost its place would answer with what it still has. Now and then it renews a lease there, of which it lets go after
 * some renewals: a leader that lost its place would promise time that is not its own to give.
 */
import type { SeededRandom } from "../../consensus/random.ts";
import type { LeaseId } from "../../wire/kv.ts";
import type { ClientRequest, Outcome } from "../history.ts";
import type { WorldMember } from "../world/member.ts";
import type { Caller } from "./caller.ts";
import { KEY_PREFIX, rangeRequest } from "./kv-client.ts";

/** Longest pause between two reads. */
const PAUSE_MS = 60;
/** The chance that it goes where others go. */
const MOVE_CHANCE = 0.1;
/** Of a call that is about its lease, and of a renewal to be the last. */
const LEASE_CHANCE = 0.3;
const LAST_CHANCE = 0.2;

export class FreshReader {
  readonly #caller: Caller;
  readonly #random: SeededRandom;
  #stopped = false;
  #member: WorldMember | null = null;
  readonly #ttl: number;
  #lease: LeaseId = 0n;
  #granted = 0;

  /** @param ttl seconds, of its leases. */
  constructor(caller: Caller, ttl: number) {
    this.#caller = caller;
    this.#random = caller.random;
    this.#ttl = ttl;
  }

  start(): void {
    const { world } = this.#caller;
    world.later(this.#random.between(1, PAUSE_MS), () => {
      if (this.#stopped) return;
      this.#choose();
      const request = this.#draw();
      this.#caller.call(request, (outcome) => {
        this.#learn(request, outcome);
        this.start();
      });
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  #draw(): ClientRequest {
    if (!this.#random.chance(LEASE_CHANCE)) return { type: "range", request: rangeRequest(`${KEY_PREFIX}0`) };
    if (this.#lease !== 0n) return { type: "leaseKeepAlive", id: this.#lease };
    const id = BigInt(this.#caller.client) * 1_000_000n + BigInt(++this.#granted);
    return { type: "leaseGrant", id, ttl: this.#ttl };
  }

  #learn(request: ClientRequest, outcome: Outcome): void {
    if (outcome.type !== "answered") return;
    const { result } = outcome;
    if (request.type === "leaseGrant") this.#lease = request.id;
    else if (result.type === "leaseKeepAlive" && (result.ttl <= 0 || this.#random.chance(LAST_CHANCE)))
      this.#lease = 0n;
  }

  /** Stays with a leader for some reads after it was deposed. */
  #choose(): void {
    const { world } = this.#caller;
    const { leader } = world;
    const stay = this.#member !== null && this.#member.up && !this.#random.chance(MOVE_CHANCE);
    if (stay || leader === null || leader === this.#member) return;
    this.#member = leader;
    this.#caller.pin(world.lineToMember(leader));
  }
}
