/**
 * A network within one process, driven by a clock, whose faults a test decides. For tests only.
 *
 * Chunks arrive in order, `latencyMs` after they were written; each of at most `chunkBytes()` bytes.
 */
import type { Address, Clock, Connection, Listener, Network } from "../../environment.ts";

/** What a test sees of one end of a connection. */
export class MemoryConnection implements Connection {
  readonly remote: string;
  /** The port that was dialled. */
  readonly port: number;
  /** Whether this is the end of who dialled. */
  readonly dialled: boolean;
  /** While true, the system takes nothing that is written here: it is queued. */
  stalled = false;
  /** What becomes of each chunk written here; null: it vanishes. */
  tamper: ((chunk: Uint8Array) => Uint8Array | null) | null = null;
  closed = false;
  readonly #network: MemoryNetwork;
  #other: MemoryConnection | null = null;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** When the chunk written last arrives. */
  #lastArrival = 0;
  /** What arrived before there was a handler. */
  #unread: Uint8Array[] = [];
  #data: ((chunk: Uint8Array) => void) | null = null;
  #close: ((reason: Error | null) => void) | null = null;
  #drain: (() => void) | null = null;
  #reason: Error | null = null;
  #toldClose = false;

  constructor(network: MemoryNetwork, port: number, dialled: boolean) {
    this.#network = network;
    this.port = port;
    this.dialled = dialled;
    this.remote = dialled ? `memory:${port}` : `dialler of memory:${port}`;
  }

  static pair(network: MemoryNetwork, port: number): [MemoryConnection, MemoryConnection] {
    const here = new MemoryConnection(network, port, true);
    const there = new MemoryConnection(network, port, false);
    here.#other = there;
    there.#other = here;
    return [here, there];
  }

  write(pieces: readonly Uint8Array[]): number {
    if (this.closed) return 0;
    for (const piece of pieces) {
      if (piece.length === 0) continue;
      this.#queue.push(piece.slice());
      this.#queuedBytes += piece.length;
    }
    if (pieces.length > 0 && !this.stalled) this.#transmit();
    return this.#queuedBytes;
  }

  /** Ends `stalled`. */
  release(): void {
    this.stalled = false;
    this.#transmit();
  }

  onData(handle: (chunk: Uint8Array) => void): void {
    this.#data = handle;
    this.#network.clock.soon(() => {
      const unread = this.#unread;
      this.#unread = [];
      for (const chunk of unread) if (!this.closed) handle(chunk);
    });
  }

  onClose(handle: (reason: Error | null) => void): void {
    this.#close = handle;
    if (this.closed) this.#network.clock.soon(() => this.#tellClose());
  }

  onDrain(handle: () => void): void {
    this.#drain = handle;
  }

  pause(): void {
    throw new Error("the memory network has no pause: nothing in this room uses it");
  }

  resume(): void {
    throw new Error("the memory network has no resume: nothing in this room uses it");
  }

  destroy(reason?: Error): void {
    if (this.closed) return;
    this.#end(reason ?? null);
    // The end of the stream arrives behind the data, unless it vanishes with it.
    const vanishes = this.tamper !== null && this.tamper(new Uint8Array(1)) === null;
    if (!vanishes) this.#arrival(() => this.#partner().#end(null));
  }

  /** As when the machine resets the connection: both ends learn at once. */
  reset(): void {
    const reason = new Error("connection reset");
    this.#partner().#end(reason);
    this.#end(reason);
  }

  #partner(): MemoryConnection {
    if (this.#other === null) throw new Error("a connection has two ends: make them with pair");
    return this.#other;
  }

  #transmit(): void {
    const queue = this.#queue;
    this.#queue = [];
    let bytes = 0;
    for (const piece of queue) {
      for (let at = 0; at < piece.length; ) {
        const chunk = piece.subarray(at, at + this.#network.chunkBytes());
        at += chunk.length;
        bytes += chunk.length;
        const sent = this.tamper === null ? chunk : this.tamper(chunk);
        if (sent !== null) this.#arrival(() => this.#partner().#arrive(sent));
      }
    }
    this.#arrival(() => {
      this.#queuedBytes -= bytes;
      if (this.#queuedBytes === 0 && !this.closed) this.#drain?.();
    });
  }

  #arrival(run: () => void): void {
    const { clock, latencyMs } = this.#network;
    const pause = this.#network.chunkPauseMs;
    this.#lastArrival = Math.max(this.#lastArrival + pause, clock.now() + latencyMs);
    clock.after(this.#lastArrival - clock.now(), run);
  }

  #arrive(chunk: Uint8Array): void {
    if (this.closed) return;
    if (this.#data === null || this.#unread.length > 0) this.#unread.push(chunk);
    else this.#data(chunk);
  }

  #end(reason: Error | null): void {
    if (this.closed) return;
    this.closed = true;
    this.#reason = reason;
    this.#network.clock.soon(() => this.#tellClose());
  }

  #tellClose(): void {
    if (this.#toldClose || this.#close === null) return;
    this.#toldClose = true;
    this.#close(this.#reason);
  }
}

export class MemoryNetwork implements Network {
  readonly clock: Clock;
  readonly latencyMs: number = 1;
  /** The largest piece that arrives at once. */
  chunkBytes: () => number = () => 65536;
  /** Time between two chunks of one connection: a slow line. */
  chunkPauseMs = 0;
  /** Ports at which nobody answers, not even with a refusal. */
  readonly silentPorts: Set<number> = new Set();
  /** Every end of every connection that came up. */
  readonly connections: MemoryConnection[] = [];
  /** Each attempt: when, and to which port. */
  readonly attempts: { readonly at: number; readonly port: number }[] = [];
  readonly #listeners = new Map<number, (connection: Connection) => void>();
  #nextPort = 5000;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async listen(address: Address, accept: (connection: Connection) => void): Promise<Listener> {
    const port = address.port === 0 ? this.#nextPort++ : address.port;
    if (this.#listeners.has(port)) {
      throw Object.assign(new Error(`address in use: ${address.host}:${port}`), { code: "EADDRINUSE" });
    }
    this.#listeners.set(port, accept);
    return {
      address: { host: address.host, port },
      close: async () => {
        this.#listeners.delete(port);
      },
    };
  }

  connect(address: Address, timeoutMs: number): Promise<MemoryConnection> {
    this.attempts.push({ at: this.clock.now(), port: address.port });
    return new Promise((resolve, reject) => {
      if (this.silentPorts.has(address.port)) {
        this.clock.after(timeoutMs, () => reject(new Error("timed out")));
        return;
      }
      this.clock.after(this.latencyMs, () => {
        const accept = this.#listeners.get(address.port);
        if (accept === undefined) {
          reject(new Error("connection refused"));
          return;
        }
        const [here, there] = MemoryConnection.pair(this, address.port);
        this.connections.push(here, there);
        accept(there);
        resolve(here);
      });
    });
  }

  /** The ends of who dialled `port`, that are open. */
  dialled(port: number): MemoryConnection[] {
    return this.connections.filter((end) => end.dialled && end.port === port && !end.closed);
  }
}
