/** Numbers for values that occur over and over, so that a state of a whole run is a few of them. */
import type { Envelope, Process } from "./process.ts";

/** Values by number, numbers by what the value says. */
export class Interned<Value> {
  readonly values: Value[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(value: Value): number {
    const key = JSON.stringify(value);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (this.values.length > 0xffff) throw new Error(`more than ${0xffff} kinds of values, this is one: ${key}`);
    this.#numbers.set(key, this.values.length);
    return this.values.push(value) - 1;
  }

  at(number: number): Value {
    return this.values[number] as Value;
  }
}

export type Processes = Interned<Process>;
export type Envelopes = Interned<Envelope>;

/** Growable array of 32-bit numbers: the graph of a run has tens of millions of them. */
export class Numbers {
  #array = new Int32Array(1 << 16);
  length = 0;

  push(value: number): void {
    if (this.length === this.#array.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.#array);
      this.#array = larger;
    }
    this.#array[this.length++] = value;
  }

  at(index: number): number {
    return this.#array[index] as number;
  }
}

/**
 * Time as exhaustive runs know it: none passes, and of a process's timers it only counts which are set. A state is the
 * same whenever it is reached.
 */
export const clock = { now: 0, resendDue: 1, limitDue: 2 } as const;

export function timeless(process: Process): Process {
  const { state } = process;
  if (state === null) return process;
  const resendAt = state.resendAt === null ? null : clock.resendDue;
  const limitAt = state.limitAt === null ? null : clock.limitDue;
  return { ...process, state: { ...state, resendAt, limitAt } };
}
