import type { Random } from "../../environment.ts";

/** A generator of numbers that a seed fixes (splitmix32). */
export interface Seeded extends Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform, from 0 to below `limit`. */
  below(limit: number): number;
  chance(probability: number): boolean;
}

export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const uint32 = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const next = (): number => uint32() / 2 ** 32;
  return {
    uint32,
    uint64: () => (BigInt(uint32()) << 32n) | BigInt(uint32()),
    next,
    below: (limit) => Math.floor(next() * limit),
    chance: (probability) => next() < probability,
  };
}
