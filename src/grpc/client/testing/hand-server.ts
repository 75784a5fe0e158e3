/**
 * A server driven by hand, frame by frame: it can break every rule. It takes apart what the client sends, and holds the
 * client to the rules itself: the preface, the order of streams, windows, frame sizes, nothing behind the end.
 */
import assert from "node:assert/strict";
import { HpackDecoder } from "../../hpack/decoder.ts";
import {
  DEFAULT_MAX_FRAME,
  DEFAULT_WINDOW,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  goAwayFrame,
  lengthAt,
  PREFACE,
  Setting,
  settingsFrame,
  uint31At,
  uint32At,
  windowUpdateFrame,
} from "../../http2/frames.ts";
import { Answer, type Pairs, prefixed, type Received, Script } from "../../testing/hand-client.ts";
import { TestWire } from "../../testing/test-wire.ts";

type Settings = readonly (readonly [id: number, value: number])[];

export const HEAD: Pairs = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];

function trailers(status: number, message = ""): Pairs {
  return [["grpc-status", String(status)], ...(message === "" ? [] : [["grpc-message", message] as const])];
}

export class HandServer {
  readonly wire: TestWire;
  readonly script: Script = new Script();
  /** Everything that came, in order. */
  readonly frames: Received[] = [];
  /** What came on each stream: a request has the parts of an answer, and no trailers. */
  readonly requests: Map<number, Answer> = new Map();
  readonly #decoder = new HpackDecoder(4096, 1 << 20);
  #unread = "";
  #lastId = 0;
  /** What we have allowed the client to send. */
  readonly #windows = new Map<number, number>([[0, DEFAULT_WINDOW]]);
  #streamWindow = DEFAULT_WINDOW;
  #maxFrame = DEFAULT_MAX_FRAME;
  #isGreeted = false;

  constructor() {
    this.wire = new TestWire((bytes) => this.#take(bytes));
  }

  send(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) this.wire.arrive(piece);
  }

  greet(settings: Settings = []): void {
    this.set(settings);
  }

  set(settings: Settings): void {
    for (const [id, value] of settings) {
      if (id === Setting.maxFrameSize) this.#maxFrame = value;
      if (id !== Setting.initialWindowSize) continue;
      for (const [stream, window] of this.#windows) {
        if (stream !== 0) this.#windows.set(stream, window + value - this.#streamWindow);
      }
      this.#streamWindow = value;
    }
    this.send(settingsFrame(settings));
  }

  /** Lets the client send more; on stream 0 on all of them. */
  allow(stream: number, increment: number): void {
    this.#windows.set(stream, this.#windowOf(stream) + increment);
    this.send(windowUpdateFrame(stream, increment));
  }

  head(stream: number, fields: Pairs = HEAD): void {
    this.send(this.script.headers(stream, fields));
  }

  message(stream: number, message: Uint8Array | string): void {
    this.send(this.script.data(stream, prefixed(message)));
  }

  trailers(stream: number, status = 0, message = ""): void {
    this.send(this.script.headers(stream, trailers(status, message), { endStream: true }));
  }

  /** The whole answer to a unary call. */
  answer(stream: number, message: Uint8Array | string): void {
    this.head(stream);
    this.message(stream, message);
    this.trailers(stream);
  }

  /** An answer with trailers only. */
  refuse(stream: number, status: number, message = ""): void {
    this.send(this.script.headers(stream, [...HEAD, ...trailers(status, message)], { endStream: true }));
  }

  goAway(lastStream: number, code = 0, text = ""): void {
    this.send(goAwayFrame(lastStream, code as Parameters<typeof goAwayFrame>[1], text));
  }

  /** What came on a stream. */
  request(stream: number): Answer {
    const request = this.requests.get(stream);
    assert.ok(request !== undefined, `stream ${stream} was not begun`);
    return request;
  }

  /** Numbers of the streams that were begun. */
  get begun(): number[] {
    return [...this.requests.keys()];
  }

  count(type: number, stream?: number): number {
    return this.frames.filter((one) => one.type === type && (stream === undefined || one.stream === stream)).length;
  }

  /** The increments that the client has granted to a stream. */
  granted(stream: number): number {
    return this.frames
      .filter((one) => one.type === FrameType.windowUpdate && one.stream === stream)
      .reduce((sum, { payload }) => sum + uint31At(payload, 0), 0);
  }

  /** The client's last words. */
  get goodbye(): { readonly code: number; readonly text: string } | null {
    const payload = this.frames.find(({ type }) => type === FrameType.goAway)?.payload;
    if (payload === undefined) return null;
    return { code: uint32At(payload, 4), text: new TextDecoder().decode(payload.subarray(8)) };
  }

  #windowOf(stream: number): number {
    return this.#windows.get(stream) ?? this.#streamWindow;
  }

  #take(bytes: Uint8Array): void {
    this.#unread += String.fromCharCode(...bytes);
    if (!this.#isGreeted) {
      if (this.#unread.length < PREFACE.length) return;
      assert.equal(this.#unread.slice(0, PREFACE.length), PREFACE);
      this.#unread = this.#unread.slice(PREFACE.length);
      this.#isGreeted = true;
    }
    let unread = Uint8Array.from(this.#unread, (character) => character.charCodeAt(0));
    while (unread.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + lengthAt(unread, 0);
      if (unread.length < end) break;
      const [type = 0, flags = 0] = unread.subarray(3, 5);
      this.#receive({ type, flags, stream: uint31At(unread, 5), payload: unread.slice(FRAME_HEADER_BYTES, end) });
      unread = unread.subarray(end);
    }
    this.#unread = String.fromCharCode(...unread);
  }

  #receive(received: Received): void {
    const { type, flags, stream, payload } = received;
    if (this.frames.length === 0) assert.equal(type, FrameType.settings, "the client's first frame is SETTINGS");
    this.frames.push(received);
    assert.ok(payload.length <= this.#maxFrame, `a frame of ${payload.length} bytes`);
    switch (type) {
      case FrameType.headers: {
        assert.ok(stream % 2 === 1 && stream > this.#lastId, `stream ${stream} after ${this.#lastId}`);
        assert.equal(flags, Flag.endHeaders);
        this.#lastId = stream;
        const fields = this.#decoder.decode(payload, 0, payload.length) ?? [];
        const request = new Answer();
        request.headers.push(new Map(fields.map(({ name, value }) => [name, value])));
        this.requests.set(stream, request);
        break;
      }
      case FrameType.data: {
        const request = this.#openRequest(stream);
        for (const window of [0, stream]) {
          const left = this.#windowOf(window) - payload.length;
          assert.ok(left >= 0, `the client overran the window of ${window} by ${-left} bytes`);
          this.#windows.set(window, left);
        }
        request.body = Uint8Array.from([...request.body, ...payload]);
        request.isEnded = (flags & Flag.endStream) !== 0;
        break;
      }
      case FrameType.resetStream: {
        const request = this.request(stream);
        assert.equal(request.reset, null, `stream ${stream} was reset twice`);
        request.reset = uint32At(payload, 0);
        break;
      }
      default:
        break;
    }
  }

  #openRequest(stream: number): Answer {
    const request = this.request(stream);
    assert.equal(request.isEnded, false, `a frame behind the end of stream ${stream}`);
    assert.equal(request.reset, null, `a frame behind the reset of stream ${stream}`);
    return request;
  }
}
