/** Short ways to say an effect. */
import type { Effect, Epoch, Outcome, ProcessId } from "./machine.ts";

/** Everything behind it waits until the record is durable. */
export function force<Record>(record: Record): Effect<never, Record> {
  return { type: "write", record, forced: true };
}

/** The record may be lost in a crash: what it says can be found out again. */
export function note<Record>(record: Record): Effect<never, Record> {
  return { type: "write", record, forced: false };
}

export function send<Message>(to: ProcessId, message: Message): Effect<Message, never> {
  return { type: "send", to, message };
}

/** The same to each of them. */
export function sendAll<Message>(to: readonly ProcessId[], message: Message): Effect<Message, never>[] {
  return to.map((one) => send(one, message));
}

export function ask(epoch: Epoch): Effect<never, never> {
  return { type: "ask", epoch };
}

export function conclude(epoch: Epoch, outcome: Outcome): Effect<never, never> {
  return { type: "outcome", epoch, outcome };
}
