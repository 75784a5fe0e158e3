/**
 * Messages that wait for the disk: each leaves only when the write it depends on is durable.
 */
import type { Outbound } from "../consensus/engine.ts";
import { InvariantViolation } from "../errors.ts";

export class Outbox {
  #held: Outbound[] = [];
  #durable = 0;
  readonly #send: (message: Outbound) => void;

  constructor(send: (message: Outbound) => void) {
    this.#send = send;
  }

  get durable(): number {
    return this.#durable;
  }

  /** Sends at once what depends on nothing that is still on its way to the disk. */
  post(messages: readonly Outbound[]): void {
    for (const message of messages) {
      if (message.after <= this.#durable) this.#send(message);
      else this.#held.push(message);
    }
  }

  /** All writes up to this number are on disk. */
  written(write: number): void {
    if (write < this.#durable)
      throw new InvariantViolation(`write ${write} reported durable after write ${this.#durable}`);
    this.#durable = write;
    if (this.#held.length === 0) return;
    const still: Outbound[] = [];
    for (const message of this.#held) {
      if (message.after <= write) this.#send(message);
      else still.push(message);
    }
    this.#held = still;
  }
}
