/**
 * Messages of one turn between threads, as one: what a message costs is mostly its sending, whatever is in it. The bytes
 * that go with them lie behind each other in one buffer, which changes hands and is not copied again.
 */
import type { MessagePort } from "node:worker_threads";
import type { Clock } from "../../environment.ts";

/** What is posted. `sizes[i]` bytes belong to `messages[i]`. */
export interface Parcel<Message> {
  readonly messages: readonly Message[];
  readonly sizes: readonly number[];
  readonly bytes: ArrayBuffer;
}

const NOTHING = new Uint8Array(0);

/** Gathers messages, and sends them when the event at hand has brought about all that it does. */
export class Parcels<Message> {
  readonly #port: Pick<MessagePort, "postMessage">;
  readonly #clock: Pick<Clock, "afterEvent">;
  #messages: Message[] = [];
  #pieces: Uint8Array[] = [];

  constructor(port: Pick<MessagePort, "postMessage">, clock: Pick<Clock, "afterEvent">) {
    this.#port = port;
    this.#clock = clock;
  }

  /** `bytes` are read before this turn ends, and stay the caller's. */
  add(message: Message, bytes: Uint8Array = NOTHING): void {
    if (this.#messages.length === 0) this.#clock.afterEvent(() => this.#send());
    this.#messages.push(message);
    this.#pieces.push(bytes);
  }

  #send(): void {
    const messages = this.#messages;
    const pieces = this.#pieces;
    this.#messages = [];
    this.#pieces = [];
    const sizes = pieces.map(({ length }) => length);
    const all = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    const parcel: Parcel<Message> = { messages, sizes, bytes: all.buffer };
    this.#port.postMessage(parcel, [all.buffer]);
  }
}

/** Hands out the messages of a parcel in their order. */
export function unpack<Message>(
  { messages, sizes, bytes }: Parcel<Message>,
  take: (message: Message, bytes: Uint8Array) => void,
): void {
  let at = 0;
  messages.forEach((message, index) => {
    const size = sizes[index] ?? 0;
    take(message, new Uint8Array(bytes, at, size));
    at += size;
  });
}
