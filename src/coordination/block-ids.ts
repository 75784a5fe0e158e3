/**
 * Numbers that nobody else gets: 1, 2, 3, … A program takes a block of them with one change, and gives them out itself.
 *
 *     ids/<name>//next                   the last number that was taken, in decimal
 *     ids/<name>//writer/<lease>         see `register.ts`
 *
 * Promises: each number is given once. One program's numbers grow.
 *
 * Does not promise: no gaps: the rest of a block is lost with its program, and a whole one when an answer stays unknown.
 * An order between programs: for that, `counter.ts`.
 */
import type { CallOptions } from "../store/store.ts";
import { numberOf } from "./counter.ts";
import { invalid } from "./errors.ts";
import { described, recipePrefix } from "./names.ts";
import { Register } from "./register.ts";
import type { SessionSource } from "./session.ts";

/** How many numbers a program takes at once. */
export interface BlockIdsOptions {
  /** Numbers taken at once: larger means fewer calls and larger gaps. Default 1000. */
  readonly blockSize?: number;
}

/** 1, 2, 3, …, each given once; a program takes a block of them at a time, so that there are gaps. Keep the object. */
export class BlockIds {
  readonly name: string;
  readonly #register: Register;
  readonly #what: string;
  readonly #blockSize: bigint;
  #next = 0n;
  #end = 0n;
  #taking: Promise<void> | null = null;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one, or `blockSize` is no number of them */
  constructor(source: SessionSource, name: string, { blockSize = 1_000 }: BlockIdsOptions = {}) {
    if (!Number.isSafeInteger(blockSize) || blockSize < 1) {
      throw invalid(`a block cannot have ${String(blockSize)} ids: give a whole number from 1 on`);
    }
    this.name = name;
    this.#what = described("ids", name);
    this.#blockSize = BigInt(blockSize);
    this.#register = new Register(source, recipePrefix("ids", name), "next", this.#what);
  }

  /** From 1 on. */
  async next(options?: CallOptions): Promise<bigint> {
    while (this.#next === this.#end) {
      this.#taking ??= this.#take(options).finally(() => {
        this.#taking = null;
      });
      await this.#taking;
    }
    this.#next += 1n;
    return this.#next;
  }

  async #take(options: CallOptions | undefined): Promise<void> {
    this.#end = await this.#register.change((value) => {
      const end = numberOf(value, this.#what) + this.#blockSize;
      return { value: end.toString(), result: end };
    }, options);
    this.#next = this.#end - this.#blockSize;
  }
}
