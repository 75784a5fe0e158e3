/**
 * A client driven by hand, frame by frame: it can break every rule. It takes apart what the server sends, and holds the
 * server to the rules itself: windows, frame sizes, the order of headers, data and trailers.
 */
import assert from "node:assert/strict";
import type { GrpcDoor } from "../door.ts";
import { HpackDecoder } from "../hpack/decoder.ts";
import { CompressingEncoder } from "../hpack/testing/compressing-encoder.ts";
import {
  DEFAULT_MAX_FRAME,
  DEFAULT_WINDOW,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  frame,
  lengthAt,
  PREFACE,
  putUint32,
  resetStreamFrame,
  Setting,
  settingsFrame,
  uint31At,
  uint32At,
  windowUpdateFrame,
} from "../http2/frames.ts";
import { TestWire } from "./test-wire.ts";

export type Pairs = readonly (readonly [name: string, value: string])[];

/** A frame from the server. */
export interface Received {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** What came on a stream. */
export class Answer {
  readonly headers: Map<string, string>[] = [];
  body: Uint8Array = new Uint8Array(0);
  isEnded = false;
  /** The code it was reset with. */
  reset: number | null = null;

  /** The whole messages in the body. */
  get messages(): Uint8Array[] {
    const messages: Uint8Array[] = [];
    for (let at = 0; this.body.length - at >= 5; ) {
      const length = uint32At(this.body, at + 1);
      if (this.body.length - at < 5 + length) break;
      messages.push(this.body.subarray(at + 5, at + 5 + length));
      at += 5 + length;
    }
    return messages;
  }

  get texts(): string[] {
    return this.messages.map((message) => new TextDecoder().decode(message));
  }

  /** Of the last headers: null until they came. */
  get status(): number | null {
    const status = this.headers.at(-1)?.get("grpc-status");
    return status === undefined ? null : Number(status);
  }

  get message(): string {
    return decodeURIComponent(this.headers.at(-1)?.get("grpc-message") ?? "");
  }
}

export interface HeaderOptions {
  readonly endStream?: boolean;
  readonly padding?: number;
  readonly priority?: boolean;
  /** The block is cut into so many frames. */
  readonly pieces?: number;
}

/** A gRPC message as it stands in a body. */
export function prefixed(message: Uint8Array | string, flag = 0): Uint8Array {
  const bytes = typeof message === "string" ? new TextEncoder().encode(message) : message;
  const body = new Uint8Array(5 + bytes.length);
  body[0] = flag;
  putUint32(body, 1, bytes.length);
  body.set(bytes, 5);
  return body;
}

export function requestFields(path: string, more: Pairs = []): Pairs {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "test"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...more,
  ];
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Makes the bytes that a client sends. Header blocks depend on those before, so they must be sent in order. */
export class Script {
  readonly #encoder = new CompressingEncoder();

  preface(settings: readonly (readonly [number, number])[] = []): Uint8Array {
    return joined([new TextEncoder().encode(PREFACE), settingsFrame(settings)]);
  }

  headers(stream: number, fields: Pairs, options: HeaderOptions = {}): Uint8Array {
    return this.block(stream, this.#encoder.block(fields), options);
  }

  block(stream: number, block: Uint8Array, options: HeaderOptions = {}): Uint8Array {
    const { endStream = false, padding, priority = false, pieces = 1 } = options;
    const size = Math.ceil(block.length / pieces);
    const parts = Array.from({ length: pieces }, (_, n) => block.subarray(n * size, (n + 1) * size));
    const first = joined([
      padding === undefined ? new Uint8Array(0) : Uint8Array.of(padding),
      priority ? Uint8Array.of(0, 0, 0, 0, 16) : new Uint8Array(0),
      parts[0] ?? new Uint8Array(0),
      new Uint8Array(padding ?? 0),
    ]);
    const flags =
      (endStream ? Flag.endStream : 0) |
      (padding === undefined ? 0 : Flag.padded) |
      (priority ? Flag.priority : 0) |
      (pieces === 1 ? Flag.endHeaders : 0);
    return joined([
      frame(FrameType.headers, flags, stream, first),
      ...parts
        .slice(1)
        .map((part, n) => frame(FrameType.continuation, n === pieces - 2 ? Flag.endHeaders : 0, stream, part)),
    ]);
  }

  data(stream: number, body: Uint8Array, endStream = false, padding?: number): Uint8Array {
    const flags = (endStream ? Flag.endStream : 0) | (padding === undefined ? 0 : Flag.padded);
    if (padding === undefined) return frame(FrameType.data, flags, stream, body);
    return frame(FrameType.data, flags, stream, joined([Uint8Array.of(padding), body, new Uint8Array(padding)]));
  }

  /** A call with one message. */
  call(stream: number, path: string, message: Uint8Array | string, more: Pairs = []): Uint8Array {
    return joined([this.headers(stream, requestFields(path, more)), this.data(stream, prefixed(message), true)]);
  }

  reset(stream: number, code = 8): Uint8Array {
    return resetStreamFrame(stream, code as Parameters<typeof resetStreamFrame>[1]);
  }
}

export class HandClient {
  readonly wire: TestWire;
  readonly script: Script = new Script();
  /** Everything that came, in order. */
  readonly frames: Received[] = [];
  readonly answers: Map<number, Answer> = new Map();
  /** The server's GOAWAYs. */
  readonly goodbyes: { readonly lastStream: number; readonly code: number; readonly text: string }[] = [];
  readonly #decoder = new HpackDecoder(4096, 1 << 20);
  #unread: Uint8Array = new Uint8Array(0);
  /** What we have allowed the server to send. */
  readonly #windows = new Map<number, number>([[0, DEFAULT_WINDOW]]);
  #streamWindow = DEFAULT_WINDOW;
  #maxFrame = DEFAULT_MAX_FRAME;

  /** Connects, and greets unless told not to. */
  constructor(door: GrpcDoor, settings: readonly (readonly [number, number])[] | null = []) {
    this.wire = new TestWire((bytes) => this.#take(bytes));
    door.accept(this.wire);
    if (settings === null) return;
    for (const [id, value] of settings) this.#note(id, value);
    this.send(this.script.preface(settings));
  }

  send(...pieces: readonly Uint8Array[]): void {
    this.wire.arrive(joined(pieces));
  }

  /** Changes a setting of the connection under way. */
  set(id: number, value: number): void {
    this.#note(id, value);
    this.send(settingsFrame([[id, value]]));
  }

  /** Lets the server send more; on stream 0 on all of them. */
  allow(stream: number, increment: number): void {
    this.#windows.set(stream, this.#windowOf(stream) + increment);
    this.send(windowUpdateFrame(stream, increment));
  }

  answer(stream: number): Answer {
    const known = this.answers.get(stream) ?? new Answer();
    this.answers.set(stream, known);
    return known;
  }

  /** The increments that the server has granted to a stream. */
  granted(stream: number): number {
    return this.frames
      .filter((one) => one.type === FrameType.windowUpdate && one.stream === stream)
      .reduce((sum, { payload }) => sum + uint31At(payload, 0), 0);
  }

  count(type: number, stream?: number): number {
    return this.frames.filter((one) => one.type === type && (stream === undefined || one.stream === stream)).length;
  }

  #note(id: number, value: number): void {
    if (id === Setting.maxFrameSize) this.#maxFrame = value;
    if (id !== Setting.initialWindowSize) return;
    for (const [stream, window] of this.#windows) {
      if (stream !== 0) this.#windows.set(stream, window + value - this.#streamWindow);
    }
    this.#streamWindow = value;
  }

  #windowOf(stream: number): number {
    return this.#windows.get(stream) ?? this.#streamWindow;
  }

  #take(bytes: Uint8Array): void {
    this.#unread = joined([this.#unread, bytes]);
    while (this.#unread.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + lengthAt(this.#unread, 0);
      if (this.#unread.length < end) break;
      const [type = 0, flags = 0] = this.#unread.subarray(3, 5);
      const stream = uint31At(this.#unread, 5);
      const payload = this.#unread.slice(FRAME_HEADER_BYTES, end);
      this.#unread = this.#unread.subarray(end);
      this.#receive({ type, flags, stream, payload });
    }
  }

  #receive(received: Received): void {
    const { type, flags, stream, payload } = received;
    if (this.frames.length === 0) assert.equal(type, FrameType.settings, "the server's first frame is SETTINGS");
    this.frames.push(received);
    assert.ok(payload.length <= this.#maxFrame, `a frame of ${payload.length} bytes`);
    switch (type) {
      case FrameType.headers: {
        const answer = this.#openAnswer(stream);
        assert.ok((flags & Flag.endHeaders) !== 0);
        const fields = this.#decoder.decode(payload, 0, payload.length) ?? [];
        answer.headers.push(new Map(fields.map(({ name, value }) => [name, value])));
        answer.isEnded = (flags & Flag.endStream) !== 0;
        assert.ok(answer.headers.length <= 2 && (answer.headers.length < 2 || answer.isEnded));
        break;
      }
      case FrameType.data: {
        const answer = this.#openAnswer(stream);
        assert.equal(answer.headers.length, 1, "data stands between headers and trailers");
        for (const window of [0, stream]) {
          const left = this.#windowOf(window) - payload.length;
          assert.ok(left >= 0, `the server overran the window of ${window} by ${-left} bytes`);
          this.#windows.set(window, left);
        }
        answer.body = joined([answer.body, payload]);
        break;
      }
      case FrameType.resetStream:
        this.answer(stream).reset = uint32At(payload, 0);
        break;
      case FrameType.goAway:
        this.goodbyes.push({
          lastStream: uint31At(payload, 0),
          code: uint32At(payload, 4),
          text: new TextDecoder().decode(payload.subarray(8)),
        });
        break;
      default:
        break;
    }
  }

  #openAnswer(stream: number): Answer {
    const answer = this.answer(stream);
    assert.equal(answer.isEnded, false, `a frame behind the end of stream ${stream}`);
    assert.equal(answer.reset, null, `a frame behind the reset of stream ${stream}`);
    return answer;
  }
}
