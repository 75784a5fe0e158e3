/**
 * A network between simulated machines: TCP as far as a program can tell, over ways whose delay, width and faults are set
 * from outside. Order within a connection is kept, whatever happens; connections overtake each other.
 */
import { SeededRandom } from "../consensus/random.ts";
import type { Address, Connection, Listener, Network } from "../environment.ts";
import { assert } from "../errors.ts";
import { Dial } from "./dial.ts";
import { isLoopback, VirtualHost } from "./host.ts";
import { Link, type LinkDefaults } from "./link.ts";
import type { Pipe, PipeSystem } from "./pipe.ts";
import type { VirtualProcess } from "./process.ts";
import { seedOfName } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** Copies of what is written are cut from slabs of this size: memory of its own for each costs more than the copying. */
const SLAB_BYTES = 64 * 1024;

export interface VirtualNetworkOptions {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  /** Whether bytes arrive in other pieces than they were written in. Default: false. */
  readonly chunking?: boolean;
  /** Of every way that nothing else was set for; defaults: 0.05 and 0.5. */
  readonly minDelayMs?: number;
  readonly maxDelayMs?: number;
}

export class VirtualNetwork implements PipeSystem {
  readonly timeline: Timeline;
  chunking: boolean;
  cutRate: number = 1 / 8;
  bufferBytes: number = 64 * 1024;
  tcpTimeoutMs = 15_000;
  retransmitMs = 400;
  readonly stuck: Set<Pipe> = new Set();
  readonly #seed: number;
  readonly #defaults: LinkDefaults;
  readonly #hosts = new Map<string, VirtualHost>();
  readonly #links = new Map<string, Link>();
  #slab = new Uint8Array(SLAB_BYTES);
  #slabUsed = 0;

  constructor(options: VirtualNetworkOptions) {
    this.timeline = options.timeline;
    this.chunking = options.chunking ?? false;
    this.#seed = options.random.uint32();
    this.#defaults = { minDelayMs: options.minDelayMs ?? 0.05, maxDelayMs: options.maxDelayMs ?? 0.5 };
  }

  /** The host of this name; a new one has no power yet. */
  host(name: string): VirtualHost {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      assert(name !== "" && !isLoopback(name), `"${name}" is no name for a host: every host reaches itself by it`);
      host = new VirtualHost(name);
      this.#hosts.set(name, host);
    }
    return host;
  }

  /** The way from one host to another. From a host to itself it takes no time unless that is set. */
  link(from: string, to: string): Link {
    const name = `${from} > ${to}`;
    let link = this.#links.get(name);
    if (link === undefined) {
      // A seed by name: a way draws the same whether others were used before or not.
      const random = new SeededRandom(seedOfName(this.#seed, name));
      const defaults = from === to ? { minDelayMs: 0, maxDelayMs: 0 } : this.#defaults;
      link = new Link(this.timeline, random, defaults, () => this.#retry());
      this.#links.set(name, link);
    }
    return link;
  }

  /** Blocks one way, once more: each needs an `unblock`, or one `heal`. */
  block(from: string, to: string): void {
    this.link(from, to).block();
  }

  unblock(from: string, to: string): void {
    this.link(from, to).unblock();
  }

  /** Puts both ways between two hosts as they were in the beginning. */
  heal(one: string, other: string): void {
    this.link(one, other).heal();
    this.link(other, one).heal();
  }

  /** Breaks all connections between two hosts. */
  reset(one: string, other: string): void {
    const { connections } = this.host(one);
    for (const connection of connections) if (connection.peerHost.name === other) connection.reset();
  }

  /** All connections between two hosts pass nothing on any more, and nobody is told; new ones do. */
  forget(one: string, other: string): void {
    const { connections } = this.host(one);
    for (const connection of connections) if (connection.peerHost.name === other) connection.forget();
  }

  /** The network as one process on a host sees it, which has power from now on. A host may have several processes. */
  attach(name: string, process: VirtualProcess): Network {
    const host = this.host(name);
    host.up = true;
    process.onDeath(() => host.abandon(process));
    this.#retry();
    return {
      listen: async (address, accept): Promise<Listener> => host.listen(address, process, accept),
      connect: (address, timeoutMs) => this.#connect(host, process, address, timeoutMs),
    };
  }

  /** A host loses power: those at the other ends of its connections are not told. */
  powerOff(name: string): void {
    const host = this.host(name);
    host.powerOff();
    for (const pipe of this.stuck) if (pipe.leaves(host)) pipe.drop();
  }

  join(pieces: readonly Uint8Array[]): Uint8Array {
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    const whole = this.#allocate(bytes);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  #allocate(bytes: number): Uint8Array {
    if (bytes > SLAB_BYTES / 4) return new Uint8Array(bytes);
    if (this.#slabUsed + bytes > SLAB_BYTES) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed = start + bytes;
    return this.#slab.subarray(start, start + bytes);
  }

  #connect(from: VirtualHost, process: VirtualProcess, address: Address, timeoutMs: number): Promise<Connection> {
    const to = isLoopback(address.host) ? from : this.#hosts.get(address.host);
    if (to === undefined) {
      const problem = new Error(`ENOTFOUND: there is no host ${address.host}`);
      return Promise.reject(Object.assign(problem, { code: "ENOTFOUND" }));
    }
    const there = this.link(from.name, to.name);
    const back = this.link(to.name, from.name);
    return new Dial({ system: this, from, to, there, back, process, address, timeoutMs }).promise;
  }

  /** Some way is open again, or a host is up. */
  #retry(): void {
    // As they are now: one that is still held up comes back to the end of the set.
    const pipes = Array.from(this.stuck);
    for (const pipe of pipes) pipe.retry();
  }
}
