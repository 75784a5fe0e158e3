/**
 * The book of all adds. Each has a number, and adds a digit of its own to one of a row of counters, so that the sums
 * tell of each add how often it was made.
 *
 *     add 513, 256 adds a counter  ─▶  counter 2, digit 1: adds 4^1
 *     sum of counter 2 = …0000121 (base 4)  ─▶  add 513 was made twice
 */
import type { CounterKind, Fate } from "./messages.ts";

const BASE = 4n;
const ADDS_PER_COUNTER = 256;

/** Where the add with a number goes. */
export interface AddPlace {
  readonly counter: string;
  readonly delta: bigint;
}

export function placeOf(kind: CounterKind, number: number): AddPlace {
  const digit = BigInt(number % ADDS_PER_COUNTER);
  return { counter: `${kind}/${Math.trunc(number / ADDS_PER_COUNTER)}`, delta: BASE ** digit };
}

/** How often an add is in a sum. */
export function timesMade(sum: bigint, { delta }: AddPlace): number {
  return Number((sum / delta) % BASE);
}

export class AddBook {
  readonly kind: CounterKind;
  /** By number; one that nobody told of is unknown: its process may have died. */
  readonly #fates: Fate[] = [];

  constructor(kind: CounterKind) {
    this.kind = kind;
  }

  /** Somebody is about to add. Returns the add's number. */
  begin(): number {
    return this.#fates.push("unknown") - 1;
  }

  end(number: number, fate: Fate): void {
    this.#fates[number] = fate;
  }

  count(fate: Fate): number {
    return this.#fates.filter((each) => each === fate).length;
  }

  /** All counters that were added to. */
  get counters(): readonly string[] {
    return [...new Set(this.#fates.map((_, number) => placeOf(this.kind, number).counter))];
  }

  /** What is wrong with the sums; how many of the unknown were made. */
  audit(sums: ReadonlyMap<string, bigint>): { readonly faults: readonly string[]; readonly unknownMade: number } {
    const faults: string[] = [];
    const rests = new Map(sums);
    let unknownMade = 0;
    for (const [number, fate] of this.#fates.entries()) {
      const place = placeOf(this.kind, number);
      const sum = sums.get(place.counter) ?? 0n;
      const times = timesMade(sum, place);
      rests.set(place.counter, (rests.get(place.counter) ?? 0n) - BigInt(times) * place.delta);
      if (fate === "unknown" && times === 1) unknownMade += 1;
      const most = fate === "not made" ? 0 : 1;
      const least = fate === "made" ? 1 : 0;
      if (times < least || times > most) {
        faults.push(`add ${number} to ${place.counter} (its caller knows: ${fate}) was made ${times} times`);
      }
    }
    for (const [counter, rest] of rests) if (rest !== 0n) faults.push(`${counter} has ${rest} that nobody added`);
    return { faults, unknownMade };
  }
}
