/**
 * Stamps order what a program sends: they grow, sort as text, and are close to the time.
 *
 *     stamp = max(last + 1, wall clock in ms · 2048)      14 hexadecimal digits
 *     token = stamp + 8 random digits                     unique among all programs
 *
 * Clocks of machines differ, so stamps of two programs say who was first only roughly. Where that matters (the line of a
 * key) the transaction compares that nothing later is there, and `seen` lets the next stamp be greater.
 */
import type { Clock, Random } from "../environment.ts";
import type { ByteString } from "../wire/kv.ts";

const PER_MS = 2_048;
const DIGITS = 14;
export const TOKEN_LENGTH = 22;

export class Stamps {
  readonly #clock: Clock;
  readonly #random: Random;
  #last = 0;

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A token that is greater than all that this object gave or has seen. */
  next(): ByteString {
    this.#last = Math.max(this.#last + 1, Math.floor(this.#clock.wallClock()) * PER_MS);
    return `${hex(this.#last, DIGITS)}${hex(this.#random.uint32(), 8)}`;
  }

  /** The next token is greater than this one, too. */
  seen(token: ByteString): void {
    const stamp = Number.parseInt(token.slice(0, DIGITS), 16);
    if (Number.isSafeInteger(stamp)) this.#last = Math.max(this.#last, stamp);
  }
}

/** A moment as part of a key; ms of Unix time. */
export function moment(ms: number): ByteString {
  return hex(Math.max(0, Math.ceil(ms)), 12);
}

export function momentOf(part: ByteString): number {
  return Number.parseInt(part, 16);
}

export function hex(number: number, digits: number): ByteString {
  return number.toString(16).padStart(digits, "0");
}
