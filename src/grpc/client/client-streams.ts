/**
 * The streams of a client's connection, from their beginning to their end.
 *
 *     waiting: the server takes no more at once ──▶ admitted: with a number ──▶ removed; the last are remembered
 */
import { ConnectionError, mustNotBeIdle, protocolError } from "../http2/faults.ts";
import { ErrorCode, LARGEST_STREAM_ID } from "../http2/frames.ts";
import { LinkedQueue } from "../http2/linked-queue.ts";
import { Streams } from "../http2/streams.ts";
import type { ClientStream } from "./client-stream.ts";

export class ClientStreams {
  /** So many the server takes at once. */
  most: number = Number.POSITIVE_INFINITY;
  readonly #waiting = new LinkedQueue<ClientStream>();
  readonly #admitted = new Streams<ClientStream>();
  #nextId: number;
  /** The server takes no later ones. */
  #lastTaken = LARGEST_STREAM_ID;

  /** @param nextId the number of the first stream, odd */
  constructor(nextId: number) {
    this.#nextId = nextId;
  }

  /** Admitted ones. */
  get size(): number {
    return this.#admitted.size;
  }

  /** There are no more numbers. */
  get areUsedUp(): boolean {
    return this.#nextId > LARGEST_STREAM_ID;
  }

  wait(stream: ClientStream): void {
    this.#waiting.push(stream);
  }

  /** The next one that may begin, in the order in which they came; null: none may, or none waits. */
  admit(): ClientStream | null {
    if (this.areUsedUp || this.#admitted.size >= this.most) return null;
    const stream = this.#waiting.shift();
    if (stream === null) return null;
    stream.id = this.#nextId;
    stream.isAdmitted = true;
    this.#nextId += 2;
    this.#admitted.lastId = stream.id;
    this.#admitted.add(stream);
    return stream;
  }

  /** Admitted ones. */
  all(): ClientStream[] {
    return this.#admitted.all();
  }

  remove(id: number, isResetByUs: boolean): void {
    this.#admitted.remove(id, isResetByUs);
  }

  /**
   * Whose answer goes on with a frame. Null: it is over, and the frame came too late.
   * @throws ConnectionError if the frame may not come at all
   */
  find(id: number, name: string): ClientStream | null {
    const stream = this.peek(id, name);
    if (stream !== null || !this.#admitted.hasClosed(id)) return stream;
    throw new ConnectionError(ErrorCode.streamClosed, `${name} for stream ${id}, which the server had ended`);
  }

  /** Whom a frame is about that may come at any time. Null: it is over. @throws ConnectionError if it was not opened */
  peek(id: number, name: string): ClientStream | null {
    const stream = this.#admitted.get(id);
    if (stream === null) mustNotBeIdle(id, this.#admitted.lastId, name);
    else if (!stream.headersSent) throw protocolError(`${name} for stream ${id}, which was not opened`);
    return stream;
  }

  /** The server takes no streams behind that one; a later GOAWAY cannot take that back (RFC 9113 §6.8). */
  takenUpTo(id: number): void {
    this.#lastTaken = Math.min(id, this.#lastTaken);
  }

  /** Ends those, and returns them, that the server certainly does not look at any more when no others begin. */
  takeOutRefused(): ClientStream[] {
    const refused = this.all().filter((stream) => !stream.headersSent || stream.id > this.#lastTaken);
    for (const { id } of refused) this.remove(id, true);
    refused.push(...this.#takeOutWaiting());
    for (const stream of refused) {
      stream.isRefused = true;
      stream.close();
    }
    return refused;
  }

  /** All, for the connection is gone. */
  takeOutAll(): ClientStream[] {
    return [...this.all(), ...this.#takeOutWaiting()];
  }

  #takeOutWaiting(): ClientStream[] {
    const waiting: ClientStream[] = [];
    for (let stream = this.#waiting.shift(); stream !== null; stream = this.#waiting.shift()) waiting.push(stream);
    return waiting;
  }
}
