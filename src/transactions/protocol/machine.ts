/**
 * What a commit protocol's machines are to their owner. Each is a pure function of plain data: the owner keeps the state,
 * feeds events, carries out effects.
 *
 * A machine serves one **slot**: a place, named by its owner, in which one transaction runs at a time. The transactions
 * of a slot are counted by **epochs**, which only grow and of which none is used twice, not even over a crash; so
 * (slot, epoch) names a transaction for ever, and every message, record and effect carries the epoch it is about. The
 * slot itself is not seen in here: it says which machine a message is for, and travels in the owner's envelope.
 *
 * Must not know: what time it really is, how bytes travel, what a disk or a database is.
 */

/** Names a process that takes part: a coordinator, a participant. */
export type ProcessId = string;

/** Which transaction of the slot, from 1. */
export type Epoch = number;

export type Outcome = "committed" | "aborted";

/**
 * What is to be done, in this order. **Durable before said** is in the order: a forced write is a barrier, and whatever
 * comes behind it (in this step or a later one) is carried out only when that record, and all before it, are durable.
 */
export type Effect<Message, Record> =
  /** Append to the machine's log. Not `forced`: may get durable whenever it likes, nothing waits for it. */
  | { readonly type: "write"; readonly record: Record; readonly forced: boolean }
  /** May get lost, late, doubled; 3PC promises less then (docs/internals/three-phase-commit.md). */
  | { readonly type: "send"; readonly to: ProcessId; readonly message: Message }
  /** Participants: ask the resource whether it can promise to commit. It answers with the event "answered". */
  | { readonly type: "ask"; readonly epoch: Epoch }
  /**
   * Coordinators: tell who waits for the transaction. Participants: carry it out on the resource, before the effects
   * behind it. May be said again after a crash, so it must do no harm to hear it twice.
   */
  | { readonly type: "outcome"; readonly epoch: Epoch; readonly outcome: Outcome };

export interface Step<State, Message, Record> {
  readonly state: State;
  readonly effects: readonly Effect<Message, Record>[];
}

/**
 * One side of a protocol. `Durable` is all that its log says, folded into one value: a log may be replaced by that value
 * at any time.
 */
export interface Machine<State extends Timers, Event, Message, Record, Durable> {
  /** Of an empty log. */
  readonly blank: Durable;
  fold(durable: Durable, record: Record): Durable;
  /** At every start, the first one included. @param now as in `step` */
  recover(durable: Durable, now: number): Step<State, Message, Record>;
  /**
   * Survives any message. Wrong local use is an assertion.
   * @param now milliseconds of a monotonic clock
   */
  step(state: State, event: Event, now: number): Step<State, Message, Record>;
}

/** What each machine's state says about time: when an event "tick" is due. Earlier or more often does no harm. */
export interface Timers {
  /** Something is to be said again then, because it may have been lost; null: nothing. */
  readonly resendAt: number | null;
  /** Patience ends then, and the machine decides as the tables say; null: it waits for ever. */
  readonly limitAt: number | null;
}

/** Which of its times has come: the limit before the other. */
export function dueTimer({ resendAt, limitAt }: Timers, now: number): "limit" | "resend" | null {
  if (limitAt !== null && now >= limitAt) return "limit";
  return resendAt !== null && now >= resendAt ? "resend" : null;
}

/** When the next tick is due; null: none is. */
export function wakeAt({ resendAt, limitAt }: Timers): number | null {
  if (resendAt === null || limitAt === null) return resendAt ?? limitAt;
  return Math.min(resendAt, limitAt);
}
