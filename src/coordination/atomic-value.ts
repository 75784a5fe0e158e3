/**
 * A value that is changed only from what it was known to be: compare and set by revision.
 *
 *     value/<name>//value                the value
 *     value/<name>//writer/<lease>       see `register.ts`
 *
 * Promises: a change is made exactly once, and only if nobody changed the value since it was read, also not to something
 * else and back (A-B-A): revisions never come back, values do.
 *
 * How it fails: `OUTCOME_UNKNOWN` as in `register.ts`.
 */
import { type Codec, decodeWith, encodeWith } from "../kv/codec.ts";
import type { CallOptions, ReadOptions } from "../store/store.ts";
import { described, recipePrefix } from "./names.ts";
import { Register } from "./register.ts";
import type { SessionSource } from "./session.ts";

/** A value as it was at a revision; null: there was none. */
export interface Versioned<T> {
  readonly value: T | null;
  /** To compare with; 0: there was none. */
  readonly revision: number;
}

/**
 * A value that is changed only from what it was known to be, by revision: a change to something else and back is
 * noticed.
 *
 * @typeParam In what is written.
 * @typeParam Out what is read.
 */
export class AtomicValue<In, Out = In> {
  readonly name: string;
  readonly #register: Register;
  readonly #codec: Codec<In, Out>;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one */
  constructor(source: SessionSource, name: string, codec: Codec<In, Out>) {
    this.name = name;
    this.#codec = codec;
    this.#register = new Register(source, recipePrefix("value", name), "value", described("atomic value", name));
  }

  async get(options?: ReadOptions): Promise<Versioned<Out>> {
    const { value, revision } = await this.#register.read(options);
    return { value: value === null ? null : decodeWith(this.#codec, value), revision };
  }

  /**
   * Sets it if it is still as it was at `revision` (0: if there is none).
   * @returns the new revision; null: somebody else changed it
   */
  async compareAndSet(revision: number, value: In, options?: CallOptions): Promise<number | null> {
    return await this.#register.compareAndSet(revision, encodeWith(this.#codec, value), options);
  }

  /** Makes something else of it, once. `next` may be asked more than once. Returns what it is then. */
  update(next: (value: Out | null) => In, options?: CallOptions): Promise<In> {
    return this.#register.change((value) => {
      const result = next(value === null ? null : decodeWith(this.#codec, value));
      return { value: encodeWith(this.#codec, result), result };
    }, options);
  }

  /** Sets it, whatever it was. */
  async set(value: In, options?: CallOptions): Promise<void> {
    await this.update(() => value, options);
  }
}
