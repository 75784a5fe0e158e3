/**
 * Leases as time sees them: only the leader counts down; it proposes the revocation of what expired, and checkpoints
 * what is left of long leases, so that a new leader does not start them over.
 *
 * Renewals and questions for the time left are answered by the leader after it made sure that it still leads: a deposed
 * leader must not extend what its successor lets expire.
 */
import type { Clock } from "../environment.ts";
import type { QuorateError } from "../errors.ts";
import { encodeCommand } from "../keyspace/command.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import type { CommandResult, Keyspace } from "../keyspace/keyspace.ts";
import { Lessor } from "../keyspace/lessor.ts";
import type { LeaseId } from "../wire/kv.ts";

/** Revocations proposed in one tick. */
const MAX_EXPIRED_PER_TICK = 100;

export interface LeasingPorts {
  readonly clock: Clock;
  readonly keyspace: () => Keyspace;
  /** The epoch in which this member leads by now, as far as its engine knows; 0: it does not lead. */
  readonly epochLed: () => number;
  /** For the leadership of `epoch` only: what time has made true for one leader is no order to the next. */
  readonly propose: (command: Uint8Array, epoch: number, done: (result: CommandResult) => void) => void;
  /** Calls back when this member has proven that it leads and has applied all that was committed. */
  readonly linearize: (done: (error: QuorateError | null) => void) => void;
  readonly expired: () => void;
}

/** Somebody who waits for an expired lease to be gone. */
interface Revoking {
  readonly resolve: () => void;
  readonly reject: (error: QuorateError) => void;
}

export class Leasing {
  readonly #lessor = new Lessor();
  readonly #ports: LeasingPorts;
  readonly #revoking = new Map<LeaseId, Revoking[]>();
  /** The epoch of the leadership for which it counts; 0: none. */
  #epoch = 0;

  constructor(ports: LeasingPorts) {
    this.#ports = ports;
  }

  /** The epoch for which this member counts, and in which it still leads; 0: none. An engine is deposed before it says so. */
  get epoch(): number {
    return this.#epoch !== 0 && this.#ports.epochLed() === this.#epoch ? this.#epoch : 0;
  }

  /** This member leads and has applied everything its predecessors committed. */
  promote(): void {
    const epoch = this.#ports.epochLed();
    if (epoch === this.#epoch) return;
    this.demote();
    this.#epoch = epoch;
    this.#lessor.promote(this.#ports.clock.now(), this.#ports.keyspace().leases.list());
  }

  demote(): void {
    if (this.#epoch === 0) return;
    this.#epoch = 0;
    this.#lessor.demote();
    const waiting = [...this.#revoking.values()].flat();
    this.#revoking.clear();
    for (const { reject } of waiting) reject(etcdErrors.notLeader());
  }

  granted(id: LeaseId, ttlSeconds: number): void {
    if (this.#epoch !== 0) this.#lessor.granted(id, ttlSeconds, this.#ports.clock.now());
  }

  revoked(id: LeaseId): void {
    if (this.#epoch !== 0) this.#lessor.revoked(id);
    const waiting = this.#revoking.get(id);
    if (waiting === undefined) return;
    this.#revoking.delete(id);
    for (const { resolve } of waiting) resolve();
  }

  tick(): void {
    const { epoch } = this;
    if (epoch === 0) return;
    const now = this.#ports.clock.now();
    for (const id of this.#lessor.expired(now, MAX_EXPIRED_PER_TICK)) {
      this.#ports.expired();
      // A failed revocation is reported as expired again by the lessor.
      this.#ports.propose(encodeCommand({ type: "leaseRevoke", id }), epoch, () => {});
    }
    const checkpoints = this.#lessor.checkpoints(now);
    if (checkpoints.length > 0) {
      this.#ports.propose(encodeCommand({ type: "leaseCheckpoint", checkpoints }), epoch, (result) => {
        if (result.type === "error") return;
        for (const { id, remainingTtl } of checkpoints) this.#checkpointed(id, remainingTtl);
      });
    }
  }

  /**
   * Seconds to live; 0 for a lease that is unknown or expired, but then only after its keys are gone.
   * @throws QuorateError NOT_LEADER if this member does not lead (any more): ask the one that does.
   */
  async renew(id: LeaseId): Promise<number> {
    await this.#assured();
    const ttl = this.#lessor.renew(id, this.#ports.clock.now());
    if (ttl !== null) {
      if (this.#lessor.isCheckpointVoid(id)) await this.#forgetCheckpoint(id);
      return ttl;
    }
    if (this.#ports.keyspace().leases.get(id) !== null) await this.#gone(id);
    return 0;
  }

  async timeToLive(id: LeaseId): Promise<{ grantedTtl: number; ttl: number } | null> {
    await this.#assured();
    const lease = this.#ports.keyspace().leases.get(id);
    if (lease === null) return null;
    const remaining = this.#lessor.remaining(id, this.#ports.clock.now());
    return remaining === null ? null : { grantedTtl: lease.ttl, ttl: remaining };
  }

  /** A successor must not count down from a checkpoint that is older than a renewal the client was told of. */
  #forgetCheckpoint(id: LeaseId): Promise<void> {
    const command = encodeCommand({ type: "leaseCheckpoint", checkpoints: [{ id, remainingTtl: 0 }] });
    return new Promise((resolve, reject) => {
      this.#ports.propose(command, this.#epoch, (result) => {
        if (result.type === "error") return reject(result.error);
        this.#checkpointed(id, 0);
        resolve();
      });
    });
  }

  #checkpointed(id: LeaseId, remainingTtl: number): void {
    this.#lessor.checkpointed(id, remainingTtl, this.#ports.clock.now());
  }

  /** This member leads, and has applied all that was committed when it was asked. */
  async #assured(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#ports.linearize((error) => (error === null ? resolve() : reject(error)));
    });
    // A read that was asked again may have been answered through a successor.
    if (this.epoch === 0) throw etcdErrors.notLeader();
  }

  #gone(id: LeaseId): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#revoking.get(id);
      if (waiting === undefined) this.#revoking.set(id, [{ resolve, reject }]);
      else waiting.push({ resolve, reject });
    });
  }
}
