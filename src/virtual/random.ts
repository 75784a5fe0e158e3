import { SeededRandom } from "../consensus/random.ts";
import type { Random } from "../environment.ts";

/** The port of chance over one stream of draws. */
export class VirtualRandom implements Random {
  readonly #stream: SeededRandom;

  constructor(stream: SeededRandom) {
    this.#stream = stream;
  }

  uint32(): number {
    return this.#stream.uint32();
  }

  uint64(): bigint {
    return (BigInt(this.#stream.uint32()) << 32n) | BigInt(this.#stream.uint32());
  }
}

/** A stream of its own, one draw away: what is drawn from it shifts nobody else's draws. */
export function streamFrom(random: SeededRandom): SeededRandom {
  return new SeededRandom(random.uint32());
}

/** A seed that a name gives, the same whenever it is asked for (FNV-1a, 32 bits). */
export function seedOfName(seed: number, name: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
