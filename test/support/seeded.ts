/** Random draws that can be drawn again: a chaos run prints its seed. */
import { randomInt } from "node:crypto";

export interface Seeded {
  readonly seed: number;
  /** A whole number from 0 up to but not including `limit`. */
  below(limit: number): number;
  pick<T>(choices: readonly T[]): T;
}

/** Without `seed`: one from the environment's QUORATE_CHAOS_SEED, else any. The generator is Mulberry32. */
export function seeded(seed: number = seedFromEnvironment()): Seeded {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
  return { seed, below, pick: <T>(choices: readonly T[]) => choices[below(choices.length)] as T };
}

function seedFromEnvironment(): number {
  const text = process.env["QUORATE_CHAOS_SEED"];
  if (text === undefined) return randomInt(2 ** 31);
  const seed = Number(text);
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new Error(`QUORATE_CHAOS_SEED is "${text}": use a whole number from 0 up`);
  }
  return seed;
}
