/**
 * The client's end of one HTTP/2 connection (RFC 9113): what each frame does.
 *
 *     greeting ──▶ open ──▶ leaving: streams that the server took finish ──▶ closed
 *
 * It promises to each stream: its answer comes in order, and one of `ended` and `failed` comes once, whatever happens,
 * unless we cancel it; and that `mayHaveArrived` is false only where the request cannot be acted on. A server that breaks
 * the rules loses its stream, or the connection, with the reason in words. It knows nothing of gRPC, nor of time.
 */
import type { Connection } from "../../environment.ts";
import {
  ConnectionError,
  mustHaveLength,
  mustHaveNoStream,
  mustHaveStream,
  paddingOf,
  protocolError,
  tooMuch,
  windowTooLarge,
  wrongLength,
} from "../http2/faults.ts";
import { FrameReader } from "../http2/frame-reader.ts";
import {
  DEFAULT_WINDOW,
  ErrorCode,
  errorName,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  frame,
  goAwayFrame,
  LARGEST_WINDOW,
  PREFACE,
  resetStreamFrame,
  Setting,
  settingsFrame,
  uint31At,
  uint32At,
  windowUpdateFrame,
} from "../http2/frames.ts";
import { HeaderAssembly } from "../http2/header-assembly.ts";
import { HeaderReader } from "../http2/header-reader.ts";
import { Sender } from "../http2/sender.ts";
import { readSettings } from "../http2/settings.ts";
import type { Slab } from "../http2/slab.ts";
import type { Flushable, Turn } from "../http2/turn.ts";
import { type AnswerHead, readAnswerHead } from "./answer-head.ts";
import { type AnswerConsumer, ClientStream, STREAM_WINDOW, type StreamFault } from "./client-stream.ts";
import { ClientStreams } from "./client-streams.ts";
import { RequestFraming } from "./request-framing.ts";

/** Bytes that a server may have on their way on one connection. They are taken as they come, so it is one number for all. */
const CONNECTION_WINDOW = 16 << 20;
/** What one header block of an answer may cost us. */
const BLOCK_LIMITS = { maxHeaderListBytes: 64 * 1024, maxContinuations: 16 } as const;
/** Acknowledgements and the like that a server which does not read may have us keep. */
const MOST_WAITING_ANSWERS = 10_000;

/** What the connections of one program share. */
export interface ClientConnectionContext {
  readonly slab: Slab;
  readonly turn: Turn;
}

/** What a connection tells of itself. */
export interface ClientConnectionEvents {
  /** The server has greeted: it speaks HTTP/2. Once. */
  greeted(): void;
  /** Something came. */
  heard(): void;
  /** It takes no more streams, and will be closed when the last is over; or it is closed. Once, before streams are told. */
  over(reason: Error): void;
  /** It is gone. Once, the last, after all streams were told. */
  closed(): void;
}

export class ClientConnection {
  readonly #connection: Connection;
  readonly #turn: Turn;
  readonly #events: ClientConnectionEvents;
  readonly #reader: FrameReader;
  readonly #assembly: HeaderAssembly;
  readonly #headers: HeaderReader<AnswerHead>;
  readonly #sender: Sender<ClientStream>;
  readonly #streams: ClientStreams;
  #state: "greeting" | "open" | "leaving" | "closed" = "greeting";
  /** Why it is leaving or closed. */
  #reason: Error | null = null;
  /** What new streams' windows begin with. */
  #sendWindow = DEFAULT_WINDOW;
  /** Bytes of DATA that the server may send on the whole connection. */
  #receiveWindow = CONNECTION_WINDOW;
  #isReading = false;
  #isAwaited = false;
  #isPostponed = false;

  /** Greets at once. @param nextId the number of the first stream, odd */
  constructor(connection: Connection, context: ClientConnectionContext, events: ClientConnectionEvents, nextId = 1) {
    this.#connection = connection;
    this.#turn = context.turn;
    this.#events = events;
    this.#streams = new ClientStreams(nextId);
    this.#reader = new FrameReader(this, "");
    this.#assembly = new HeaderAssembly(BLOCK_LIMITS, this);
    const { maxHeaderListBytes } = BLOCK_LIMITS;
    this.#headers = new HeaderReader(maxHeaderListBytes, (fields) => readAnswerHead(fields, maxHeaderListBytes));
    this.#sender = new Sender(connection, context.slab, new RequestFraming());
    connection.onData((chunk) => this.#take(chunk));
    connection.onDrain(() => {
      this.#sender.unblock();
      if (this.#sender.hasWork) this.flush();
    });
    connection.onClose((error) => this.#end(this.#lost(error)));
    this.#say(new TextEncoder().encode(PREFACE));
    const settings = [
      [Setting.enablePush, 0],
      [Setting.initialWindowSize, STREAM_WINDOW],
      [Setting.maxHeaderListSize, maxHeaderListBytes],
    ] as const;
    this.#say(settingsFrame(settings));
    this.#say(windowUpdateFrame(0, CONNECTION_WINDOW - DEFAULT_WINDOW));
    this.#wake();
  }

  /** Where the server is, for texts. */
  get remote(): string {
    return this.#connection.remote;
  }

  /** Why it takes no more streams; null while it does. */
  get reason(): Error | null {
    return this.#reason;
  }

  /**
   * Begins a stream as soon as the server takes it. Not while there is a `reason`.
   * @param request the only message; null: they are sent one by one
   */
  open(block: Uint8Array, request: Uint8Array | null, consumer: AnswerConsumer): ClientStream {
    const stream = new ClientStream(this, block, request, consumer);
    this.#streams.wait(stream);
    this.#admit();
    return stream;
  }

  /** Asks for a sign of life. */
  ping(): void {
    this.#say(frame(FrameType.ping, Flag.none, 0, new Uint8Array(8)));
  }

  /** Takes no more streams, and closes when those that the server took are over. */
  leave(reason: Error): void {
    if (this.#state === "leaving" || this.#state === "closed") return;
    this.#state = "leaving";
    this.#reason = reason;
    const refused = this.#streams.takeOutRefused();
    this.#events.over(reason);
    this.#tellRefused(refused, reason);
  }

  /** Ends it at once, and all that is on it. */
  close(reason: Error): void {
    this.#end(reason);
  }

  /** Sends what may be sent now. */
  flush(): void {
    this.#isAwaited = false;
    if (this.#state === "closed") return;
    this.#sender.pump();
    // Those that have one are out; the others are better off on another connection.
    if (this.#streams.areUsedUp) this.leave(new Error("the connection has used up its numbers of streams"));
    if (!this.#sender.hasWork) return;
    this.#isAwaited = true;
    this.#turn.postpone(this);
  }

  #take(chunk: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#events.heard();
    this.#isReading = true;
    try {
      this.#reader.feed(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#isReading = false;
    if (this.#sender.hasStreams) this.flush();
  }

  /** Requests leave with those of the same event; what is made while frames are read, when all of them were. */
  #wake(): void {
    if (this.#isReading || this.#isAwaited) return;
    this.#isAwaited = true;
    this.#turn.add(this);
  }

  /**
   * Queues bytes that are no stream's: they leave with the next request, or at the end of the turn. Nobody waits for them,
   * and what brings them often brings a request about, too: of two writes the system makes one.
   */
  #say(bytes: Uint8Array): void {
    this.#sender.control(bytes);
    if (this.#isPostponed || this.#isAwaited) return;
    this.#isPostponed = true;
    this.#turn.postpone(this.#postponed);
  }

  readonly #postponed: Flushable = {
    flush: () => {
      this.#isPostponed = false;
      if (this.#sender.hasWork) this.flush();
    },
  };

  /** What the reader calls. */
  frame(bytes: Uint8Array, at: number, length: number): void {
    if (this.#state === "closed") return;
    const type = bytes[at + 3] ?? 0;
    const flags = bytes[at + 4] ?? 0;
    const id = uint31At(bytes, at + 5);
    const from = at + FRAME_HEADER_BYTES;
    const to = from + length;
    const { openStream } = this.#assembly;
    if (openStream !== 0 && (type !== FrameType.continuation || id !== openStream)) {
      throw protocolError("a header block was begun, but something else than its continuation came");
    }
    if (this.#state === "greeting" && (type !== FrameType.settings || (flags & Flag.ack) !== 0)) {
      throw protocolError("the first frame must be SETTINGS");
    }
    switch (type) {
      case FrameType.data:
        return this.#data(bytes, from, to, flags, id);
      case FrameType.headers:
        return this.#assembly.headers(bytes, from, to, flags, id);
      case FrameType.priority:
        mustHaveStream(id, "PRIORITY");
        return mustHaveLength(length, 5, "PRIORITY");
      case FrameType.resetStream:
        mustHaveStream(id, "RST_STREAM");
        mustHaveLength(length, 4, "RST_STREAM");
        return this.#resetByServer(id, uint32At(bytes, from));
      case FrameType.settings:
        mustHaveNoStream(id, "SETTINGS");
        return this.#settings(bytes, from, to, flags);
      case FrameType.pushPromise:
        throw protocolError("a server may not send PUSH_PROMISE to who has switched it off");
      case FrameType.ping:
        mustHaveNoStream(id, "PING");
        mustHaveLength(length, 8, "PING");
        if ((flags & Flag.ack) === 0) this.#answer(frame(FrameType.ping, Flag.ack, 0, bytes.subarray(from, to)));
        return;
      case FrameType.goAway:
        mustHaveNoStream(id, "GOAWAY");
        if (length < 8) throw wrongLength("GOAWAY", length, "at least 8");
        return this.#goAway(uint31At(bytes, from), uint32At(bytes, from + 4), bytes.subarray(from + 8, to));
      case FrameType.windowUpdate:
        mustHaveLength(length, 4, "WINDOW_UPDATE");
        return this.#windowUpdate(id, uint31At(bytes, from));
      case FrameType.continuation:
        return this.#assembly.continuation(bytes, from, to, flags);
      default:
        // Unknown frames are ignored (RFC 9113 §4.1).
        return;
    }
  }

  #data(bytes: Uint8Array, start: number, end: number, flags: number, id: number): void {
    mustHaveStream(id, "DATA");
    // Granted again before it can be used up: a frame is far smaller than half of the window.
    this.#receiveWindow -= end - start;
    if (this.#receiveWindow < CONNECTION_WINDOW / 2) {
      this.#say(windowUpdateFrame(0, CONNECTION_WINDOW - this.#receiveWindow));
      this.#receiveWindow = CONNECTION_WINDOW;
    }
    const isPadded = (flags & Flag.padded) !== 0;
    const from = isPadded ? start + 1 : start;
    const to = isPadded ? end - paddingOf(bytes, start, end) : end;
    const stream = this.#streams.find(id, "DATA");
    if (stream === null) return;
    if (!stream.hasHead) return this.#malformed(stream, ErrorCode.protocolError, "DATA came before the header block");
    stream.receiveWindow -= end - start;
    if (stream.receiveWindow < 0) {
      return this.#malformed(stream, ErrorCode.flowControlError, "more DATA came than its window allows");
    }
    if (to > from) stream.consumer.received(bytes, from, to);
    if (stream.isClosed) return;
    if ((flags & Flag.endStream) !== 0) this.#finish(stream, null);
    else stream.replenish();
  }

  /** What the assembly calls: a whole header block. */
  headerBlock(bytes: Uint8Array, from: number, to: number, id: number, endStream: boolean): void {
    // The block is read in any case: the tables of both ends must stay in step.
    const head = this.#headers.read(bytes, from, to);
    const stream = this.#streams.find(id, "HEADERS");
    if (stream === null) return;
    const { httpStatus, malformed } = head;
    if (malformed !== null) return this.#malformed(stream, ErrorCode.protocolError, malformed);
    if (stream.hasHead) {
      if (httpStatus !== null) return this.#malformed(stream, ErrorCode.protocolError, ":status came a second time");
      if (endStream) return this.#finish(stream, head);
      return this.#malformed(stream, ErrorCode.protocolError, "a header block behind the messages does not end them");
    }
    if (httpStatus === null) return this.#malformed(stream, ErrorCode.protocolError, ":status is missing");
    if (httpStatus < 200) {
      // What comes before the answer says nothing about it (RFC 9113 §8.1).
      if (endStream) this.#malformed(stream, ErrorCode.protocolError, `it ends with :status ${httpStatus}`);
      return;
    }
    stream.hasHead = true;
    if (endStream) this.#finish(stream, head);
    else stream.consumer.head(head);
  }

  #resetByServer(id: number, code: number): void {
    const stream = this.#streams.peek(id, "RST_STREAM");
    if (stream === null) return;
    const text = `the server ended the call with ${errorName(code)}`;
    // So it says that it has done nothing with it (RFC 9113 §8.7), and part of an answer would say the contrary.
    const isRefused = code === ErrorCode.refusedStream && !stream.hasHead;
    const mayHaveArrived = stream.mayHaveArrived && !isRefused;
    this.#close(stream, false);
    stream.consumer.failed({ kind: "reset", text, code, mayHaveArrived });
  }

  #settings(bytes: Uint8Array, from: number, to: number, flags: number): void {
    if ((flags & Flag.ack) !== 0) return mustHaveLength(to - from, 0, "the acknowledgement of SETTINGS");
    const { window, maxFrame, maxStreams, push } = readSettings(bytes, from, to);
    if (push === true) throw protocolError("SETTINGS_ENABLE_PUSH is 1, which a server may not ask for");
    if (maxFrame !== null) this.#sender.maxFrame = maxFrame;
    if (maxStreams !== null) this.#streams.most = maxStreams;
    if (window !== null) this.#resizeWindows(window);
    this.#answer(frame(FrameType.settings, Flag.ack, 0, new Uint8Array(0)));
    if (this.#state === "greeting") {
      this.#state = "open";
      this.#events.greeted();
    }
    this.#admit();
  }

  /** Also of the streams that are open, whose windows may so become negative (RFC 9113 §6.9.2). */
  #resizeWindows(size: number): void {
    const difference = size - this.#sendWindow;
    this.#sendWindow = size;
    if (difference === 0) return;
    for (const stream of this.#streams.all()) {
      stream.sendWindow += difference;
      if (stream.sendWindow > LARGEST_WINDOW) throw windowTooLarge(`stream ${stream.id}`);
      if (difference > 0) this.#mayGoOn(stream);
    }
  }

  #windowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (increment === 0) throw protocolError("WINDOW_UPDATE by nothing");
      if (this.#sender.window + increment > LARGEST_WINDOW) throw windowTooLarge("the connection");
      return this.#sender.widen(increment);
    }
    const stream = this.#streams.peek(id, "WINDOW_UPDATE");
    if (stream === null) return;
    if (increment === 0) return this.#malformed(stream, ErrorCode.protocolError, "WINDOW_UPDATE by nothing");
    if (stream.sendWindow + increment > LARGEST_WINDOW) {
      return this.#malformed(stream, ErrorCode.flowControlError, `its window grew beyond ${LARGEST_WINDOW} bytes`);
    }
    stream.sendWindow += increment;
    this.#mayGoOn(stream);
  }

  #mayGoOn(stream: ClientStream): void {
    if (stream.sendWindow > 0 && stream.message !== null) this.#sender.enlist(stream);
  }

  #goAway(last: number, code: number, debug: Uint8Array): void {
    const said = new TextDecoder().decode(debug);
    const why = code === ErrorCode.noError ? "" : `: ${errorName(code)}${said === "" ? "" : ` ${said}`}`;
    this.#streams.takenUpTo(last);
    const reason = new Error(`the server ends the connection${why}`);
    if (this.#state === "open") this.leave(reason);
    else this.#tellRefused(this.#streams.takeOutRefused(), reason);
  }

  #tellRefused(refused: readonly ClientStream[], reason: Error): void {
    const fault: StreamFault = { kind: "lost", text: reason.message, code: 0, mayHaveArrived: false };
    for (const stream of refused) stream.consumer.failed(fault);
    this.#emptied();
  }

  /** Lets those begin that the server takes. */
  #admit(): void {
    if (this.#state !== "open") return;
    for (let stream = this.#streams.admit(); stream !== null; stream = this.#streams.admit()) {
      stream.sendWindow = this.#sendWindow;
      this.#sender.enlist(stream);
      this.#wake();
    }
  }

  /** What streams call. */
  queued(stream: ClientStream): void {
    if (!stream.isAdmitted) return;
    this.#sender.enlist(stream);
    this.#wake();
  }

  grant(stream: ClientStream, bytes: number): void {
    stream.receiveWindow += bytes;
    this.#say(windowUpdateFrame(stream.id, bytes));
  }

  cancel(stream: ClientStream): void {
    if (stream.headersSent) this.#say(resetStreamFrame(stream.id, ErrorCode.cancel));
    this.#close(stream, true);
  }

  /** The answer is whole. */
  #finish(stream: ClientStream, last: AnswerHead | null): void {
    // Nobody listens to the rest of the request; a server that did not say so itself must not wait for it.
    if (!stream.localEnded) this.#say(resetStreamFrame(stream.id, ErrorCode.noError));
    this.#close(stream, false);
    stream.consumer.ended(last);
  }

  /** The server did something wrong that concerns one stream only (RFC 9113 §5.4.2). */
  #malformed(stream: ClientStream, code: ErrorCode, why: string): void {
    this.#say(resetStreamFrame(stream.id, code));
    const { mayHaveArrived } = stream;
    this.#close(stream, true);
    stream.consumer.failed({ kind: "malformed", text: `a malformed answer: ${why}`, code: 0, mayHaveArrived });
  }

  #close(stream: ClientStream, isResetByUs: boolean): void {
    stream.close();
    if (!stream.isAdmitted) return;
    this.#streams.remove(stream.id, isResetByUs);
    this.#admit();
    this.#emptied();
  }

  #emptied(): void {
    if (this.#state === "leaving" && this.#streams.size === 0) this.#end(this.#reason ?? new Error("closed"));
  }

  /** An acknowledgement, as many as the server asks for. */
  #answer(bytes: Uint8Array): void {
    if (this.#sender.waitingControl > MOST_WAITING_ANSWERS) throw tooMuch("more is asked than is read of the answers");
    this.#say(bytes);
  }

  #lost(error: Error | null): Error {
    const what = this.#state === "greeting" ? "the connection was closed without a word" : "the connection was lost";
    return new Error(error === null ? what : `${what}: ${error.message}`, error === null ? {} : { cause: error });
  }

  /** The server broke a rule that concerns the whole connection (RFC 9113 §5.4.1). */
  #fail(error: unknown): void {
    const isTheirs = error instanceof ConnectionError;
    const text = isTheirs ? error.message : `internal error: ${String(error)}`;
    this.#sender.control(goAwayFrame(0, isTheirs ? error.code : ErrorCode.internalError, text));
    this.#sender.pump();
    // What it sent instead of a greeting, read as frames, would only mislead.
    if (this.#state === "greeting") return this.#end(new Error("what answers there is not HTTP/2", { cause: error }));
    this.#end(new Error(isTheirs ? `the server broke the rules of HTTP/2: ${text}` : text, { cause: error }));
  }

  #end(reason: Error): void {
    if (this.#state === "closed") return;
    const wasOver = this.#state === "leaving";
    this.#state = "closed";
    this.#reason ??= reason;
    this.#connection.destroy();
    if (!wasOver) this.#events.over(reason);
    for (const stream of this.#streams.takeOutAll()) {
      // Given up by who was told before it.
      if (stream.isClosed) continue;
      const { mayHaveArrived } = stream;
      stream.close();
      stream.consumer.failed({ kind: "lost", text: reason.message, code: 0, mayHaveArrived });
    }
    this.#events.closed();
  }
}
