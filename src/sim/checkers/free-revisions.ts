/** Revisions that calls without an answer, or ends of leases, may have taken: those that no change in an answer names. */
import type { Call } from "../history.ts";
import { hasChanged, isAnswered, isSerializable } from "./client-calls.ts";
import { FIRST_REVISION } from "./true-store.ts";

export class FreeRevisions {
  readonly #free: readonly number[];
  readonly #before = new Map<Call, number>();

  constructor(calls: readonly Call[]) {
    // A renewal's header is what its member had before, a serializable read's what it happens to have.
    const ordered = calls
      .filter(isAnswered)
      .filter(({ request }) => request.type !== "leaseKeepAlive" && !isSerializable(request));
    const named = new Set<number>();
    let newest = FIRST_REVISION;
    for (const { outcome } of ordered) {
      if (hasChanged(outcome.result)) named.add(outcome.revision);
      newest = Math.max(newest, outcome.revision);
    }
    const free: number[] = [];
    for (let revision = FIRST_REVISION + 1; revision <= newest; revision++) {
      if (!named.has(revision)) free.push(revision);
    }
    this.#free = free;

    const byReturn = ordered.sort((a, b) => a.returned.order - b.returned.order);
    let returned = 0;
    let before = FIRST_REVISION;
    for (const call of [...calls].sort((a, b) => a.invoked.order - b.invoked.order)) {
      for (; ; returned++) {
        const earlier = byReturn[returned];
        if (earlier === undefined || earlier.returned.order > call.invoked.order) break;
        before = Math.max(before, earlier.outcome.revision);
      }
      this.#before.set(call, before);
    }
  }

  /** The newest revision that had been answered when a call was invoked: its own, if it made a change, is greater. */
  before(call: Call): number {
    return this.#before.get(call) ?? FIRST_REVISION;
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
