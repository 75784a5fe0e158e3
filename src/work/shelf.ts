import { hasCode, type Wait } from "../kv/wait.ts";
import type { Store } from "../store/store.ts";
import type { LeaseId } from "../wire/kv.ts";

const GRANT_ATTEMPTS = 3;

/**
 * Leases for what is to be kept for a time and then forgotten: many keys share one, and nobody has to look for those that
 * are old. Each is used for a quarter of the time, and never renewed.
 */
export class Shelf {
  readonly #store: Store;
  readonly #keepMs: number;
  readonly #marginMs: number;
  #current: { readonly lease: LeaseId; readonly until: number } | null = null;
  #granting: Promise<LeaseId> | null = null;

  /** @param marginMs longer than a write may be under way: a lease that ended meanwhile would fail it */
  constructor(store: Store, keepMs: number, marginMs: number) {
    this.#store = store;
    this.#keepMs = keepMs;
    this.#marginMs = marginMs;
  }

  /** A key that is put on it now is kept for `keepMs` at least. */
  async lease(wait: Wait): Promise<LeaseId> {
    if (this.#current !== null && this.#store.clock.now() < this.#current.until) return this.#current.lease;
    this.#granting ??= this.#grant().finally(() => {
      this.#granting = null;
    });
    return await wait.for(this.#granting);
  }

  async #grant(): Promise<LeaseId> {
    const seconds = Math.ceil((this.#keepMs * 1.25 + this.#marginMs) / 1_000);
    for (let attempt = 1; ; attempt++) {
      try {
        const { id, sentAt } = await this.#store.grantLease(seconds);
        this.#current = { lease: id, until: sentAt + this.#keepMs / 4 };
        return id;
      } catch (error) {
        // A lease of which nobody knows ends by itself.
        if (!hasCode(error, "OUTCOME_UNKNOWN") || attempt === GRANT_ATTEMPTS) throw error;
      }
    }
  }
}
