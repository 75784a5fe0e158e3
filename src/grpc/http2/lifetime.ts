/**
 * How a connection begins, stays and ends.
 *
 *     greeting ──▶ open ──▶ draining ──▶ lingering ──▶ closed
 *                    └───── an error ────────▲            ▲
 *        └──────┴──────┴──── cut, or gone ────┴────────────┘
 *
 * Draining (RFC 9113 §6.8): a first GOAWAY asks the client to open no more streams, but takes those that are on their
 * way; a ping's answer shows that there are none any more, and a second GOAWAY says which was the last. Lingering:
 * everything is said, and the client is given time to read it, for closing while something of it is unread would make
 * the system throw away what we said.
 */
import type { Clock, Scheduled } from "../../environment.ts";
import { ErrorCode, Flag, FrameType, frame, goAwayFrame, LARGEST_STREAM_ID } from "./frames.ts";
import type { Limits } from "./limits.ts";
import type { Stream } from "./stream.ts";
import type { Streams } from "./streams.ts";

export interface LifetimeOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly streams: Streams<Stream>;
  /** Queues a frame. */
  readonly say: (bytes: Uint8Array) => void;
  /** Tells all streams that they are over. */
  readonly closeStreams: () => void;
  /** Closes the connection at once. */
  readonly cut: () => void;
}

/** The first byte of our pings. */
const KEEPALIVE_PING = 1;
const DRAIN_PING = 2;

export class Lifetime {
  readonly #options: LifetimeOptions;
  #state: "greeting" | "open" | "draining" | "lingering" | "closed" = "greeting";
  /** Later streams are not looked at. */
  #lastStream = LARGEST_STREAM_ID;
  #clientIsLeaving = false;
  #lastHeardAt: number;
  #pingedAt = Number.NEGATIVE_INFINITY;
  #timer: Scheduled;

  constructor(options: LifetimeOptions) {
    this.#options = options;
    this.#lastHeardAt = options.clock.now();
    this.#timer = options.clock.after(options.limits.handshakeMs, () => this.cut());
  }

  /** What the client sends still counts. */
  get listens(): boolean {
    return this.#state !== "lingering" && this.#state !== "closed";
  }

  get isOver(): boolean {
    return this.#state === "closed";
  }

  get isGreeted(): boolean {
    return this.#state !== "greeting";
  }

  takesStream(id: number): boolean {
    return id <= this.#lastStream;
  }

  /** The client's SETTINGS came. */
  greeted(): void {
    if (this.#state !== "greeting") return;
    this.#state = "open";
    this.#timer.cancel();
    this.#watch(this.#options.limits.keepaliveIntervalMs);
  }

  /** Something came. */
  heard(): void {
    this.#lastHeardAt = this.#options.clock.now();
  }

  drain(): void {
    if (this.#state === "greeting") return this.cut();
    if (this.#state !== "open") return;
    this.#state = "draining";
    this.#options.say(goAwayFrame(LARGEST_STREAM_ID, ErrorCode.noError, ""));
    this.#options.say(ping(DRAIN_PING));
  }

  /** A ping of ours came back. */
  ponged(first: number): void {
    if (first !== DRAIN_PING || this.#state !== "draining" || this.#lastStream !== LARGEST_STREAM_ID) return;
    this.#sayGoodbye();
    this.emptied();
  }

  /** The client's GOAWAY: it opens no more streams. */
  clientLeaves(): void {
    this.#clientIsLeaving = true;
    this.emptied();
  }

  /** The last stream is over, perhaps. */
  emptied(): void {
    if (this.#options.streams.size > 0 || !this.listens) return;
    if (this.#state === "draining" && this.#lastStream !== LARGEST_STREAM_ID) return this.#linger();
    if (!this.#clientIsLeaving) return;
    this.#sayGoodbye();
    this.#linger();
  }

  /** An error of the connection: says so, and ends it. */
  fail(code: ErrorCode, text: string): void {
    if (!this.listens) return;
    this.#options.say(goAwayFrame(this.#options.streams.lastId, code, text));
    this.#linger();
    this.#options.closeStreams();
  }

  cut(): void {
    if (this.#state === "closed") return;
    this.closed();
    this.#options.cut();
  }

  /** The connection is gone. */
  closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#timer.cancel();
    this.#options.closeStreams();
  }

  #sayGoodbye(): void {
    this.#lastStream = this.#options.streams.lastId;
    this.#options.say(goAwayFrame(this.#lastStream, ErrorCode.noError, ""));
  }

  #linger(): void {
    this.#state = "lingering";
    this.#timer.cancel();
    this.#timer = this.#options.clock.after(this.#options.limits.lingerMs, () => this.cut());
  }

  #watch(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => this.#check());
  }

  /** Pings a client that has said nothing for long, and cuts one that does not answer. */
  #check(): void {
    const { clock, limits } = this.#options;
    const now = clock.now();
    const silentMs = now - this.#lastHeardAt;
    if (silentMs < limits.keepaliveIntervalMs) {
      this.#watch(limits.keepaliveIntervalMs - silentMs);
    } else if (this.#pingedAt > this.#lastHeardAt) {
      this.cut();
    } else {
      this.#pingedAt = now;
      this.#options.say(ping(KEEPALIVE_PING));
      this.#watch(limits.keepaliveTimeoutMs);
    }
  }
}

function ping(first: number): Uint8Array {
  return frame(FrameType.ping, Flag.none, 0, Uint8Array.of(first, 0, 0, 0, 0, 0, 0, 0));
}
