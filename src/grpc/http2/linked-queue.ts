/** What can stand in a queue: one at a time. */
export interface Linked<T extends Linked<T>> {
  queue: LinkedQueue<T> | null;
  previous: T | null;
  next: T | null;
}

/**
 * Things one behind the other, linked by themselves: a queue that costs nothing, and that anything leaves at once, from
 * wherever it stands.
 *
 *     #first ─▶ thing ◀previous─next▶ thing ◀previous─next▶ thing ◀─ #last
 */
export class LinkedQueue<T extends Linked<T>> {
  #first: T | null = null;
  #last: T | null = null;

  get isEmpty(): boolean {
    return this.#first === null;
  }

  /** The one in front; those behind it follow by `next`. */
  get first(): T | null {
    return this.#first;
  }

  push(one: T): void {
    one.queue = this;
    one.previous = this.#last;
    if (this.#last === null) this.#first = one;
    else this.#last.next = one;
    this.#last = one;
  }

  shift(): T | null {
    const one = this.#first;
    if (one !== null) this.remove(one);
    return one;
  }

  /** Takes out what stands in this queue. */
  remove(one: T): void {
    const { previous, next } = one;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    one.previous = null;
    one.next = null;
    one.queue = null;
  }
}
