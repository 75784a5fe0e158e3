/**
 * A session: a lease that is kept alive as long as the process wants it, and everything that hangs on it.
 *
 *     open ──▶ alive ──(now ≥ heldUntil, or the store says: gone)──▶ lost
 *               │  ▲                                                  signal aborted, holds ended, for good
 *               │  └─ renewed at a third of its time to live
 *               └──(close)──▶ closed: revoked, or left to expire
 *
 *     heldUntil = when the last renewal that was answered had left + time to live - margin        (own monotonic clock)
 *
 * Promises: as long as `check()` says true, the lease lives at the store, because the store counts the time to live from
 * a later moment than this side does. `signal` is aborted, and all holds with it, before anybody else can get what hung
 * on the lease. A process that was paused learns of it with the first use: `check`, `assertHeld`, and the getter `signal`
 * compare the clock, and do not rely on a timer that could not fire.
 *
 * Does not promise: that what a paused process had already sent arrives in time. That is what fences are for (`hold.ts`,
 * `guard.ts`; Kleppmann 2016; Jepsen, etcd 3.4.3). A clock that runs more than two percent slower than the store's.
 *
 * Keys: `session/<lease>` only after a write's outcome was unknown, see `settled-writes.ts`.
 */
import type { Clock, Scheduled } from "../environment.ts";
import { assert, type QuorateError } from "../errors.ts";
import { hasCode, Wait } from "../kv/wait.ts";
import { tell } from "../store/diagnostics.ts";
import type { CallOptions, LeaseGrant, Store } from "../store/store.ts";
import type { LeaseId } from "../wire/kv.ts";
import { closedError, invalid, lost } from "./errors.ts";
import { type Leaseholder, SettledWrites } from "./settled-writes.ts";

/** How long others wait when the program dies. */
export interface SessionOptions {
  /**
   * How long the store keeps it without hearing of it, ms; whole seconds are granted, and the store may raise it.
   * Default 10 s. Short: others wait less for what a dead process held. Long: it survives longer outages.
   */
  readonly ttlMs?: number;
}

/** Where recipes get their session from: one, or always one that lives. */
export interface SessionSource {
  readonly store: Store;
  /** Whether a new session takes the place of one that was lost. */
  readonly replaces: boolean;
  /** @throws QuorateError `SESSION_LOST`, `SESSION_CLOSED`, or why none can be opened */
  current(options?: CallOptions): Promise<Session>;
}

const DEFAULT_TTL_MS = 10_000;
/** Leases asked for when it is not known whether one was granted. */
const GRANT_ATTEMPTS = 3;
/** Renewals are asked for this often in one time to live, and repeated four times as often when they fail. */
const RENEWALS_PER_TTL = 3;
const RETRIES_PER_RENEWAL = 4;
/** For clocks that run at different rates, and for what has to be done when it ends. */
const MARGIN_MS = 100;
const MARGIN_SHARE = 0.02;
/** How long `close` tries to revoke the lease. */
const REVOKE_TIMEOUT_MS = 2_000;

/** A lease that is kept alive, and everything that hangs on it. It ends here before it ends at the store. */
export class Session implements SessionSource, Leaseholder, AsyncDisposable {
  readonly store: Store;
  readonly id: LeaseId;
  readonly replaces = false;
  /** Writes in its name whose outcomes become known. */
  readonly writes: SettledWrites;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  readonly #handlers = new Set<(reason: QuorateError) => void>();
  #numbers = 0;
  #ttlMs = 0;
  #heldUntil = 0;
  #end: QuorateError | null = null;
  #closing: Promise<void> | null = null;
  #lastError: Error | null = null;
  #renewal: Scheduled | null = null;
  #expiry: Scheduled | null = null;

  /** @throws QuorateError if the time to live is no number of milliseconds above 0, or the store does not grant it */
  static async open(
    store: Store,
    { ttlMs = DEFAULT_TTL_MS }: SessionOptions = {},
    call?: CallOptions,
  ): Promise<Session> {
    if (!(ttlMs > 0)) {
      throw invalid(`a session cannot live for ${String(ttlMs)} ms: give a number above 0, as ${DEFAULT_TTL_MS}`);
    }
    using wait = new Wait(store.clock, call);
    for (let attempt = 1; ; attempt++) {
      try {
        return new Session(store, await store.grantLease(Math.ceil(ttlMs / 1_000), 0n, wait.call()));
      } catch (error) {
        wait.check();
        // A lease of which nobody knows the id hurts nobody and ends by itself, so that another one may be asked for.
        if (!hasCode(error, "OUTCOME_UNKNOWN") || attempt === GRANT_ATTEMPTS) throw error;
      }
    }
  }

  private constructor(store: Store, grant: LeaseGrant) {
    this.store = store;
    this.id = grant.id;
    this.#clock = store.clock;
    this.writes = new SettledWrites(this);
    this.#extend(grant.sentAt, grant.ttlSeconds);
    this.#watchExpiry();
    this.#planRenewal(grant.sentAt + this.#ttlMs / RENEWALS_PER_TTL);
    tell(store, "quorate:session:opened", () => ({ store, lease: grant.id, error: null }));
  }

  /** As granted, ms. */
  get ttlMs(): number {
    return this.#ttlMs;
  }

  /** Until when it lives whatever happens, on the store's clock. */
  get heldUntil(): number {
    return this.#heldUntil;
  }

  /** Aborted when it ends, with a `QuorateError` that says why. */
  get signal(): AbortSignal {
    this.check();
    return this.#controller.signal;
  }

  /** Why the last renewal failed; null: it did not. */
  get lastError(): Error | null {
    return this.#lastError;
  }

  /** Whether it lives now. */
  check(): boolean {
    if (this.#end === null && this.#clock.now() >= this.#heldUntil) {
      this.#finish(lost(this.id, "it could not be renewed in time", this.#lastError));
    }
    return this.#end === null;
  }

  /** @throws QuorateError `SESSION_LOST` or `SESSION_CLOSED` */
  assertHeld(): void {
    if (!this.check() && this.#end !== null) throw this.#end;
  }

  /** For names that are used once: 1, 2, … */
  nextNumber(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  async current(): Promise<Session> {
    this.assertHeld();
    return this;
  }

  /** Calls `handle` when it ends, before its signal is aborted, at once if it has ended; the result takes that back. */
  onEnd(handle: (reason: QuorateError) => void): () => void {
    if (!this.check() && this.#end !== null) {
      handle(this.#end);
      return () => undefined;
    }
    this.#handlers.add(handle);
    return () => {
      this.#handlers.delete(handle);
    };
  }

  /**
   * Ends it, and with it all that hangs on it. Never rejects: a lease that could not be revoked in time ends by itself.
   */
  close({ signal, timeoutMs = REVOKE_TIMEOUT_MS }: CallOptions = {}): Promise<void> {
    this.#closing ??= (async () => {
      if (!this.check()) return;
      this.#finish(closedError(this.id));
      await this.store
        .revokeLease(this.id, { timeoutMs, ...(signal === undefined ? {} : { signal }) })
        .catch(() => undefined);
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The store says that the lease is gone, or that it is closed itself. */
  gone(cause?: unknown): void {
    const why = hasCode(cause, "CLOSED") ? "the store is closed" : "the store does not know its lease any more";
    if (this.check()) this.#finish(lost(this.id, why, cause));
  }

  #finish(reason: QuorateError): void {
    assert(this.#end === null, "a session ended twice");
    this.#end = reason;
    this.#renewal?.cancel();
    this.#expiry?.cancel();
    const handlers = [...this.#handlers];
    this.#handlers.clear();
    for (const handle of handlers) handle(reason);
    this.#controller.abort(reason);
    const { store, id: lease } = this;
    const name = hasCode(reason, "SESSION_CLOSED") ? "quorate:session:closed" : "quorate:session:lost";
    tell(store, name, () => ({ store, lease, error: reason }));
  }

  #extend(sentAt: number, ttlSeconds: number): void {
    this.#ttlMs = 1_000 * ttlSeconds;
    const marginMs = MARGIN_MS + MARGIN_SHARE * this.#ttlMs;
    this.#heldUntil = Math.max(this.#heldUntil, sentAt + this.#ttlMs - marginMs);
  }

  #watchExpiry(): void {
    const left = Math.max(0, this.#heldUntil - this.#clock.now());
    this.#expiry = this.#clock.after(Math.min(left, LONGEST_TIMER_MS), () => {
      if (this.check()) this.#watchExpiry();
    });
  }

  #planRenewal(at: number): void {
    const delay = Math.min(Math.max(0, at - this.#clock.now()), LONGEST_TIMER_MS);
    this.#renewal = this.#clock.after(delay, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    if (!this.check()) return;
    const intervalMs = this.#ttlMs / RENEWALS_PER_TTL;
    const begun = this.#clock.now();
    try {
      const timeoutMs = Math.min(intervalMs, this.#heldUntil - begun);
      const renewal = await this.store.keepLeaseAlive(this.id, { timeoutMs, signal: this.#controller.signal });
      if (!this.check()) return;
      if (renewal.ttlSeconds <= 0) return this.gone();
      this.#lastError = null;
      this.#extend(renewal.sentAt, renewal.ttlSeconds);
      this.#planRenewal(renewal.sentAt + this.#ttlMs / RENEWALS_PER_TTL);
    } catch (error) {
      if (!this.check()) return;
      if (hasCode(error, "LEASE_NOT_FOUND", "CLOSED")) return this.gone(error);
      this.#lastError = error instanceof Error ? error : new Error(String(error));
      this.#planRenewal(Math.max(this.#clock.now(), begun + intervalMs / RETRIES_PER_RENEWAL));
    }
  }
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;
