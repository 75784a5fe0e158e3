/**
 * What one connection has to send, and when it may: acknowledgements and the like first, then the streams in turn, a
 * frame each, within the peer's windows, and no faster than the system takes it (RFC 9113 §5.2, §6.9).
 *
 *     control ─┐                                    ┌─▶ drained, sent: told when the bytes are on their way
 *     ready ───┴▶ slab ─▶ one write ─▶ connection ──┘
 *     starved: streams that wait for the connection's window
 *
 * A stream whose own window is used up stands nowhere: the peer's WINDOW_UPDATE puts it back. Both ends of a connection
 * send so; what stands around a stream's messages is theirs to say (`Framing`).
 */
import type { Connection } from "../../environment.ts";
import {
  DEFAULT_MAX_FRAME,
  DEFAULT_WINDOW,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  putFrameHeader,
  putUint32,
} from "./frames.ts";
import { LinkedQueue } from "./linked-queue.ts";
import type { Outgoing } from "./outgoing.ts";
import { LEAST_ROOM, type Slab } from "./slab.ts";

/** In front of each message: whether it is compressed (never), and its length (gRPC over HTTP/2, "Length-Prefixed"). */
const PREFIX_BYTES = 5;
/** Room that a stream is given a turn in: for all header blocks and frame headers, and for some data. */
const STEP_BYTES = LEAST_ROOM / 2;
/** Of that, what is not for data: longer header blocks and control frames there are none. */
const HEADERS_BYTES = STEP_BYTES / 2;
/** After so many bytes the others' turn comes, also if this peer reads as fast as we write. */
const TURN_BYTES = 1 << 20;
/** The longest header block that the room for headers has place for, with its frame's header and that of the data. */
export const LONGEST_BLOCK: number = HEADERS_BYTES - 4 * FRAME_HEADER_BYTES;

/** What stands around the messages of a stream, at one end or the other. */
export interface Framing<S> {
  /** Writes what comes before the first message. True: that was all. */
  begin(stream: S, slab: Slab): boolean;
  /** Nothing waits: writes what comes behind the last message, if that was it. Whether the stream's last frame is written. */
  end(stream: S, slab: Slab): boolean;
  /** The bytes of its last frame are on their way. */
  sent(stream: S): void;
  /** There is room for messages again, after there was none. */
  drained(stream: S): void;
}

/** What became of a stream's turn. */
const DONE = 0;
const MORE = 1;
const STARVED = 2;
const FINISHED = 3;
type Outcome = typeof DONE | typeof MORE | typeof STARVED | typeof FINISHED;

export class Sender<S extends Outgoing<S>> {
  /** Bytes of DATA that the peer takes on the whole connection. */
  window: number = DEFAULT_WINDOW;
  /** The largest frame that the peer takes. */
  maxFrame: number = DEFAULT_MAX_FRAME;
  /** Of messages that wait. */
  unreadBytes = 0;
  /** Something other than acknowledgements was sent since this was set to false. */
  hasAnswered = false;
  readonly #connection: Connection;
  readonly #slab: Slab;
  readonly #framing: Framing<S>;
  #control: Uint8Array[] = [];
  readonly #ready = new LinkedQueue<S>();
  readonly #starved = new LinkedQueue<S>();
  readonly #finished = new LinkedQueue<S>();
  #drained: S[] = [];
  /** The system has not taken all that was written. */
  #isBlocked = false;

  constructor(connection: Connection, slab: Slab, framing: Framing<S>) {
    this.#connection = connection;
    this.#slab = slab;
    this.#framing = framing;
  }

  /** Frames that wait. */
  get waitingControl(): number {
    return this.#control.length;
  }

  /** `pump` would do something. */
  get hasWork(): boolean {
    return !this.#isBlocked && (this.#control.length > 0 || !this.#ready.isEmpty);
  }

  /** `pump` would send something of a stream. */
  get hasStreams(): boolean {
    return !this.#isBlocked && !this.#ready.isEmpty;
  }

  /** A whole frame, in front of all streams' frames. */
  control(frame: Uint8Array): void {
    this.#control.push(frame);
  }

  /** The stream has something to send, or may go on. */
  enlist(stream: S): void {
    if (stream.queue === null) this.#ready.push(stream);
  }

  /** The peer takes more on the whole connection. */
  widen(increment: number): void {
    this.window += increment;
    if (this.window <= 0) return;
    for (let stream = this.#starved.shift(); stream !== null; stream = this.#starved.shift()) this.#ready.push(stream);
  }

  /** The system took all that was written. */
  unblock(): void {
    this.#isBlocked = false;
  }

  /** Writes what may be sent now; some of it may be left, to be sent in another turn. */
  pump(): void {
    const slab = this.#slab;
    let left = TURN_BYTES;
    while (left > 0 && this.hasWork) {
      slab.begin();
      this.#fill();
      const piece = slab.take();
      if (piece.length === 0) break;
      left -= piece.length;
      if (this.#connection.write([piece]) === 0) slab.giveBack(piece);
      else this.#isBlocked = true;
    }
    this.#tell();
  }

  #tell(): void {
    for (let stream = this.#finished.shift(); stream !== null; stream = this.#finished.shift()) {
      this.#framing.sent(stream);
    }
    if (this.#drained.length === 0) return;
    const drained = this.#drained;
    this.#drained = [];
    for (const stream of drained) if (!stream.isClosed) this.#framing.drained(stream);
  }

  #fill(): void {
    const slab = this.#slab;
    this.#writeControl();
    while (slab.room >= STEP_BYTES) {
      const stream = this.#ready.shift();
      if (stream === null) break;
      const outcome = this.#step(stream);
      if (outcome === MORE) this.#ready.push(stream);
      else if (outcome === STARVED) this.#starved.push(stream);
      else if (outcome === FINISHED) this.#finished.push(stream);
    }
  }

  #writeControl(): void {
    const slab = this.#slab;
    const control = this.#control;
    let n = 0;
    for (; n < control.length && slab.room >= STEP_BYTES; n++) {
      const frame = control[n] as Uint8Array;
      slab.bytes.set(frame, slab.at);
      slab.at += frame.length;
    }
    if (n > 0) this.#control = control.slice(n);
  }

  /** One frame of data at most, and what headers go with it. */
  #step(stream: S): Outcome {
    this.hasAnswered = true;
    if (!stream.headersSent) {
      stream.headersSent = true;
      if (this.#framing.begin(stream, this.#slab)) return FINISHED;
    }
    if (stream.message !== null) {
      if (!this.#writeData(stream, stream.message)) return this.window <= 0 ? STARVED : DONE;
      if (stream.message !== null) return MORE;
    }
    return this.#framing.end(stream, this.#slab) ? FINISHED : DONE;
  }

  /** As much of the message as one frame may have. False: not a byte. */
  #writeData(stream: S, message: Uint8Array): boolean {
    const slab = this.#slab;
    const sent = stream.sentBytes;
    const left = PREFIX_BYTES + message.length - sent;
    const length = Math.min(left, stream.sendWindow, this.window, this.maxFrame, slab.room - HEADERS_BYTES);
    if (length <= 0) return false;
    const { bytes } = slab;
    let { at } = slab;
    const flags = length === left ? stream.lastFrameFlags : Flag.none;
    putFrameHeader(bytes, at, length, FrameType.data, flags, stream.id);
    at += FRAME_HEADER_BYTES;
    if (sent === 0 && length === left) {
      bytes[at] = 0;
      putUint32(bytes, at + 1, message.length);
      bytes.set(message, at + PREFIX_BYTES);
    } else {
      writePiece(bytes, at, message, sent, length);
    }
    slab.at = at + length;
    stream.sendWindow -= length;
    this.window -= length;
    if (length < left) {
      stream.sentBytes = sent + length;
      return true;
    }
    this.unreadBytes -= message.length;
    if (stream.messageSent()) this.#drained.push(stream);
    return true;
  }
}

/** Writes a HEADERS frame of a whole block, of at most `LONGEST_BLOCK` bytes. */
export function writeHeaders(slab: Slab, stream: number, block: Uint8Array, flags: number): void {
  putFrameHeader(slab.bytes, slab.at, block.length, FrameType.headers, flags | Flag.endHeaders, stream);
  slab.bytes.set(block, slab.at + FRAME_HEADER_BYTES);
  slab.at += FRAME_HEADER_BYTES + block.length;
}

/** Writes `length` bytes of a prefixed message, from its byte `from` on, which may lie within the prefix. */
function writePiece(bytes: Uint8Array, at: number, message: Uint8Array, from: number, length: number): void {
  let position = at;
  const end = from + length;
  for (let n = from; n < Math.min(end, PREFIX_BYTES); n++) {
    bytes[position++] = n === 0 ? 0 : message.length >>> (8 * (PREFIX_BYTES - 1 - n));
  }
  if (end <= PREFIX_BYTES) return;
  const start = Math.max(0, from - PREFIX_BYTES);
  bytes.set(message.subarray(start, end - PREFIX_BYTES), position);
}
