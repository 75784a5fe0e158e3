/**
 * The timed half of leases: who is alive until when. Only the leader counts; the leases themselves, and what hangs on
 * them, are in the replicated state (`leases.ts`), and an expiry becomes fact only when its revocation is applied.
 *
 *     granted ─▶ counting ─(deadline)─▶ expired: reported, again every 3 s, until `revoked`
 *                 ▲    │
 *                 └renew┘
 *
 * A new leader gives every lease its full time again (nobody could renew while there was no leader), or what was left
 * at the last checkpoint. Time only comes in as an argument: milliseconds of a clock that never jumps.
 */
import type { LeaseId } from "../wire/kv.ts";
import { type DeadlineEntry, DeadlineHeap } from "./lessor-heap.ts";

/** A lease as the replicated state has it. */
export interface StoredLease {
  readonly id: LeaseId;
  /** Granted time to live, in seconds. */
  readonly ttl: number;
  /** Seconds left at the last checkpoint; 0: no checkpoint. */
  readonly remainingTtl: number;
}

/** To be written into the replicated state. */
export interface LeaseCheckpoint {
  readonly id: LeaseId;
  /** Seconds; 0: forget the last checkpoint, the lease was renewed. */
  readonly remainingTtl: number;
}

export interface LessorOptions {
  /** Leases reported as expired in one second, at most. */
  readonly expiriesPerSecond?: number;
  /** What was handed out and has not been applied after this long is handed out again. */
  readonly retryMs?: number;
  /** How often what is left of a long lease is written down; leases shorter than this never are. */
  readonly checkpointIntervalMs?: number;
  /** Added to all leases at a promotion: clients need time to find the new leader. */
  readonly graceMs?: number;
}

/** Checkpoints handed out by one call. */
const CHECKPOINT_BATCH = 1_000;
/** The rate is kept over windows of this length. */
const RATE_WINDOW_MS = 500;
/** At a promotion expiries are spread to this part of the rate, which leaves room for those that come in the ordinary way. */
const PROMOTION_SHARE = 0.75;

/** A lease on one of the two heaps. */
class Alarm implements DeadlineEntry {
  at = 0;
  slot = -1;
  readonly lease: Counting;

  constructor(lease: Counting) {
    this.lease = lease;
  }
}

class Counting {
  readonly id: LeaseId;
  readonly ttlMs: number;
  /** When it expires; stays as it is while the expiry is being reported. */
  deadline: number;
  /** When to report it: the deadline, later a retry. */
  readonly expiry: Alarm = new Alarm(this);
  readonly checkpoint: Alarm = new Alarm(this);
  /**
   * What the replicated state has, or is about to have. `void`: a checkpoint from before the last renewal, until the
   * order to forget it is applied.
   */
  checkpointed: "no" | "yes" | "void";

  constructor(stored: StoredLease, deadline: number) {
    this.id = stored.id;
    this.ttlMs = 1_000 * stored.ttl;
    this.deadline = deadline;
    this.checkpointed = stored.remainingTtl > 0 ? "yes" : "no";
  }
}

export class Lessor {
  readonly #windowLimit: number;
  readonly #expiriesPerSecond: number;
  readonly #retryMs: number;
  readonly #checkpointMs: number;
  readonly #graceMs: number;
  #leading = false;
  readonly #leases = new Map<LeaseId, Counting>();
  readonly #expiries = new DeadlineHeap<Alarm>();
  readonly #checkpoints = new DeadlineHeap<Alarm>();
  #windowStart = Number.NEGATIVE_INFINITY;
  #windowCount = 0;

  constructor(options: LessorOptions = {}) {
    this.#expiriesPerSecond = options.expiriesPerSecond ?? 1_000;
    this.#windowLimit = Math.max(1, Math.floor((this.#expiriesPerSecond * RATE_WINDOW_MS) / 1_000));
    this.#retryMs = options.retryMs ?? 3_000;
    this.#checkpointMs = options.checkpointIntervalMs ?? 300_000;
    this.#graceMs = options.graceMs ?? 0;
  }

  /** Leases that are counted; 0 while not leading. */
  get size(): number {
    return this.#leases.size;
  }

  /** Starts counting all leases of the replicated state. Expiries that would pile up are spread, never brought forward. */
  promote(now: number, leases: Iterable<StoredLease>): void {
    this.demote();
    this.#leading = true;
    const counted = [...leases].map((lease) => {
      const leftMs = 1_000 * (lease.remainingTtl > 0 ? Math.min(lease.remainingTtl, lease.ttl) : lease.ttl);
      return { lease, deadline: now + this.#graceMs + leftMs };
    });
    counted.sort((a, b) => a.deadline - b.deadline);
    // No more than `perSecond` deadlines in any second: each lies a second or more behind the one that many before it.
    const perSecond = Math.max(1, Math.floor(this.#expiriesPerSecond * PROMOTION_SHARE));
    counted.forEach((entry, at) => {
      const before = counted[at - perSecond];
      if (before !== undefined) entry.deadline = Math.max(entry.deadline, before.deadline + 1_000);
      this.#count(entry.lease, entry.deadline, now);
    });
  }

  /** Stops counting: another member leads. */
  demote(): void {
    this.#leading = false;
    this.#leases.clear();
    this.#expiries.clear();
    this.#checkpoints.clear();
    this.#windowStart = Number.NEGATIVE_INFINITY;
    this.#windowCount = 0;
  }

  /** A grant was applied. `ttl` in seconds. */
  granted(id: LeaseId, ttl: number, now: number): void {
    if (!this.#leading) return;
    this.revoked(id);
    this.#count({ id, ttl, remainingTtl: 0 }, now + 1_000 * ttl, now);
  }

  /** A revocation was applied. */
  revoked(id: LeaseId): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#leases.delete(id);
    this.#expiries.remove(lease.expiry);
    this.#checkpoints.remove(lease.checkpoint);
  }

  /**
   * Gives a lease its full time again.
   * @returns its time to live in seconds; null if it is unknown here or has expired: what has expired stays so, because
   * its revocation may be on its way already.
   */
  renew(id: LeaseId, now: number): number | null {
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.deadline <= now) return null;
    lease.deadline = now + lease.ttlMs;
    this.#expiries.set(lease.expiry, lease.deadline);
    if (lease.checkpointed === "no") {
      this.#planCheckpoint(lease, now);
    } else if (lease.checkpointed === "yes") {
      lease.checkpointed = "void";
      this.#checkpoints.set(lease.checkpoint, now);
    }
    return lease.ttlMs / 1_000;
  }

  /**
   * A checkpoint was applied, as `checkpoints` handed it out or as somebody else ordered it. `remainingTtl` in seconds;
   * 0: the replicated state has no checkpoint of this lease any more.
   */
  checkpointed(id: LeaseId, remainingTtl: number, now: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    if (remainingTtl === 0) {
      if (lease.checkpointed !== "void") return;
      lease.checkpointed = "no";
      this.#planCheckpoint(lease, now);
    } else if (lease.checkpointed === "no") {
      // One from before a renewal came behind the order to forget it: that has to be given again.
      lease.checkpointed = "void";
      this.#checkpoints.set(lease.checkpoint, now);
    }
  }

  /**
   * True if the replicated state has, or may have, a checkpoint of this lease that a renewal made void: until the order
   * to forget it is applied (`checkpointed`), a new leader would count down from that checkpoint.
   */
  isCheckpointVoid(id: LeaseId): boolean {
    return this.#leases.get(id)?.checkpointed === "void";
  }

  /** Whole seconds left; null if it is unknown here or has expired. */
  remaining(id: LeaseId, now: number): number | null {
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.deadline <= now) return null;
    return Math.floor((lease.deadline - now) / 1_000);
  }

  /**
   * Leases to revoke now, the longest overdue first: at most `limit`, and no more than the rate allows. Each comes again
   * after a delay if it has not been revoked by then.
   */
  expired(now: number, limit: number): LeaseId[] {
    if (now - this.#windowStart >= RATE_WINDOW_MS) {
      this.#windowStart = now;
      this.#windowCount = 0;
    }
    const due: LeaseId[] = [];
    while (due.length < limit && this.#windowCount < this.#windowLimit) {
      const first = this.#expiries.first;
      if (first === null || first.at > now) break;
      due.push(first.lease.id);
      this.#windowCount += 1;
      this.#expiries.set(first, now + this.#retryMs);
    }
    return due;
  }

  /**
   * What is to be written down now about long leases, so that the next leader does not start them over. The order to
   * forget a checkpoint comes again after a delay if it has not been applied by then.
   */
  checkpoints(now: number): LeaseCheckpoint[] {
    const due: LeaseCheckpoint[] = [];
    while (due.length < CHECKPOINT_BATCH) {
      const first = this.#checkpoints.first;
      if (first === null || first.at > now) break;
      const { lease } = first;
      this.#checkpoints.remove(first);
      const leftMs = lease.deadline - now;
      if (leftMs <= 0) continue;
      if (lease.checkpointed === "void") {
        due.push({ id: lease.id, remainingTtl: 0 });
        this.#checkpoints.set(lease.checkpoint, now + this.#retryMs);
        continue;
      }
      lease.checkpointed = "yes";
      due.push({ id: lease.id, remainingTtl: Math.ceil(leftMs / 1_000) });
      this.#planCheckpoint(lease, now);
    }
    return due;
  }

  /** When `expired` or `checkpoints` will next have something; null: never, as things are. */
  get nextDeadline(): number | null {
    const checkpoint = this.#checkpoints.first?.at ?? null;
    let expiry = this.#expiries.first?.at ?? null;
    if (expiry !== null && this.#windowCount >= this.#windowLimit) {
      expiry = Math.max(expiry, this.#windowStart + RATE_WINDOW_MS);
    }
    if (expiry === null || checkpoint === null) return expiry ?? checkpoint;
    return Math.min(expiry, checkpoint);
  }

  #count(stored: StoredLease, deadline: number, now: number): void {
    const lease = new Counting(stored, deadline);
    this.#leases.set(lease.id, lease);
    this.#expiries.set(lease.expiry, deadline);
    this.#planCheckpoint(lease, now);
  }

  #planCheckpoint(lease: Counting, now: number): void {
    if (lease.deadline - now > this.#checkpointMs) this.#checkpoints.set(lease.checkpoint, now + this.#checkpointMs);
    else this.#checkpoints.remove(lease.checkpoint);
  }
}
