/** Revisions that calls without an answer, or ends of leases, may have taken: those that no change in an answer names. */
import type { Call } from "../history.ts";
import { type AnsweredCall, hasChanged, isAnswered, isSerializable } from "./client-calls.ts";
import { FIRST_REVISION } from "./true-store.ts";

export class FreeRevisions {
  readonly #free: readonly number[];
  readonly #ordered: readonly AnsweredCall[];
  readonly #before = new Map<Call, number>();

  constructor(calls: readonly Call[]) {
    // A renewal's header is what its member had before, a serializable read's what it happens to have.
    this.#ordered = calls
      .filter(isAnswered)
      .filter(({ request }) => request.type !== "leaseKeepAlive" && !isSerializable(request));
    const named = new Set<number>();
    let newest = FIRST_REVISION;
    for (const { outcome } of this.#ordered) {
      if (hasChanged(outcome.result)) named.add(outcome.revision);
      newest = Math.max(newest, outcome.revision);
    }
    const free: number[] = [];
    for (let revision = FIRST_REVISION + 1; revision <= newest; revision++) {
      if (!named.has(revision)) free.push(revision);
    }
    this.#free = free;
  }

  /** The newest revision that had been answered when a call was invoked: its own, if it made a change, is greater. */
  before(call: Call): number {
    let before = this.#before.get(call);
    if (before === undefined) {
      before = FIRST_REVISION;
      for (const { outcome, returned } of this.#ordered) {
        if (returned.order < call.invoked.order) before = Math.max(before, outcome.revision);
      }
      this.#before.set(call, before);
    }
    return before;
  }

  /** The free ones after a revision, up to and with another. */
  between(after: number, last: number): number[] {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#free[middle] as number) <= after) low = middle + 1;
      else high = middle;
    }
    const found: number[] = [];
    for (let at = low; at < this.#free.length; at++) {
      const revision = this.#free[at] as number;
      if (revision > last) break;
      found.push(revision);
    }
    return found;
  }
}
