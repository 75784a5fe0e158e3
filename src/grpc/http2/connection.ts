/**
 * The server's end of one HTTP/2 connection (RFC 9113): what each frame does.
 *
 * It promises to its service: a stream's body comes in order, and `closed` comes once for each stream, whatever happens.
 * It promises to the house: an error of the client ends its stream or its connection as the RFC says, and no client can
 * make it keep or do more than the limits allow. It knows nothing of gRPC. How the connection ends: `lifetime.ts`.
 */
import type { Clock, Connection } from "../../environment.ts";
import type { Field } from "../hpack/field.ts";
import { AnswerFraming } from "./answer-framing.ts";
import {
  ConnectionError,
  mustHaveLength,
  mustHaveNoStream,
  mustHaveStream,
  mustNotBeIdle,
  paddingOf,
  protocolError,
  windowTooLarge,
  wrongLength,
} from "./faults.ts";
import { FrameReader } from "./frame-reader.ts";
import {
  DEFAULT_WINDOW,
  ErrorCode,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  frame,
  LARGEST_WINDOW,
  resetStreamFrame,
  Setting,
  settingsFrame,
  uint31At,
  windowUpdateFrame,
} from "./frames.ts";
import { HeaderAssembly } from "./header-assembly.ts";
import { HeaderReader } from "./header-reader.ts";
import { Lifetime } from "./lifetime.ts";
import type { Limits } from "./limits.ts";
import { Patience } from "./patience.ts";
import { flawOfTrailers, type RequestHead } from "./request-head.ts";
import { Sender } from "./sender.ts";
import { readSettings } from "./settings.ts";
import type { Slab } from "./slab.ts";
import { Stream, type StreamConsumer } from "./stream.ts";
import { Streams } from "./streams.ts";
import type { Turn } from "./turn.ts";

/** Bytes that a client may have on their way on one connection. They are taken as they come, so it is one number for all. */
const CONNECTION_WINDOW = 8 << 20;

/** Who serves the streams. */
export interface StreamService<Head extends RequestHead> {
  /** The header block that each answer with messages begins with. */
  readonly answerHead: Uint8Array;
  /** What the fields of a request mean; null stands for a list above the limit. Not called for fields known already. */
  readHead(fields: readonly Field[] | null): Head;
  /** Who serves a stream that has begun. */
  open(stream: Stream, head: Head, peer: string): StreamConsumer;
}

/** What the connections of one door share. */
export interface ConnectionContext<Head extends RequestHead> {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly service: StreamService<Head>;
  readonly slab: Slab;
  readonly turn: Turn;
}

export class Http2Connection<Head extends RequestHead> {
  readonly #connection: Connection;
  readonly #limits: Limits;
  readonly #service: StreamService<Head>;
  readonly #turn: Turn;
  readonly #reader: FrameReader;
  readonly #assembly: HeaderAssembly;
  readonly #headers: HeaderReader<Head>;
  readonly #sender: Sender<Stream>;
  readonly #streams = new Streams<Stream>();
  readonly #life: Lifetime;
  readonly #patience: Patience;
  /** What new streams' windows begin with. */
  #streamWindow = DEFAULT_WINDOW;
  /** Bytes of DATA that the client may send on the whole connection. */
  #receiveWindow = DEFAULT_WINDOW;
  /** Of requests that are not whole. */
  #keptBytes = 0;
  #isReading = false;
  #isAwaited = false;

  /** @param closed called once, when the connection is gone and all its streams were told */
  constructor(connection: Connection, context: ConnectionContext<Head>, closed: () => void) {
    const { clock, limits, service } = context;
    this.#connection = connection;
    this.#limits = limits;
    this.#service = service;
    this.#turn = context.turn;
    this.#reader = new FrameReader(this);
    this.#assembly = new HeaderAssembly(limits, this);
    this.#headers = new HeaderReader(limits.maxHeaderListBytes, (fields) => service.readHead(fields));
    const framing = new AnswerFraming(service.answerHead, (stream) => this.#sent(stream));
    this.#sender = new Sender(connection, context.slab, framing);
    this.#patience = new Patience(clock, limits);
    this.#life = new Lifetime({
      clock,
      limits,
      streams: this.#streams,
      say: (bytes) => this.#say(bytes),
      closeStreams: () => this.#closeStreams(),
      cut: () => connection.destroy(),
    });
    connection.onData((chunk) => this.#take(chunk));
    connection.onDrain(() => {
      this.#sender.unblock();
      if (this.#sender.hasWork) this.flush();
    });
    connection.onClose(() => {
      this.#life.closed();
      closed();
    });
    const settings = [
      [Setting.maxConcurrentStreams, limits.maxConcurrentStreams],
      [Setting.maxHeaderListSize, limits.maxHeaderListBytes],
    ] as const;
    this.#say(settingsFrame(settings));
    this.#say(windowUpdateFrame(0, CONNECTION_WINDOW - this.#receiveWindow));
    this.#receiveWindow = CONNECTION_WINDOW;
  }

  /** Streams open now. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** Lets streams that are open finish, and then the client go. */
  drain(): void {
    this.#life.drain();
  }

  /** Ends it at once. */
  cut(): void {
    this.#life.cut();
  }

  /** Sends what may be sent now. */
  flush(): void {
    this.#isAwaited = false;
    if (this.#life.isOver) return;
    this.#sender.pump();
    if (!this.#sender.hasWork) return;
    this.#isAwaited = true;
    this.#turn.postpone(this);
  }

  #take(chunk: Uint8Array): void {
    if (!this.#life.listens) return;
    this.#life.heard();
    this.#isReading = true;
    try {
      this.#reader.feed(chunk);
    } catch (error) {
      if (error instanceof ConnectionError) this.#life.fail(error.code, error.message);
      else this.#life.fail(ErrorCode.internalError, `internal error: ${String(error)}`);
    }
    this.#isReading = false;
    if (this.#sender.hasWork) this.flush();
  }

  /** Answers made while frames are read leave when all of them were; others with those of the same event. */
  #wake(): void {
    if (this.#isReading || this.#isAwaited) return;
    this.#isAwaited = true;
    this.#turn.add(this);
  }

  /** Queues a frame that is no answer of a stream. */
  #say(bytes: Uint8Array): void {
    this.#sender.control(bytes);
    if (this.#sender.waitingControl > this.#limits.maxWaitingAnswers) this.#life.cut();
    else this.#wake();
  }

  /** What the reader calls. */
  frame(bytes: Uint8Array, at: number, length: number): void {
    if (!this.#life.listens) return;
    const type = bytes[at + 3] ?? 0;
    const flags = bytes[at + 4] ?? 0;
    const id = uint31At(bytes, at + 5);
    const from = at + FRAME_HEADER_BYTES;
    const to = from + length;
    const { openStream } = this.#assembly;
    if (openStream !== 0 && (type !== FrameType.continuation || id !== openStream)) {
      throw protocolError("a header block was begun, but something else than its continuation came");
    }
    if (!this.#life.isGreeted && (type !== FrameType.settings || (flags & Flag.ack) !== 0)) {
      throw protocolError("the first frame must be SETTINGS");
    }
    switch (type) {
      case FrameType.data:
        return this.#data(bytes, from, to, flags, id);
      case FrameType.headers:
        return this.#assembly.headers(bytes, from, to, flags, id);
      case FrameType.priority:
        mustHaveStream(id, "PRIORITY");
        if (length !== 5) return this.#streamError(id, ErrorCode.frameSizeError);
        return this.#patience.idleFrame();
      case FrameType.resetStream:
        mustHaveStream(id, "RST_STREAM");
        mustHaveLength(length, 4, "RST_STREAM");
        return this.#resetByClient(id);
      case FrameType.settings:
        mustHaveNoStream(id, "SETTINGS");
        return this.#settings(bytes, from, to, flags);
      case FrameType.pushPromise:
        throw protocolError("a client may not send PUSH_PROMISE");
      case FrameType.ping:
        mustHaveNoStream(id, "PING");
        mustHaveLength(length, 8, "PING");
        return this.#ping(bytes, from, to, flags);
      case FrameType.goAway:
        mustHaveNoStream(id, "GOAWAY");
        if (length < 8) throw wrongLength("GOAWAY", length, "at least 8");
        this.#patience.idleFrame();
        return this.#life.clientLeaves();
      case FrameType.windowUpdate:
        mustHaveLength(length, 4, "WINDOW_UPDATE");
        return this.#windowUpdate(id, uint31At(bytes, from));
      case FrameType.continuation:
        return this.#assembly.continuation(bytes, from, to, flags);
      default:
        // Unknown frames are ignored (RFC 9113 §4.1).
        return this.#patience.idleFrame();
    }
  }

  #data(bytes: Uint8Array, start: number, end: number, flags: number, id: number): void {
    mustHaveStream(id, "DATA");
    const length = end - start;
    // Granted again before it can be used up: a frame is far smaller than half of the window.
    this.#receiveWindow -= length;
    if (this.#receiveWindow < CONNECTION_WINDOW / 2) {
      this.#say(windowUpdateFrame(0, CONNECTION_WINDOW - this.#receiveWindow));
      this.#receiveWindow = CONNECTION_WINDOW;
    }
    const isPadded = (flags & Flag.padded) !== 0;
    const from = isPadded ? start + 1 : start;
    const to = isPadded ? end - paddingOf(bytes, start, end) : end;
    const stream = this.#streams.get(id);
    if (stream === null) {
      mustNotBeIdle(id, this.#streams.lastId, "DATA");
      if (this.#streams.wasResetByUs(id)) return this.#patience.idleFrame();
      return this.#streamError(id, ErrorCode.streamClosed);
    }
    if (stream.remoteEnded) return this.#streamError(id, ErrorCode.streamClosed);
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return this.#streamError(id, ErrorCode.flowControlError);
    const isLast = (flags & Flag.endStream) !== 0;
    if (stream.bodyLeft >= 0) {
      stream.bodyLeft -= to - from;
      if (stream.bodyLeft < 0 || (isLast && stream.bodyLeft > 0)) {
        return this.#streamError(id, ErrorCode.protocolError);
      }
    }
    if (isLast) stream.remoteEnded = true;
    if (to > from) stream.consumer?.received(bytes, from, to);
    else if (!isLast) this.#patience.idleFrame();
    if (!isLast) stream.replenish();
    else if (!stream.isClosed) stream.consumer?.ended();
  }

  /** What the assembly calls: a whole header block. */
  headerBlock(bytes: Uint8Array, from: number, to: number, id: number, endStream: boolean): void {
    const { lastId } = this.#streams;
    if (id <= lastId) return this.#laterBlock(bytes, from, to, id, endStream);
    if ((id & 1) === 0) throw protocolError(`a client may not open stream ${id}: its numbers are odd`);
    this.#streams.lastId = id;
    // The block is read in any case: the tables of both ends must stay in step.
    const head = this.#headers.read(bytes, from, to);
    if (!this.#life.takesStream(id)) return this.#streams.remove(id, true);
    if (head.malformed !== null) return this.#streamError(id, ErrorCode.protocolError);
    if (this.#streams.size >= this.#limits.maxConcurrentStreams) return this.#streamError(id, ErrorCode.refusedStream);
    if (endStream && head.contentLength > 0) return this.#streamError(id, ErrorCode.protocolError);
    const stream = new Stream(id, this, this.#streamWindow, head.contentLength);
    stream.remoteEnded = endStream;
    this.#streams.add(stream);
    const consumer = this.#service.open(stream, head, this.#connection.remote);
    stream.consumer = consumer;
    consumer.opened();
    if (endStream && !stream.isClosed) consumer.ended();
  }

  /** A second block of a stream ends its body; there is no third. */
  #laterBlock(bytes: Uint8Array, from: number, to: number, id: number, endStream: boolean): void {
    const fields = this.#headers.fields(bytes, from, to);
    const stream = this.#streams.get(id);
    if (stream === null) {
      if (this.#streams.wasResetByUs(id)) return this.#patience.idleFrame();
      const code = this.#streams.hasClosed(id) ? ErrorCode.streamClosed : ErrorCode.protocolError;
      throw new ConnectionError(code, `HEADERS for stream ${id}, which is closed`);
    }
    if (stream.remoteEnded) return this.#streamError(id, ErrorCode.streamClosed);
    if (!endStream || stream.bodyLeft > 0 || (fields !== null && flawOfTrailers(fields) !== null)) {
      return this.#streamError(id, ErrorCode.protocolError);
    }
    stream.remoteEnded = true;
    stream.consumer?.ended();
  }

  #resetByClient(id: number): void {
    mustNotBeIdle(id, this.#streams.lastId, "RST_STREAM");
    const stream = this.#streams.get(id);
    if (stream === null) return this.#patience.idleFrame();
    this.#close(stream, false);
    this.#patience.reset();
  }

  #settings(bytes: Uint8Array, from: number, to: number, flags: number): void {
    if ((flags & Flag.ack) !== 0) {
      mustHaveLength(to - from, 0, "the acknowledgement of SETTINGS");
      return this.#patience.idleFrame();
    }
    this.#patience.settings();
    this.#life.greeted();
    const { window, maxFrame } = readSettings(bytes, from, to);
    if (maxFrame !== null) this.#sender.maxFrame = maxFrame;
    if (window !== null) this.#resizeWindows(window);
    this.#say(frame(FrameType.settings, Flag.ack, 0, new Uint8Array(0)));
  }

  /** Also of the streams that are open, whose windows may so become negative (RFC 9113 §6.9.2). */
  #resizeWindows(size: number): void {
    const difference = size - this.#streamWindow;
    this.#streamWindow = size;
    if (difference === 0) return;
    for (const stream of this.#streams.all()) {
      stream.sendWindow += difference;
      if (stream.sendWindow > LARGEST_WINDOW) throw windowTooLarge(`stream ${stream.id}`);
      if (difference > 0) this.#mayGoOn(stream);
    }
  }

  #ping(bytes: Uint8Array, from: number, to: number, flags: number): void {
    if ((flags & Flag.ack) !== 0) {
      this.#patience.idleFrame();
      return this.#life.ponged(bytes[from] ?? 0);
    }
    this.#say(frame(FrameType.ping, Flag.ack, 0, bytes.subarray(from, to)));
    const { hasAnswered } = this.#sender;
    this.#sender.hasAnswered = false;
    this.#patience.ping(hasAnswered);
  }

  #windowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (increment === 0) throw protocolError("WINDOW_UPDATE by nothing");
      if (this.#sender.window + increment > LARGEST_WINDOW) throw windowTooLarge("the connection");
      return this.#sender.widen(increment);
    }
    const stream = this.#streams.get(id);
    if (stream === null) return mustNotBeIdle(id, this.#streams.lastId, "WINDOW_UPDATE");
    if (increment === 0) return this.#streamError(id, ErrorCode.protocolError);
    if (stream.sendWindow + increment > LARGEST_WINDOW) return this.#streamError(id, ErrorCode.flowControlError);
    stream.sendWindow += increment;
    this.#mayGoOn(stream);
  }

  #mayGoOn(stream: Stream): void {
    if (stream.sendWindow > 0 && stream.message !== null) this.#sender.enlist(stream);
  }

  /** What streams call: there is more to send. */
  queued(stream: Stream, bytes: number): void {
    this.#sender.unreadBytes += bytes;
    if (this.#sender.unreadBytes > this.#limits.maxUnreadBytes) return this.#life.cut();
    this.#sender.enlist(stream);
    this.#wake();
  }

  kept(bytes: number): boolean {
    this.#keptBytes += bytes;
    return this.#keptBytes <= this.#limits.maxUnfinishedBytes;
  }

  grant(stream: Stream, bytes: number): void {
    stream.receiveWindow += bytes;
    this.#say(windowUpdateFrame(stream.id, bytes));
  }

  reset(stream: Stream, code: ErrorCode): void {
    this.#say(resetStreamFrame(stream.id, code));
    this.#close(stream, true);
  }

  /** The last frame of a stream is out. */
  #sent(stream: Stream): void {
    if (!stream.isClosed) this.#close(stream, !stream.remoteEnded);
  }

  /** The client did something wrong that concerns one stream only (RFC 9113 §5.4.2). */
  #streamError(id: number, code: ErrorCode): void {
    this.#say(resetStreamFrame(id, code));
    const stream = this.#streams.get(id);
    if (stream === null) this.#streams.remove(id, true);
    else this.#close(stream, true);
    this.#patience.reset();
  }

  #close(stream: Stream, isResetByUs: boolean): void {
    stream.close();
    this.#streams.remove(stream.id, isResetByUs);
    this.#sender.unreadBytes -= stream.queuedBytes;
    this.#keptBytes -= stream.keptBytes;
    stream.consumer?.closed();
    if (this.#streams.size === 0) this.#life.emptied();
  }

  #closeStreams(): void {
    for (const stream of this.#streams.all()) if (!stream.isClosed) this.#close(stream, true);
  }
}
