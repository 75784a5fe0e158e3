/**
 * The book of all grants: who held what from when to when, by the times at which the holders themselves found that they
 * hold it. Between the first and the last of these it was held: what was lost is never held again.
 *
 *     fence 4   ├──────┤                 first and last time at which its holder looked, and held it
 *     fence 9       ├─────────┤          for a lock: a fault
 */
import type { Domain, Grant } from "./messages.ts";

export interface Holding extends Grant {
  readonly first: number;
  readonly last: number;
}

export class Holdings {
  readonly #held = new Map<Domain, Map<number, Holding>>();
  /** Fences with which two grants came. */
  readonly disputes: string[] = [];

  /** A holder has found at `at` that it holds it. */
  note({ domain, grant, fence, weight }: Grant, at: number): void {
    const ofDomain = this.#held.get(domain) ?? new Map<number, Holding>();
    this.#held.set(domain, ofDomain);
    const known = ofDomain.get(fence);
    if (known !== undefined && known.grant !== grant) {
      this.disputes.push(`${domain}: fence ${fence} was given to ${known.grant} and to ${grant}`);
    }
    const first = Math.min(at, known?.first ?? at);
    const last = Math.max(at, known?.last ?? at);
    ofDomain.set(fence, { domain, grant: known?.grant ?? grant, fence, weight, first, last });
  }

  /** In the order of their fences. */
  of(domain: Domain): readonly Holding[] {
    return [...(this.#held.get(domain)?.values() ?? [])].sort((a, b) => a.fence - b.fence);
  }

  /** The newest grant that is known; null: there was none. */
  newest(domain: Domain): Holding | null {
    let newest: Holding | null = null;
    for (const holding of this.#held.get(domain)?.values() ?? []) {
      if (newest === null || holding.fence > newest.fence) newest = holding;
    }
    return newest;
  }
}

/** Times at which more was held than `limit`. */
export function excesses(holdings: readonly Holding[], limit: number): string[] {
  const faults: string[] = [];
  let held: Holding[] = [];
  for (const next of holdings.toSorted((a, b) => a.first - b.first)) {
    held = held.filter(({ last }) => last >= next.first);
    held.push(next);
    const sum = held.reduce((all, { weight }) => all + weight, 0);
    if (sum > limit) faults.push(`${sum} of ${limit} held at once: ${held.map(shown).join(", ")}`);
  }
  return faults;
}

/** Grants that exclude each other but came in another order than their fences. */
export function misorders(holdings: readonly Holding[], limit: number): string[] {
  const faults: string[] = [];
  const inTime = holdings.toSorted((a, b) => a.first - b.first);
  for (const [at, later] of inTime.entries()) {
    for (const earlier of inTime.slice(Math.max(0, at - NEIGHBOURS), at)) {
      if (earlier.weight + later.weight <= limit || earlier.fence < later.fence) continue;
      faults.push(`${shown(later)} came after ${shown(earlier)}`);
    }
  }
  return faults;
}

/** Looked back this far for one that is out of its order: all others are compared with these. */
const NEIGHBOURS = 50;

function shown({ grant, fence, first, last }: Holding): string {
  return `${grant} with fence ${fence} from ${first} to ${last}`;
}
