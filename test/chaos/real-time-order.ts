/**
 * The order of revisions must not contradict time: what begins after an answer was given sees at least that answer's
 * revision, and a write gets a higher one. This holds over all keys and all members at once, so it finds a stale read or
 * two histories that the check of a single register cannot.
 */

export interface Stamped {
  /** For people. */
  readonly what: string;
  /** Milliseconds of one clock. */
  readonly start: number;
  readonly end: number;
  /** A write's own revision; for a read, the keyspace's when it was read. */
  readonly revision: number;
  readonly wrote: boolean;
}

/** The contradictions, in words; empty if there are none. */
export function contradictions(operations: readonly Stamped[]): string[] {
  const found: string[] = [];
  const byRevision = new Map<number, Stamped>();
  for (const operation of operations) {
    if (!operation.wrote) continue;
    const twin = byRevision.get(operation.revision);
    if (twin !== undefined) found.push(`${twin.what} and ${operation.what} both wrote revision ${operation.revision}`);
    byRevision.set(operation.revision, operation);
  }
  const byEnd = operations.toSorted((a, b) => a.end - b.end);
  const byStart = operations.toSorted((a, b) => a.start - b.start);
  let ended = 0;
  let highest: Stamped | undefined;
  for (const operation of byStart) {
    for (;;) {
      const next = byEnd[ended];
      if (next === undefined || next.end >= operation.start) break;
      if (highest === undefined || next.revision > highest.revision) highest = next;
      ended++;
    }
    if (highest === undefined) continue;
    if (operation.revision < highest.revision || (operation.wrote && operation.revision === highest.revision)) {
      found.push(
        `${operation.what} got revision ${operation.revision} at ${operation.start.toFixed(1)}..${operation.end.toFixed(1)} ms, ` +
          `after ${highest.what} had been answered with ${highest.revision} at ${highest.end.toFixed(1)} ms`,
      );
    }
  }
  return found;
}
