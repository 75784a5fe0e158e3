/**
 * Changes of membership that wait for the engine, which takes one at a time: each is proposed when the one before it is
 * done, proposed again while the engine is not ready for it, and answered when its entry is applied.
 */
import type { Refusal } from "../consensus/engine.ts";
import type { MembershipChange } from "../consensus/membership.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";

/** What the engine is asked, made from the members as they are when its turn has come. */
export interface Reconfiguration {
  readonly change: MembershipChange;
  readonly context: Uint8Array;
}

interface Waiting {
  readonly plan: () => Reconfiguration;
  /** Of the last proposal. */
  context: Uint8Array;
  readonly done: (error: QuorateError | null) => void;
  readonly deadline: number;
  /** Of the proposal under way; 0: not proposed. */
  id: number;
}

const TRY_AGAIN_MS = 20;

export class Reconfigurations {
  #queue: Waiting[] = [];
  #notBefore = 0;
  readonly #propose: (id: number, change: MembershipChange, context: Uint8Array) => void;

  constructor(propose: (id: number, change: MembershipChange, context: Uint8Array) => void) {
    this.#propose = propose;
  }

  /** `plan` throws a QuorateError if the change is not possible, or not any more. */
  add(plan: () => Reconfiguration, done: (error: QuorateError | null) => void, deadline: number): void {
    this.#queue.push({ plan, context: new Uint8Array(0), done, deadline, id: 0 });
  }

  /** Proposes the first, if it is not under way, and answers what is overdue. */
  run(now: number, nextId: () => number): void {
    if (this.#queue.length === 0) return;
    const overdue = this.#queue.filter((waiting) => waiting.deadline <= now);
    if (overdue.length > 0) this.#queue = this.#queue.filter((waiting) => waiting.deadline > now);
    for (const waiting of overdue) waiting.done(etcdErrors.timeout());
    const first = this.#queue[0];
    if (first === undefined || first.id !== 0 || now < this.#notBefore) return;
    try {
      const { change, context } = first.plan();
      first.id = nextId();
      first.context = context;
      this.#propose(first.id, change, context);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.#finish(first, error);
    }
  }

  refused(id: number, reason: Refusal, detail: string, now: number): void {
    const waiting = this.#queue.find((one) => one.id === id);
    if (waiting === undefined) return;
    if (reason === "change in progress" || reason === "not settled" || reason === "transferring leadership") {
      waiting.id = 0;
      this.#notBefore = now + TRY_AGAIN_MS;
      return;
    }
    this.#finish(waiting, refusalError(reason, detail));
  }

  /** The entry with this context was applied. */
  applied(context: Uint8Array): void {
    const waiting = this.#queue.find((one) => one.id !== 0 && isEqual(one.context, context));
    if (waiting !== undefined) this.#finish(waiting, null);
  }

  /** One that was proposed may be committed by others yet: nobody here will know. */
  stop(): void {
    const all = this.#queue;
    this.#queue = [];
    for (const { id, done } of all) done(id === 0 ? etcdErrors.serverStopped() : etcdErrors.timeout());
  }

  #finish(waiting: Waiting, error: QuorateError | null): void {
    this.#queue = this.#queue.filter((one) => one !== waiting);
    waiting.done(error);
  }
}

function refusalError(reason: Refusal, detail: string): QuorateError {
  switch (reason) {
    case "not leader":
    case "leadership lost":
      return etcdErrors.notLeader();
    case "no leader":
      return etcdErrors.noLeader();
    case "learner not ready":
      return etcdErrors.learnerNotReady();
    case "unknown member":
      return etcdErrors.memberNotFound();
    default:
      return new QuorateError("RECONFIGURATION_REFUSED", GrpcStatus.failedPrecondition, `${reason}: ${detail}`);
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
