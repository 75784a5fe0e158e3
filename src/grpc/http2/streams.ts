/**
 * The streams of one connection: those that are open, and what became of those that closed last.
 *
 * Numbers of streams are odd and only grow, so a stream's number is its place in an array, modulo its length:
 *
 *     slots  [ 17 | 3? | 5 | 7 | ... | 15 ]       `long`: streams that were in the way of a later one
 *
 * A Map of all would be made anew every few requests, and while it lives on as garbage it would drag along every stream
 * that was open then (measured: a third of the time of a busy door was spent on collecting these).
 */
/** What is kept here. */
interface Numbered {
  readonly id: number;
}

/** Places at the beginning; there are always at least twice as many as open streams. */
const LEAST_SLOTS = 16;
/** Closed streams that are remembered: the peer's frames for them may still be on their way. */
const REMEMBERED = 64;

export class Streams<S extends Numbered> {
  /** The highest number that was used; all below it that are not open are closed. */
  lastId = 0;
  #size = 0;
  #slots: (S | null)[] = emptySlots(LEAST_SLOTS);
  readonly #long = new Map<number, S>();
  /** Numbers of streams that closed, in a ring; negative for those that we have reset. */
  readonly #closed: Int32Array<ArrayBuffer> = new Int32Array(REMEMBERED);
  #next = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): S | null {
    const stream = this.#slots[this.#slotOf(id)] ?? null;
    if (stream !== null && stream.id === id) return stream;
    return this.#long.size === 0 ? null : (this.#long.get(id) ?? null);
  }

  add(stream: S): void {
    this.#size += 1;
    if (this.#size * 2 > this.#slots.length) this.#grow();
    this.#put(stream);
  }

  remove(id: number, wasResetByUs: boolean): void {
    this.#closed[this.#next] = wasResetByUs ? -id : id;
    this.#next = (this.#next + 1) % REMEMBERED;
    const slot = this.#slotOf(id);
    if (this.#slots[slot]?.id === id) this.#slots[slot] = null;
    else if (!this.#long.delete(id)) return;
    this.#size -= 1;
  }

  /** We have told the peer that we are done with it, so what comes for it was sent before it knew. */
  wasResetByUs(id: number): boolean {
    return this.#closed.includes(-id);
  }

  /** False also for one that closed long ago. */
  hasClosed(id: number): boolean {
    return this.#closed.includes(id);
  }

  all(): S[] {
    return [...this.#long.values(), ...this.#slots.filter((stream) => stream !== null)];
  }

  #slotOf(id: number): number {
    return (id >>> 1) & (this.#slots.length - 1);
  }

  /** The place is the newer stream's: it is likely to be gone soon. */
  #put(stream: S): void {
    const slot = this.#slotOf(stream.id);
    const before = this.#slots[slot] ?? null;
    if (before !== null) this.#long.set(before.id, before);
    this.#slots[slot] = stream;
  }

  #grow(): void {
    const streams = this.#slots;
    this.#slots = emptySlots(2 * streams.length);
    for (const stream of streams) if (stream !== null) this.#put(stream);
  }
}

function emptySlots(length: number): null[] {
  return Array.from({ length }, () => null);
}
