/**
 * Sees all holders of all clients in true time, and says when a recipe broke its promise.
 *
 * What a holder may do is bounded by what its process knows: one that is paused does nothing, so only its clock counts;
 * one that runs must have been told by its signal, before anybody else is let in.
 */
import type { VirtualProcess } from "../../virtual/process.ts";
import type { Hold } from "../hold.ts";

/** Something that is held in a test, and what it excludes. */
export interface Holding {
  readonly client: string;
  readonly process: VirtualProcess;
  readonly hold: Hold;
  /** Permits, or 1. */
  readonly weight: number;
  /** Whether it shares with others that do: a reader. */
  readonly shares: boolean;
}

interface Held extends Holding {
  /** As it was when it was got: not looked at through a getter that compares the clock. */
  readonly signal: AbortSignal;
}

export class Violation extends Error {
  override readonly name = "Violation";
}

export class Referee {
  readonly name: string;
  readonly #limit: number;
  readonly #ordered: boolean;
  #held: Held[] = [];
  #highest = 0n;
  grants = 0;

  /** @param limit the most weight at once. @param ordered whether fences must grow from grant to grant */
  constructor(
    name: string,
    { limit = 1, ordered = true }: { readonly limit?: number; readonly ordered?: boolean } = {},
  ) {
    this.name = name;
    this.#limit = limit;
    this.#ordered = ordered;
  }

  /** Somebody was let in just now. */
  granted(holding: Holding): void {
    const { client, hold, weight, shares } = holding;
    if (!hold.held) return;
    this.grants += 1;
    const fence = `${client}, let in with the fence ${hold.fence}`;
    if (this.#ordered && hold.fence <= this.#highest) {
      throw new Violation(`${this.name}: ${fence}, came after ${this.#highest}: not in the order of the line`);
    }
    if (hold.fence > this.#highest) this.#highest = hold.fence;
    // A dead process does nothing more, whatever its last thought was.
    this.#held = this.#held.filter(({ process, hold: other }) => process.alive && isHeld(other));
    let taken = weight;
    for (const other of this.#held) {
      if (shares && other.shares) continue;
      taken += other.weight;
      if (taken <= this.#limit) continue;
      const told = other.process.paused || other.signal.aborted ? "" : ", and its signal is not aborted";
      throw new Violation(`${this.name}: ${fence}, beside ${other.client} with ${other.hold.fence}${told}`);
    }
    this.#held.push({ ...holding, signal: hold.signal });
  }
}

/** By its own clock. */
function isHeld(hold: Hold): boolean {
  return hold.held;
}

/** A resource that refuses smaller fences than it has seen: what fences are for. */
export class FencedResource {
  readonly name: string;
  #highest = 0n;
  writes = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** A write of one who has just made sure that it holds the lock: it must not come too late. */
  write(hold: Hold): void {
    if (hold.fence < this.#highest) {
      throw new Violation(
        `${this.name}: a write with ${hold.fence} of one who holds it came after one with ${this.#highest}`,
      );
    }
    this.#highest = hold.fence;
    this.writes += 1;
  }
}
