/**
 * Commands that wait for their result, from the call to the answer.
 *
 *     waiting ──(turn: leader known)──▶ in flight in epoch e ──(applied here)──▶ answered
 *        ▲                                   │
 *        └──── certainly without effect ◀────┘
 *
 * A batch is bound to the epoch it was proposed in: only the leader of that epoch may put it into the log. Once an entry
 * of a later epoch is applied here, no entry of the older epoch can follow, so a batch of it that has not been applied
 * never will be: it goes back to `waiting` and is proposed anew. A change of leader is therefore invisible to callers,
 * and nothing is ever applied twice.
 *
 * Forwarded batches are sent again when the link to the same leader comes back; the leader of an epoch takes a member's
 * batches in order of their sequence and ignores what it has seen (`Forwards`).
 */
import type { MemberId } from "../environment.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import type { CommandResult } from "../keyspace/keyspace.ts";
import { MAX_BATCH_BYTES, sizeInBatch } from "./batch.ts";

export interface PendingCommand {
  readonly command: Uint8Array;
  readonly done: (result: CommandResult) => void;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  /** Only good in this epoch; null: in any. */
  readonly onlyInEpoch: number | null;
  /** Of the call: what goes back to waiting keeps its place. */
  readonly order: number;
  answered: boolean;
}

export interface InFlightBatch {
  readonly sequence: number;
  readonly epoch: number;
  readonly commands: readonly PendingCommand[];
  /** As proposed; kept while it may have to be sent to the leader again. */
  readonly bytes: Uint8Array;
  /** The member it was handed to: the leader over the link, or oneself; 0n: nobody yet. */
  sentTo: MemberId;
}

export interface ProposalLimits {
  /** Commands waiting or in flight; more are answered `too many requests`. */
  readonly maxCommands: number;
  readonly maxBytes: number;
}

export class Proposals {
  #waiting: PendingCommand[] = [];
  #inFlight = new Map<number, InFlightBatch>();
  #count = 0;
  #bytes = 0;
  #nextSequence = 1;
  #nextOrder = 0;
  #nextDeadline = Number.POSITIVE_INFINITY;
  readonly #limits: ProposalLimits;

  constructor(limits: ProposalLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  get hasInFlight(): boolean {
    return this.#inFlight.size > 0;
  }

  /** False: there are too many already. */
  add(
    command: Uint8Array,
    done: (result: CommandResult) => void,
    deadline: number,
    onlyInEpoch: number | null = null,
  ): boolean {
    if (this.#count >= this.#limits.maxCommands || this.#bytes + command.length > this.#limits.maxBytes) return false;
    this.#waiting.push({ command, done, deadline, onlyInEpoch, order: this.#nextOrder++, answered: false });
    this.#count++;
    this.#bytes += command.length;
    if (deadline < this.#nextDeadline) this.#nextDeadline = deadline;
    return true;
  }

  /** Refuses what waits and was meant for another epoch only: a leader's orders end with its leadership. */
  refuseOutdated(epoch: number, revision: number): void {
    if (this.#waiting.length === 0) return;
    const isOutdated = ({ onlyInEpoch }: PendingCommand): boolean => onlyInEpoch !== null && onlyInEpoch !== epoch;
    const outdated = this.#waiting.filter(isOutdated);
    if (outdated.length === 0) return;
    this.#waiting = this.#waiting.filter((pending) => !isOutdated(pending));
    for (const pending of outdated)
      this.#answer(pending, { type: "error", revision, error: etcdErrors.leaderChanged() });
  }

  /** Takes the next commands that fit into one batch; null if none wait. `encode` names and frames them. */
  takeBatch(
    epoch: number,
    encode: (sequence: number, commands: readonly Uint8Array[]) => Uint8Array,
  ): InFlightBatch | null {
    if (this.#waiting.length === 0) return null;
    let size = 0;
    let count = 0;
    for (const pending of this.#waiting) {
      size += sizeInBatch(pending.command);
      if (count > 0 && size > MAX_BATCH_BYTES) break;
      count++;
    }
    const commands = count === this.#waiting.length ? this.#waiting : this.#waiting.slice(0, count);
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count);
    const sequence = this.#nextSequence++;
    const bytes = encode(
      sequence,
      commands.map((pending) => pending.command),
    );
    const batch = { sequence, epoch, commands, bytes, sentTo: 0n };
    this.#inFlight.set(sequence, batch);
    return batch;
  }

  /**
   * Hands the batches of `epoch` that are not sent yet to `send`, in order, until one is not taken: a later one must
   * never overtake it, or the leader would take it for old.
   */
  sendUnsent(epoch: number, to: MemberId, send: (batch: InFlightBatch) => boolean): void {
    for (const batch of this.#inFlight.values()) {
      if (batch.sentTo !== 0n || batch.epoch !== epoch) continue;
      if (!send(batch)) return;
      batch.sentTo = to;
    }
  }

  /** The link to a member was replaced: what was sent to it on the old one may not have arrived. */
  linkReplaced(peer: MemberId): void {
    for (const batch of this.#inFlight.values()) if (batch.sentTo === peer) batch.sentTo = 0n;
  }

  /** The batch was applied: `results` belong to its commands, in order. */
  applied(sequence: number, results: readonly CommandResult[]): void {
    const batch = this.#inFlight.get(sequence);
    if (batch === undefined) return;
    this.#inFlight.delete(sequence);
    batch.commands.forEach((pending, at) => {
      const result = results[at];
      if (result !== undefined) this.#answer(pending, result);
    });
  }

  /** The batch certainly has no effect and never will: its commands wait again, before all others. */
  withdraw(sequence: number): void {
    const batch = this.#inFlight.get(sequence);
    if (batch === undefined) return;
    this.#inFlight.delete(sequence);
    const again = batch.commands.filter((pending) => !pending.answered);
    if (again.length > 0) this.#waiting = [...again, ...this.#waiting].sort((a, b) => a.order - b.order);
  }

  /** An entry of `epoch` was applied: batches of older epochs can no longer be. */
  epochApplied(epoch: number): void {
    for (const batch of this.#inFlight.values()) if (batch.epoch < epoch) this.withdraw(batch.sequence);
  }

  /** The state was replaced by a snapshot, which may or may not contain what is in flight. */
  outcomeLost(revision: number): void {
    for (const batch of this.#inFlight.values()) {
      for (const pending of batch.commands) {
        this.#answer(pending, { type: "error", revision, error: etcdErrors.timeoutDueToLeaderFail() });
      }
    }
    this.#inFlight.clear();
  }

  /** Answers what is overdue. Commands that were never sent had no effect; those in flight may still be applied. */
  expire(now: number, hasLeader: boolean, revision: number): void {
    if (now < this.#nextDeadline) return;
    let next = Number.POSITIVE_INFINITY;
    const overdue = (pending: PendingCommand): boolean => {
      if (pending.answered) return false;
      if (pending.deadline <= now) return true;
      next = Math.min(next, pending.deadline);
      return false;
    };
    const late: PendingCommand[] = [];
    const inTime: PendingCommand[] = [];
    for (const pending of this.#waiting) (overdue(pending) ? late : inTime).push(pending);
    this.#waiting = inTime;
    for (const pending of late) {
      const error = hasLeader ? etcdErrors.timeout() : etcdErrors.noLeader();
      this.#answer(pending, { type: "error", revision, error });
    }
    for (const batch of this.#inFlight.values()) {
      for (const pending of batch.commands) {
        if (overdue(pending)) this.#answer(pending, { type: "error", revision, error: etcdErrors.timeout() });
      }
      // Nobody waits for it any more: it need not be sent, nor sent again. Its result, if it comes, is not missed.
      if (batch.commands.every((pending) => pending.answered)) this.#inFlight.delete(batch.sequence);
    }
    this.#nextDeadline = next;
  }

  /** The replica stops. Commands that were never sent had no effect; those in flight may be committed by others yet. */
  stop(revision: number): void {
    const waiting = this.#waiting;
    const sent = [...this.#inFlight.values()].flatMap((batch) => batch.commands);
    this.#waiting = [];
    this.#inFlight.clear();
    for (const pending of waiting) {
      this.#answer(pending, { type: "error", revision, error: etcdErrors.serverStopped() });
    }
    for (const pending of sent) this.#answer(pending, { type: "error", revision, error: etcdErrors.timeout() });
  }

  #answer(pending: PendingCommand, result: CommandResult): void {
    if (pending.answered) return;
    pending.answered = true;
    this.#count--;
    this.#bytes -= pending.command.length;
    pending.done(result);
  }
}

/**
 * The leader's side of forwarding: which batches of other members it has already put into the log in this epoch.
 */
export class Forwards {
  #epoch = 0;
  readonly #last = new Map<bigint, { boot: number; sequence: number }>();

  /** True once for each batch of the leader's own epoch, in the order of its sequence. */
  take(leaderEpoch: number, from: bigint, boot: number, sequence: number): boolean {
    if (leaderEpoch !== this.#epoch) {
      this.#epoch = leaderEpoch;
      this.#last.clear();
    }
    const last = this.#last.get(from);
    if (last !== undefined && last.boot === boot && sequence <= last.sequence) return false;
    this.#last.set(from, { boot, sequence });
    return true;
  }
}
