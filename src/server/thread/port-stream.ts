/**
 * A stream of the program's: its requests go out at once, its replies are decoded one by one, and the member is told how
 * much of them was taken, so that it sends no further ahead than a window.
 */
import type { CallFailure, OutboundStream, StreamEvents } from "../../store/channel.ts";
import type { Method } from "../../wire/methods.ts";
import { type FromProgram, REPLY_COST, WINDOW_BYTES } from "./protocol.ts";

/** A call under way, to those who bring its answers. */
export interface Receiver {
  reply(bytes: Uint8Array): void;
  /** The only reply, and the end. */
  answer(bytes: Uint8Array): void;
  ended(failure: CallFailure | null): void;
  /** Nothing more can come. */
  lost(failure: CallFailure): void;
}

type Told<Message> = Message extends { readonly id: number } ? Omit<Message, "id"> : never;

export interface PortStreamPorts {
  tell(message: Exclude<Told<FromProgram>, { is: "open" }>, bytes?: Uint8Array): void;
  over(): void;
  unreadable(problem: unknown): CallFailure;
}

export class PortStream<Request, Response> implements OutboundStream<Request>, Receiver {
  readonly #method: Method<Request, Response>;
  readonly #events: StreamEvents<Response>;
  readonly #ports: PortStreamPorts;
  #isOver = false;
  #isPaused = false;
  /** Came while it was paused. */
  #waiting: Uint8Array[] = [];
  /** Came while it was paused, behind the last reply. */
  #ending: { readonly failure: CallFailure | null } | null = null;
  /** What was taken and the member has not been told of. */
  #taken = 0;

  constructor(method: Method<Request, Response>, events: StreamEvents<Response>, ports: PortStreamPorts) {
    this.#method = method;
    this.#events = events;
    this.#ports = ports;
  }

  send(request: Request): void {
    if (!this.#isOver) this.#ports.tell({ is: "request" }, this.#method.encode(request));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    while (!this.#isPaused && !this.#isOver) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) break;
      this.#give(bytes);
    }
    if (!this.#isPaused && this.#ending !== null) this.#end(this.#ending.failure);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#ports.tell({ is: "cancel" });
    this.#close();
  }

  reply(bytes: Uint8Array): void {
    if (this.#isPaused) this.#waiting.push(bytes);
    else this.#give(bytes);
  }

  answer(bytes: Uint8Array): void {
    this.reply(bytes);
    this.ended(null);
  }

  ended(failure: CallFailure | null): void {
    if (this.#isPaused) this.#ending = { failure };
    else this.#end(failure);
  }

  lost(failure: CallFailure): void {
    this.#end(failure);
  }

  #give(bytes: Uint8Array): void {
    let response: Response;
    try {
      response = this.#method.decode(bytes);
    } catch (problem) {
      this.#ports.tell({ is: "cancel" });
      return this.#end(this.#ports.unreadable(problem));
    }
    this.#taken += bytes.length + REPLY_COST;
    if (this.#taken >= WINDOW_BYTES / 2) {
      this.#ports.tell({ is: "taken", bytes: this.#taken });
      this.#taken = 0;
    }
    this.#events.reply(response);
  }

  #end(failure: CallFailure | null): void {
    if (this.#isOver) return;
    this.#close();
    this.#events.ended(failure);
  }

  #close(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#ports.over();
  }
}
