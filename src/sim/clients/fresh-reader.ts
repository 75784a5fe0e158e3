/**
 * A client that reads one key over and over at whoever leads, and for a while at who led before: where a leader that
 * lost its place would answer with what it still has.
 */
import type { SeededRandom } from "../../consensus/random.ts";
import type { WorldMember } from "../world/member.ts";
import type { Caller } from "./caller.ts";
import { KEY_PREFIX, rangeRequest } from "./kv-client.ts";

/** Longest pause between two reads. */
const PAUSE_MS = 60;
/** The chance that it goes where others go. */
const MOVE_CHANCE = 0.1;

export class FreshReader {
  readonly #caller: Caller;
  readonly #random: SeededRandom;
  #stopped = false;
  #member: WorldMember | null = null;

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#random = caller.random;
  }

  start(): void {
    const { world } = this.#caller;
    world.later(this.#random.between(1, PAUSE_MS), () => {
      if (this.#stopped) return;
      this.#choose();
      this.#caller.call({ type: "range", request: rangeRequest(`${KEY_PREFIX}0`) }, () => this.start());
    });
  }

  stop(): void {
    this.#stopped = true;
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
