/** Links between members in one process: frames take a while, keep their order, and get lost where the network is cut. */
import type { Clock, MemberId } from "../../environment.ts";
import type { FrameKind, LinkStatus, Peer, Transport } from "../../transport/transport.ts";

export interface Receiver {
  frame(from: MemberId, kind: FrameKind, payload: Uint8Array): void;
  linkUp(peer: MemberId): void;
  linkLost(peer: MemberId): void;
}

export class MemoryNetwork {
  delayMs = 1;
  readonly #clock: Clock;
  readonly #receivers = new Map<MemberId, Receiver>();
  readonly #cut = new Set<string>();
  /** Frames seen, for tests that count. */
  readonly frames: { from: MemberId; to: MemberId; kind: FrameKind; bytes: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  attach(id: MemberId, receiver: Receiver): void {
    this.#receivers.set(id, receiver);
    for (const [other, it] of this.#receivers) {
      if (other === id) continue;
      this.#clock.soon(() => {
        if (this.connected(id, other)) receiver.linkUp(other);
        if (this.connected(other, id)) it.linkUp(id);
      });
    }
  }

  /** The process died: its links break. */
  detach(id: MemberId): void {
    this.#receivers.delete(id);
    for (const [, it] of this.#receivers) this.#clock.soon(() => it.linkLost(id));
  }

  /** Silence one way: nothing tells the ends. */
  cut(from: MemberId, to: MemberId): void {
    this.#cut.add(`${from}>${to}`);
  }

  isolate(id: MemberId): void {
    for (const other of this.#receivers.keys()) {
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  heal(): void {
    this.#cut.clear();
    for (const [id, receiver] of this.#receivers) {
      for (const other of this.#receivers.keys()) if (other !== id) receiver.linkUp(other);
    }
  }

  connected(from: MemberId, to: MemberId): boolean {
    return this.#receivers.has(to) && !this.#cut.has(`${from}>${to}`);
  }

  send(from: MemberId, to: MemberId, kind: FrameKind, payload: Uint8Array): boolean {
    if (!this.#receivers.has(to)) return false;
    this.frames.push({ from, to, kind, bytes: payload.length });
    const receiver = this.#receivers.get(to);
    this.#clock.after(this.delayMs, () => {
      if (this.connected(from, to) && this.#receivers.get(to) === receiver) receiver?.frame(from, kind, payload);
    });
    return true;
  }
}

export class MemoryTransport implements Transport {
  readonly #network: MemoryNetwork;
  readonly #self: MemberId;
  #peers: readonly Peer[] = [];

  constructor(network: MemoryNetwork, self: MemberId) {
    this.#network = network;
    this.#self = self;
  }

  send(to: MemberId, _group: number, kind: FrameKind, pieces: readonly Uint8Array[]): boolean {
    return this.#network.send(this.#self, to, kind, new Uint8Array(Buffer.concat(pieces)));
  }

  flush(): void {}

  setPeers(peers: readonly Peer[]): void {
    this.#peers = peers;
  }

  link(peer: MemberId): LinkStatus | null {
    if (!this.#peers.some(({ id }) => id === peer)) return null;
    return { connected: this.#network.connected(this.#self, peer), queuedBytes: 0, droppedFrames: 0, lastError: null };
  }

  async close(): Promise<void> {}
}
