/**
 * A connection that a peer dialled: we greet back, then only receive, but for signs of life.
 *
 *     greeting -> up -> closed
 *         |____________/
 *         |_ refused _/           a refused one stays until the peer has read why and closes, or time is up
 */
import type { Connection, GroupId, MemberId, Scheduled } from "../environment.ts";
import type { TransportContext } from "./context.ts";
import { FRAME_HEADER_BYTES, FrameReader, frameHeader, PING, PONG } from "./frame.ts";
import {
  type Answer,
  AnswerCode,
  decodeHello,
  encodeAnswer,
  GreetingReader,
  type Hello,
  idText,
  refusal,
} from "./handshake.ts";
import { encodeDescribed, isInquiry } from "./inquiry.ts";
import type { FrameKind } from "./transport.ts";

/** Bytes of unread signs of life above which no more are sent: the peer does not read. */
const MAX_UNREAD_PONGS = 64 * FRAME_HEADER_BYTES;

type InboundState =
  | { readonly is: "greeting"; readonly deadline: Scheduled }
  | { readonly is: "refused"; readonly deadline: Scheduled }
  | UpState
  | { readonly is: "closed" };

interface UpState {
  readonly is: "up";
  readonly peer: MemberId;
  readonly reader: FrameReader;
  /** Number of our next frame. */
  sequence: number;
  /** Of the current ping interval. */
  received: boolean;
  silentIntervals: number;
}

/** What the owner decides and is told. */
export interface InboundEvents {
  /** Whether this peer may come in. */
  judge(hello: Hello): Answer;
  /** What somebody who is no member may know of the cluster. */
  describe(): Uint8Array;
  /** Who said this is in; frames follow. */
  up(inbound: Inbound, hello: Hello): void;
  frame(peer: MemberId, group: GroupId, kind: FrameKind, payload: Uint8Array): void;
  /** Whatever state it was in, this connection is over. Not told after `close`. */
  closed(inbound: Inbound): void;
}

export class Inbound {
  readonly #context: TransportContext;
  readonly #events: InboundEvents;
  readonly #connection: Connection;
  #state: InboundState;

  constructor(context: TransportContext, events: InboundEvents, connection: Connection) {
    this.#context = context;
    this.#events = events;
    this.#connection = connection;
    this.#state = { is: "greeting", deadline: this.#deadline("it did not say who it is") };
    const reader = new GreetingReader(context.checksum);
    connection.onData((chunk) => {
      const state = this.#state;
      if (state.is === "greeting") this.#onGreeting(state.deadline, reader, chunk);
      else if (state.is === "up") this.#onFrames(state, chunk);
    });
    connection.onClose((reason) => this.#end(reason?.message ?? "the peer closed it"));
  }

  /** The peer, once it is in. */
  get peer(): MemberId | null {
    return this.#state.is === "up" ? this.#state.peer : null;
  }

  /** Ends the connection; nothing that it still brings is delivered, and the owner is not told. */
  close(reason: string): void {
    const state = this.#state;
    if (state.is === "closed") return;
    if (state.is === "up") state.reader.stop();
    else state.deadline.cancel();
    this.#state = { is: "closed" };
    this.#connection.destroy(new Error(reason));
  }

  /** Once each ping interval: answers signs of life, and counts how long there were none. */
  tick(): void {
    const state = this.#state;
    if (state.is !== "up") return;
    const { limits, checksum } = this.#context;
    if (!state.received) {
      state.silentIntervals++;
      if (state.silentIntervals >= limits.maxMissedPings) {
        this.#end(`no sign of life for ${state.silentIntervals * limits.pingIntervalMs} ms`);
      }
      return;
    }
    state.received = false;
    state.silentIntervals = 0;
    if (this.#connection.write([]) > MAX_UNREAD_PONGS) return;
    this.#connection.write([frameHeader(PONG, 0, state.sequence, [], 0, checksum)]);
    state.sequence = (state.sequence + 1) >>> 0;
  }

  /** Tells what was asked; the other end closes when it has read it. */
  #describe(): void {
    const { checksum, identity } = this.#context;
    this.#state = { is: "refused", deadline: this.#deadline("it has its answer") };
    const answer = refusal(identity, AnswerCode.described, "");
    this.#connection.write([encodeAnswer(answer, checksum), encodeDescribed(this.#events.describe(), checksum)]);
  }

  #onGreeting(deadline: Scheduled, reader: GreetingReader, chunk: Uint8Array): void {
    const progress = reader.push(chunk);
    switch (progress.is) {
      case "incomplete":
        return;
      case "foreign":
        this.#end(progress.problem);
        return;
      case "complete": {
        const hello = decodeHello(progress.body);
        if (hello === null) {
          this.#end("its hello is too short");
          return;
        }
        this.#answer(deadline, hello, progress.rest);
      }
    }
  }

  #answer(greetingDeadline: Scheduled, hello: Hello, rest: Uint8Array): void {
    const { checksum, limits, logger } = this.#context;
    greetingDeadline.cancel();
    if (isInquiry(hello)) return this.#describe();
    const answer = this.#events.judge(hello);
    const peer = hello.from;
    if (answer.code !== AnswerCode.accepted) {
      logger.warn(
        { peer: idText(peer), remote: this.#connection.remote, code: answer.code },
        `member ${idText(peer)} at ${this.#connection.remote} turned away: ${answer.reason}`,
      );
      this.#state = { is: "refused", deadline: this.#deadline("it was turned away") };
      this.#connection.write([encodeAnswer(answer, checksum)]);
      return;
    }
    const reader = new FrameReader(limits.maxFrameBytes, checksum, (kind, group, payload) => {
      if (kind !== PING) this.#events.frame(peer, group, kind as FrameKind, payload);
    });
    const state: UpState = { is: "up", peer, reader, sequence: 0, received: true, silentIntervals: 0 };
    this.#state = state;
    this.#connection.write([encodeAnswer(answer, checksum)]);
    this.#events.up(this, hello);
    if (rest.length > 0) this.#onFrames(state, rest);
  }

  #onFrames(state: UpState, chunk: Uint8Array): void {
    state.received = true;
    const problem = state.reader.push(chunk);
    if (problem !== null) this.#end(`it sent ${problem}`);
  }

  #deadline(reason: string): Scheduled {
    return this.#context.clock.after(this.#context.limits.handshakeTimeoutMs, () => this.#end(reason));
  }

  /** The connection ends by itself or by the peer's fault. */
  #end(reason: string): void {
    const state = this.#state;
    if (state.is === "closed") return;
    const who = state.is === "up" ? `member ${idText(state.peer)}` : "a connection";
    const level = state.is === "up" || state.is === "greeting" ? "info" : "debug";
    const { remote } = this.#connection;
    this.#context.logger[level]({ remote }, `${who} from ${remote} is gone: ${reason}`);
    this.close(reason);
    this.#events.closed(this);
  }
}
