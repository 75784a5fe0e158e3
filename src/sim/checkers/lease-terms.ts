/** The leases there truly were, and which keys hung on each when it ended. */
import type { ByteString, LeaseId, WatchEvent } from "../../wire/kv.ts";
import type { Moment, TrueChange, TrueLease, Truth } from "../history.ts";

/** From a grant to the revocation; an id may be granted again later. */
export class LeaseTerms {
  readonly #terms = new Map<LeaseId, TrueLease[]>();

  constructor({ leases }: Truth) {
    for (const lease of leases) {
      const terms = this.#terms.get(lease.id) ?? [];
      terms.push(lease);
      this.#terms.set(lease.id, terms);
    }
    for (const terms of this.#terms.values()) terms.sort((a, b) => a.granted.order - b.granted.order);
  }

  of(id: LeaseId): readonly TrueLease[] {
    return this.#terms.get(id) ?? [];
  }

  /** The one that had been granted last by a moment. */
  at(id: LeaseId, { order }: Moment): TrueLease | null {
    return this.of(id).findLast(({ granted }) => granted.order <= order) ?? null;
  }

  /** The one whose end a revision is. */
  endedAt(id: LeaseId, revision: number): TrueLease | null {
    return this.of(id).find(({ revokedRevision }) => revokedRevision === revision) ?? null;
  }
}

/** Keys on leases, change by change. */
export class Attachments {
  readonly #leaseOf = new Map<ByteString, LeaseId>();

  apply({ type, kv }: WatchEvent): void {
    if (type === "put" && kv.lease !== 0n) this.#leaseOf.set(kv.key, kv.lease);
    else this.#leaseOf.delete(kv.key);
  }

  /** In order. */
  keysOn(id: LeaseId): ByteString[] {
    return [...this.#leaseOf]
      .filter(([, lease]) => lease === id)
      .map(([key]) => key)
      .sort();
  }

  /** Keys that the end of a lease left behind, or took along though they were not on it. */
  wronglyDeleted({ events, revokedLease }: TrueChange): { left: ByteString[]; taken: ByteString[] } {
    if (revokedLease === null) return { left: [], taken: [] };
    const keys = this.keysOn(revokedLease);
    const deleted = events.filter(({ type }) => type === "delete").map(({ kv }) => kv.key);
    const put = events.filter(({ type }) => type === "put").map(({ kv }) => kv.key);
    return {
      left: keys.filter((key) => !deleted.includes(key)),
      taken: [...put, ...deleted.filter((key) => !keys.includes(key))],
    };
  }
}
