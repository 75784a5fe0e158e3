import type { Connection } from "../environment.ts";
import type { Link } from "./link.ts";
import { Pipe, type PipeEnd, type PipeSystem } from "./pipe.ts";
import type { VirtualProcess } from "./process.ts";
import type { Action } from "./timeline.ts";

/** The most that one call of a data handler gets of what was waiting. */
const READ_BYTES = 64 * 1024;

const PROBLEMS = {
  ECONNRESET: "the connection was reset",
  ETIMEDOUT: "the connection timed out: bytes were not acknowledged for too long",
};

/** The machine that an end is on. */
export interface ConnectionHost {
  readonly name: string;
  /** Whether it has power. */
  readonly up: boolean;
  /** The end is closed. */
  forget(connection: VirtualConnection): void;
}

export interface ConnectionEndOptions {
  readonly system: PipeSystem;
  readonly host: ConnectionHost;
  readonly process: VirtualProcess;
  readonly remote: string;
  /** Of the accepting end: called when the other end's first packet is here; false: nobody takes it. */
  readonly accept?: (connection: VirtualConnection) => boolean;
}

/** One end of a connection. */
export class VirtualConnection implements Connection, PipeEnd, Action {
  readonly remote: string;
  readonly host: ConnectionHost;
  readonly process: VirtualProcess;
  readonly #system: PipeSystem;
  readonly #accept: ((connection: VirtualConnection) => boolean) | null;
  #out!: Pipe;
  #in!: Pipe;
  #peer!: VirtualConnection;
  #onData: ((chunk: Uint8Array) => void) | null = null;
  #onClose: ((reason: Error | null) => void) | null = null;
  #onDrain: (() => void) | null = null;
  #unread: Uint8Array[] = [];
  #paused = false;
  /** A reading of `#unread` is under way. */
  #reading = false;
  /** The other end closed, behind `#unread`. */
  #ended = false;
  #closed = false;
  #reason: Error | null = null;
  #told = false;
  /** Something on the way has forgotten it. */
  #isForgotten = false;

  constructor(options: ConnectionEndOptions) {
    this.#system = options.system;
    this.host = options.host;
    this.process = options.process;
    this.remote = options.remote;
    this.#accept = options.accept ?? null;
  }

  /** Joins both ends; the accepting one learns of it over the way there. */
  static join(dialling: VirtualConnection, accepting: VirtualConnection, there: Link, back: Link): void {
    const system = dialling.#system;
    dialling.#out = accepting.#in = new Pipe(system, dialling, accepting, there, back);
    accepting.#out = dialling.#in = new Pipe(system, accepting, dialling, back, there);
    dialling.#peer = accepting;
    accepting.#peer = dialling;
    dialling.#out.open();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Where the other end is. */
  get peerHost(): ConnectionHost {
    return this.#peer.host;
  }

  write(pieces: readonly Uint8Array[]): number {
    if (this.#closed || this.#isForgotten) return 0;
    if (pieces.length === 0) return this.#out.queuedBytes;
    const { resetRate, random } = this.#out.link;
    if (resetRate > 0 && random.chance(resetRate)) {
      this.reset();
      return 0;
    }
    return this.#out.write(pieces);
  }

  onData(handle: (chunk: Uint8Array) => void): void {
    this.#onData = handle;
    this.#readSoon();
  }

  onClose(handle: (reason: Error | null) => void): void {
    this.#onClose = handle;
    if (this.#closed) this.#tellSoon();
  }

  onDrain(handle: () => void): void {
    this.#onDrain = handle;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#readSoon();
  }

  /** Bytes that the system took still arrive, then the other end is told. Left unread, they make it a reset. */
  destroy(reason?: Error): void {
    if (this.#closed) return;
    this.#say(this.#unread.length > 0 ? "reset" : "end");
    this.#close(reason ?? null);
    this.#tellSoon();
  }

  /** Something between both ends broke the connection: both learn of it. */
  reset(): void {
    if (this.#closed) return;
    this.#say("reset");
    this.fail("ECONNRESET");
  }

  /**
   * Something between both ends (a firewall that lost its table) passes nothing of it on any more, either way, and tells
   * nobody. New connections are as good as ever.
   */
  forget(): void {
    for (const end of [this, this.#peer]) {
      end.#isForgotten = true;
      end.#out.drop();
    }
  }

  /** The process died: its system resets what it had open. */
  abandon(): void {
    if (this.#closed) return;
    this.#say("reset");
    this.#close(null);
  }

  /** The machine lost power: nobody is told. */
  vanish(): void {
    if (this.#closed) return;
    this.#out.drop();
    this.#close(null);
  }

  /** The connection broke for this end. */
  fail(code: "ECONNRESET" | "ETIMEDOUT"): void {
    if (this.#closed) return;
    this.#out.drop();
    this.#close(Object.assign(new Error(`${code}: ${PROBLEMS[code]}`), { code }));
    this.#tellSoon();
  }

  /** The pipe's: the other end exists and wants in. */
  opened(): void {
    if (this.#closed || this.#accept?.(this) !== true) {
      this.#in.bounced();
      this.abandon();
    }
  }

  /** The pipe's: bytes are here. */
  arrived(chunk: Uint8Array): void {
    if (this.#isForgotten) return;
    if (this.#closed) {
      this.#in.bounced();
    } else if (this.#onData !== null && !this.#paused && this.#unread.length === 0 && this.process.listening) {
      this.#in.consumed(chunk.length);
      this.#onData(chunk);
    } else {
      this.#unread.push(chunk);
      this.#readSoon();
    }
  }

  /** The pipe's: the other end closed. */
  ended(): void {
    if (this.#closed || this.#isForgotten) return;
    this.#ended = true;
    if (this.#unread.length > 0 || this.#paused) this.#readSoon();
    else this.#end();
  }

  /** The pipe's: the system has taken all that was queued. */
  drained(): void {
    if (!this.#closed) this.#onDrain?.();
  }

  /** The timeline's: a reading is due. */
  fire(): void {
    this.process.enter(this.#read);
  }

  #say(kind: "end" | "reset"): void {
    if (!this.#isForgotten) this.#out.close(kind);
  }

  #readSoon(): void {
    if (this.#reading || this.#paused || this.#closed) return;
    if (!this.#ended && (this.#unread.length === 0 || this.#onData === null)) return;
    this.#reading = true;
    if (this.process.listening) this.#system.timeline.schedule(this.#system.timeline.now, this);
    else this.process.enter(this.#read);
  }

  readonly #read = (): void => {
    this.#reading = false;
    if (this.#closed || this.#paused) return;
    if (this.#unread.length > 0) {
      if (this.#onData === null) return;
      const chunk = this.#system.join(this.#takeUnread());
      this.#in.consumed(chunk.length);
      this.#onData(chunk);
      this.#readSoon();
    } else if (this.#ended) {
      this.#end();
    }
  };

  /** As much as one read of the system gives, at least one chunk. */
  #takeUnread(): Uint8Array[] {
    let bytes = this.#unread[0]?.length ?? 0;
    let count = 1;
    while (count < this.#unread.length) {
      bytes += this.#unread[count]?.length ?? 0;
      if (bytes > READ_BYTES) break;
      count++;
    }
    return this.#unread.splice(0, count);
  }

  #end(): void {
    this.#out.drop();
    this.#close(null);
    this.process.enter(this.#tell);
  }

  #close(reason: Error | null): void {
    this.#closed = true;
    this.#reason = reason;
    this.#unread = [];
    this.host.forget(this);
  }

  #tellSoon(): void {
    const { timeline } = this.#system;
    timeline.at(timeline.now, () => this.process.enter(this.#tell));
  }

  readonly #tell = (): void => {
    if (this.#told || this.#onClose === null) return;
    this.#told = true;
    this.#onClose(this.#reason);
  };
}
