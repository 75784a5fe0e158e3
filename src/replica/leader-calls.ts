/**
 * Calls that only a leader can answer, made on any member: by itself if it leads, else by asking the leader
 * (`leader-answers.ts` is the other end).
 */
import type { Status } from "../consensus/engine.ts";
import type { Clock, MemberId, Random } from "../environment.ts";
import { QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import type { MemberRegistry } from "../keyspace/members.ts";
import type { LeaseId } from "../wire/kv.ts";
import type { MemberChange, MemberChanged } from "./face.ts";
import type { Leasing } from "./leasing.ts";
import { changeMembership } from "./membership-changes.ts";
import type { Reconfiguration } from "./reconfigurations.ts";
import { Operation, type Requests } from "./requests.ts";

/** A question that may be asked twice is asked again, of the next leader, after one of these answers. */
const ASK_AGAIN: ReadonlySet<string> = new Set([
  "NOT_LEADER",
  "NO_LEADER",
  "LEADER_CHANGED",
  "TIMEOUT_LEADER_FAIL",
  "TIMEOUT_CONNECTION_LOST",
]);
const ASK_AGAIN_MS = 50;

export interface LeaderCallPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly requests: Requests;
  readonly leasing: Leasing;
  readonly status: () => Status;
  readonly stopped: () => boolean;
  readonly members: () => MemberRegistry;
  readonly linearize: (done: (error: QuorateError | null) => void) => void;
  readonly reconfigure: (plan: () => Reconfiguration, done: (error: QuorateError | null) => void) => void;
  readonly strictReconfigCheck: boolean;
  /** How long a call may take, with all that is asked again. */
  readonly timeoutMs: number;
}

export class LeaderCalls {
  readonly #ports: LeaderCallPorts;

  constructor(ports: LeaderCallPorts) {
    this.#ports = ports;
  }

  get leads(): boolean {
    return this.#ports.status().role === "leader";
  }

  renewLease(id: LeaseId): Promise<number> {
    return this.#repeatable(
      () => this.#ports.leasing.renew(id),
      Operation.renewLease,
      { id: id.toString() },
      (answer) => (typeof answer === "number" ? answer : 0),
    );
  }

  leaseTimeToLive(id: LeaseId): Promise<{ grantedTtl: number; ttl: number } | null> {
    return this.#repeatable(
      () => this.#ports.leasing.timeToLive(id),
      Operation.leaseTimeToLive,
      { id: id.toString() },
      (answer) => {
        if (answer === null || typeof answer !== "object") return null;
        const { grantedTtl, ttl } = answer as { grantedTtl?: unknown; ttl?: unknown };
        return typeof grantedTtl === "number" && typeof ttl === "number" ? { grantedTtl, ttl } : null;
      },
    );
  }

  /** Asked once: a change whose fate is unknown must not be made twice. */
  async changeMembership(change: MemberChange): Promise<MemberChanged> {
    if (this.#ports.stopped()) throw etcdErrors.serverStopped();
    const { random, status, members, strictReconfigCheck: strict, reconfigure } = this.#ports;
    if (this.leads) return await changeMembership(change, { random, status, members, strict, reconfigure });
    const args = change.type === "add" ? change : { type: change.type, id: change.id.toString() };
    const id = BigInt(String(await this.#ask(Operation.changeMembership, args)));
    // What the leader has applied, this member must have too before it answers.
    await new Promise<void>((resolve, reject) => {
      this.#ports.linearize((error) => (error === null ? resolve() : reject(error)));
    });
    const list = members().list();
    const gone = { id, name: "", peerUrls: [], clientUrls: [], isLearner: false };
    return { member: list.find((member) => member.id === id) ?? gone, members: list };
  }

  async #repeatable<T>(
    here: () => Promise<T>,
    operation: Operation,
    args: unknown,
    read: (answer: unknown) => T,
  ): Promise<T> {
    const { clock, stopped, timeoutMs } = this.#ports;
    const deadline = clock.now() + timeoutMs;
    for (;;) {
      try {
        return this.leads ? await here() : read(await this.#ask(operation, args));
      } catch (error) {
        const passing = error instanceof QuorateError && ASK_AGAIN.has(error.code);
        if (!passing || stopped() || clock.now() + ASK_AGAIN_MS >= deadline) throw error;
        await new Promise<void>((resolve) => clock.after(ASK_AGAIN_MS, resolve));
      }
    }
  }

  #ask(operation: Operation, args: unknown): Promise<unknown> {
    const leader: MemberId = this.#ports.status().leader;
    if (this.#ports.stopped()) return Promise.reject(etcdErrors.serverStopped());
    if (leader === 0n) return Promise.reject(etcdErrors.noLeader());
    return this.#ports.requests.ask(leader, operation, args, this.#ports.timeoutMs);
  }
}
