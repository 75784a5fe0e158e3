/**
 * The fields that a peer has sent before, the newest first (RFC 7541 §2.3.2). What does not fit any more falls out at
 * the other end.
 *
 *     slots   [ . . . oldest ... ... newest . . . ]      a ring
 *                                     ^ newest
 */
import type { Field } from "./field.ts";

/** No field is smaller (RFC 7541 §4.1). */
const SMALLEST_FIELD = 32;

export class DynamicTable {
  /** Changes when what stands at some index may have changed. */
  version = 0;
  readonly #slots: (Field | undefined)[];
  #newest = 0;
  #count = 0;
  #size = 0;
  #maxSize: number;

  /** @param capacity octets that the peer may use at most */
  constructor(capacity: number) {
    const slots = Math.max(1, Math.floor(capacity / SMALLEST_FIELD));
    this.#slots = Array.from({ length: slots }, () => undefined);
    this.#maxSize = capacity;
  }

  /** The field that was added `age` additions ago; undefined if there is none (any more). */
  get(age: number): Field | undefined {
    if (age >= this.#count) return undefined;
    const at = this.#newest - age;
    return this.#slots[at < 0 ? at + this.#slots.length : at];
  }

  /** A field larger than the table empties it, and is not kept: that is no error (RFC 7541 §4.4). */
  add(field: Field): void {
    this.version += 1;
    this.#evict(this.#maxSize - field.size);
    if (field.size > this.#maxSize) return;
    this.#newest = (this.#newest + 1) % this.#slots.length;
    this.#slots[this.#newest] = field;
    this.#count += 1;
    this.#size += field.size;
  }

  /** @param maxSize octets, at most the capacity */
  resize(maxSize: number): void {
    this.version += 1;
    this.#maxSize = maxSize;
    this.#evict(maxSize);
  }

  /** Lets the oldest go until the rest has at most `size` octets. */
  #evict(size: number): void {
    const slots = this.#slots;
    while (this.#count > 0 && this.#size > size) {
      const oldest = (this.#newest - this.#count + 1 + slots.length) % slots.length;
      this.#size -= slots[oldest]?.size ?? 0;
      slots[oldest] = undefined;
      this.#count -= 1;
    }
  }
}
