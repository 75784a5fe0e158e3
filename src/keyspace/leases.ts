/**
 * Leases as the log knows them: which exist, for how long they were granted, and which keys hang on each. The same on
 * all members. Time is not here: the leader counts down (`lessor.ts`) and proposes a revocation.
 */
import type { ByteString, LeaseId } from "../wire/kv.ts";
import { etcdErrors } from "./etcd-errors.ts";

/** Seconds; about 285 years. More is refused, as in etcd. */
export const MAX_LEASE_TTL_SECONDS = 9_000_000_000;

/** Seconds. A smaller TTL is raised to it. Proposers may ask for more (etcd: one and a half election timeouts). */
export const MIN_LEASE_TTL_SECONDS = 1;

/** A grant. Never changed, but replaced. */
export interface Lease {
  readonly id: LeaseId;
  /** Seconds, as granted. */
  readonly ttl: number;
  /** Seconds left at the last checkpoint; 0: there was none since the grant or the last renewal. */
  readonly remainingTtl: number;
}

/** What everybody may ask. */
export interface LeaseRegistry {
  readonly size: number;
  get(id: LeaseId): Lease | null;
  /** The keys on a lease in order; none for one that does not exist. */
  keys(id: LeaseId): ByteString[];
  /** All leases in the order of their grants. */
  list(): Lease[];
}

export class Leases implements LeaseRegistry {
  readonly #leases = new Map<LeaseId, Lease>();
  /** Only leases with keys. */
  readonly #keys = new Map<LeaseId, Set<ByteString>>();

  get size(): number {
    return this.#leases.size;
  }

  get(id: LeaseId): Lease | null {
    return this.#leases.get(id) ?? null;
  }

  keys(id: LeaseId): ByteString[] {
    return [...(this.#keys.get(id) ?? [])].sort();
  }

  list(): Lease[] {
    return [...this.#leases.values()];
  }

  /** @throws QuorateError if the id is 0n or taken, or the TTL too large */
  grant(id: LeaseId, ttl: number): Lease {
    if (id === 0n) throw etcdErrors.leaseNotFound();
    if (ttl > MAX_LEASE_TTL_SECONDS) throw etcdErrors.leaseTtlTooLarge();
    if (this.#leases.has(id)) throw etcdErrors.leaseExists();
    const lease = { id, ttl: Math.max(ttl, MIN_LEASE_TTL_SECONDS), remainingTtl: 0 };
    this.#leases.set(id, lease);
    return lease;
  }

  /** Puts back what a snapshot holds. Returns false for an id that is there already. */
  restore(lease: Lease): boolean {
    if (this.#leases.has(lease.id)) return false;
    this.#leases.set(lease.id, lease);
    return true;
  }

  /** Forgets a lease. Its keys must be deleted by the caller, who has asked for them before. */
  revoke(id: LeaseId): void {
    this.#leases.delete(id);
    this.#keys.delete(id);
  }

  /** Notes how many seconds a lease has left; 0: all of them. Unknown leases are passed over: revoked meanwhile. */
  checkpoint(id: LeaseId, remainingTtl: number): void {
    const lease = this.#leases.get(id);
    if (lease !== undefined) this.#leases.set(id, { ...lease, remainingTtl });
  }

  /** Hangs a key on a lease (0n: on none), after it hung on `before`. */
  attach(key: ByteString, id: LeaseId, before: LeaseId): void {
    if (id === before) return;
    this.detach(key, before);
    if (id === 0n) return;
    const keys = this.#keys.get(id);
    if (keys === undefined) this.#keys.set(id, new Set([key]));
    else keys.add(key);
  }

  detach(key: ByteString, id: LeaseId): void {
    if (id === 0n) return;
    const keys = this.#keys.get(id);
    if (keys === undefined) return;
    keys.delete(key);
    if (keys.size === 0) this.#keys.delete(id);
  }
}
