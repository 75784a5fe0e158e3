/**
 * The half of a stream on which one end sends, as its `Sender` works on it for every frame: messages that wait, how much
 * of the first is out, and what the peer still takes. Both ends' streams are made on it, so that a stream is one object.
 */
import { Flag } from "./frames.ts";
import type { Linked, LinkedQueue } from "./linked-queue.ts";

/** Bytes that may wait on one stream before it says that it is full, and when it says that there is room again. */
const HIGH_WATER = 1 << 20;
const LOW_WATER = HIGH_WATER / 4;
/** Places of messages that are out, before the list is cut. */
const LONGEST_TAIL = 1_024;

export abstract class Outgoing<S extends Outgoing<S>> implements Linked<S> {
  /** 0 until it has one: numbers are given in the order in which streams begin. */
  id: number;
  /** Bytes of DATA that we may send; below 0 after the peer made it smaller. */
  sendWindow: number;
  headersSent = false;
  isClosed = false;
  /** The queue that it stands in, and its neighbours there. */
  queue: LinkedQueue<S> | null = null;
  previous: S | null = null;
  next: S | null = null;
  /** The message that goes out; bytes of it, its prefix among them, that are out. */
  message: Uint8Array | null = null;
  sentBytes = 0;
  /** Messages that are out as a whole. */
  sentMessages = 0;
  /** Of messages that are not out. */
  queuedBytes = 0;
  /** Enough is queued. */
  isFull = false;
  /** Of the frame that a message ends with. Not `none`: there is only one message, and the stream ends with it. */
  lastFrameFlags: number = Flag.none;
  /** Messages behind `message`, from `#head` on. */
  #waiting: Uint8Array[] | null = null;
  #head = 0;

  constructor(id: number, sendWindow: number) {
    this.id = id;
    this.sendWindow = sendWindow;
  }

  /** The message is out: takes the next one. Returns whether there is room again after there was none. */
  messageSent(): boolean {
    this.queuedBytes -= this.message?.length ?? 0;
    this.sentBytes = 0;
    this.sentMessages += 1;
    this.message = this.#waiting?.[this.#head] ?? null;
    this.#head += 1;
    if (this.message === null) {
      this.#waiting = null;
      this.#head = 0;
    } else if (this.#head > LONGEST_TAIL) {
      this.#waiting = this.#waiting?.slice(this.#head) ?? null;
      this.#head = 0;
    }
    if (!this.isFull || this.queuedBytes > LOW_WATER) return false;
    this.isFull = false;
    return true;
  }

  /** It is over: nothing of it waits any longer, and nothing will. */
  close(this: S): void {
    this.isClosed = true;
    this.queue?.remove(this);
    this.message = null;
    this.#waiting = null;
  }

  protected enqueue(message: Uint8Array): void {
    if (this.message === null) this.message = message;
    else if (this.#waiting === null) this.#waiting = [message];
    else this.#waiting.push(message);
    this.queuedBytes += message.length;
    if (this.queuedBytes >= HIGH_WATER) this.isFull = true;
  }

  /** Nothing waits any longer. */
  protected dequeueAll(): void {
    this.message = null;
    this.#waiting = null;
    this.#head = 0;
    this.queuedBytes = 0;
  }
}
