/**
 * What stands behind all `MemoryStore`s of a test: one keyspace, its leases and its watches, without consensus and
 * without a network. Commands are carried out one after the other when they arrive; leases end on time on `clock`.
 */
import type { Clock, Scheduled } from "../../environment.ts";
import { type Command, encodeCommand } from "../../keyspace/command.ts";
import { type CommandResult, Keyspace } from "../../keyspace/keyspace.ts";
import { Lessor } from "../../keyspace/lessor.ts";
import { WatchHub } from "../../keyspace/watch-hub.ts";
import type { LeaseId, ResponseHeader } from "../../wire/kv.ts";

export type Done = Exclude<CommandResult, { type: "error" }>;

/** Changes that lagging watches are told of at once. */
const CATCH_UP_SLICE = 1_000;
/** Leases ended at once. */
const MOST_EXPIRIES = 1_000;

export class MemoryServer {
  /** The true time: leases end by it, and messages take their time by it. */
  readonly clock: Clock;
  readonly keyspace: Keyspace = new Keyspace();
  readonly hub: WatchHub = new WatchHub(this.keyspace);
  readonly #lessor = new Lessor();
  #expiry: Scheduled | null = null;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#lessor.promote(clock.now(), []);
  }

  get header(): ResponseHeader {
    return { clusterId: 1n, memberId: 1n, revision: this.keyspace.revision, raftTerm: 1 };
  }

  /** @throws QuorateError what a member answers; nothing was changed then */
  execute(command: Command): Done {
    if (command.type === "compact") this.hub.publish();
    const result = this.keyspace.apply(encodeCommand(command));
    if (result.type === "error") throw result.error;
    if (result.type === "leaseGrant") this.#lessor.granted(result.id, result.ttl, this.clock.now());
    if (command.type === "leaseRevoke") this.#lessor.revoked(command.id);
    if (command.type === "compact") this.hub.compacted();
    this.hub.publish();
    this.#planExpiry();
    return result;
  }

  /** Seconds that the lease lives from now on; 0: there is no such lease. */
  renew(id: LeaseId): number {
    const ttl = this.#lessor.renew(id, this.clock.now()) ?? 0;
    this.#planExpiry();
    return ttl;
  }

  /** Whole seconds that are left of a lease; -1: there is no such lease. */
  secondsLeft(id: LeaseId): number {
    return this.#lessor.remaining(id, this.clock.now()) ?? -1;
  }

  /** Tells watches that began in the past what they missed. */
  catchUp(): void {
    while (this.hub.catchUp(CATCH_UP_SLICE));
  }

  /** A fault: ends a lease before its time, as an operator does who revokes it. */
  expire(id: LeaseId): void {
    this.execute({ type: "leaseRevoke", id });
  }

  /** A fault: forgets all versions before `revision`, by default all old ones. */
  compact(revision: number = this.keyspace.revision): void {
    this.execute({ type: "compact", revision });
  }

  #planExpiry(): void {
    this.#expiry?.cancel();
    const next = this.#lessor.nextDeadline;
    this.#expiry = next === null ? null : this.clock.after(next - this.clock.now(), () => this.#expireDue());
  }

  #expireDue(): void {
    for (const id of this.#lessor.expired(this.clock.now(), MOST_EXPIRIES)) this.expire(id);
    this.#planExpiry();
  }
}
