/**
 * The transport itself: one link to each peer, and the connections that peers made to us.
 *
 * Each member dials every peer and sends on the connection it dialled; what it receives comes in on those it accepted.
 * So no two members ever have to agree on which of two crossing connections to keep, and a peer that can be reached
 * but cannot reach us is still written to.
 */
import type { Address, Connection, Environment, Listener, MemberId, Scheduled } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { type Checksum, crc32 } from "./checksum.ts";
import type { LinkTraffic, TransportContext } from "./context.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";
import { type Answer, AnswerCode, answerTo, type Hello, idText, refusal } from "./handshake.ts";
import { Inbound, type InboundEvents } from "./inbound.ts";
import { type TransportLimits, transportLimits } from "./limits.ts";
import { Link, type LinkEvents } from "./link.ts";
import type { FrameKind, LinkStatus, Peer, Transport, TransportEvents, TransportIdentity } from "./transport.ts";

export interface TransportOptions {
  readonly environment: Pick<Environment, "clock" | "random" | "network" | "logger">;
  readonly identity: TransportIdentity;
  /** Where peers connect to. Port 0: any free one, told by `addresses`. */
  readonly listenAddresses: readonly Address[];
  readonly events: TransportEvents;
  /** What `inquire` learns here: which cluster this is. Default: nothing, an empty answer. */
  readonly describe?: () => Uint8Array;
  readonly limits?: Partial<TransportLimits>;
  /** CRC-32; default: `crc32` of this room, which needs no host. Node's `zlib.crc32` is quicker. */
  readonly checksum?: Checksum;
}

export interface PeerTransport extends Transport {
  /** Where it listens, in the order of `listenAddresses`. */
  readonly addresses: readonly Address[];
  /** Null: not a peer. */
  traffic(peer: MemberId): LinkTraffic | null;
}

/**
 * Listens, and is ready for `setPeers`. No event comes before it resolves.
 * @throws QuorateError PEER_LISTEN (its cause is the system's error), CONFIG
 */
export async function createTransport(options: TransportOptions): Promise<PeerTransport> {
  const limits = transportLimits(options.limits);
  const links = new Links(options, limits);
  await links.listen(options.listenAddresses);
  return links;
}

/** What a peer has sent. */
interface Received {
  frames: number;
  bytes: number;
}

class Links implements PeerTransport {
  readonly #context: TransportContext;
  readonly #events: TransportEvents;
  readonly #describe: () => Uint8Array;
  readonly #links = new Map<MemberId, Link>();
  /** Links with frames for the next `flush`. */
  readonly #unflushed = new Set<Link>();
  /** The connection on which each peer sends; the latest, if it made several. */
  readonly #inbounds = new Map<MemberId, Inbound>();
  /** Those that have not said who they are or were turned away, oldest first. */
  readonly #pending = new Set<Inbound>();
  readonly #received = new Map<MemberId, Received>();
  #listeners: Listener[] = [];
  /** Accepted before all listeners were there. */
  #early: Connection[] | null = [];
  #ticker: Scheduled | null = null;
  #closed = false;

  constructor(options: TransportOptions, limits: TransportLimits) {
    const { clock, random, network, logger } = options.environment;
    const { clusterId, memberId } = options.identity;
    if (memberId === 0n) {
      throw new QuorateError("CONFIG", GrpcStatus.invalidArgument, "the member id is 0, which stands for none");
    }
    const identity = { clusterId, memberId, nonce: random.uint64() };
    const checksum = options.checksum ?? crc32;
    this.#context = { clock, random, network, logger, identity, limits, checksum };
    this.#events = options.events;
    this.#describe = options.describe ?? (() => new Uint8Array(0));
  }

  get addresses(): readonly Address[] {
    return this.#listeners.map((listener) => listener.address);
  }

  async listen(addresses: readonly Address[]): Promise<void> {
    for (const address of addresses) {
      try {
        this.#listeners.push(await this.#context.network.listen(address, (connection) => this.#accept(connection)));
      } catch (cause) {
        await this.close();
        const why = cause instanceof Error ? cause.message : String(cause);
        const message = `cannot listen for peers on ${address.host}:${address.port}: ${why}`;
        throw new QuorateError("PEER_LISTEN", GrpcStatus.failedPrecondition, message, { cause });
      }
    }
    const { clock } = this.#context;
    clock.soon(() => {
      const early = this.#early ?? [];
      this.#early = null;
      for (const connection of early) this.#accept(connection);
    });
    this.#scheduleTick();
  }

  send(to: MemberId, group: number, kind: FrameKind, pieces: readonly Uint8Array[], bulk: boolean): boolean {
    const link = this.#links.get(to);
    if (link === undefined || !link.send(group, kind, pieces, bulk)) return false;
    this.#unflushed.add(link);
    return true;
  }

  flush(): void {
    if (this.#unflushed.size === 0) return;
    for (const link of this.#unflushed) link.flush();
    this.#unflushed.clear();
  }

  setPeers(peers: readonly Peer[]): void {
    if (this.#closed) return;
    const wanted = new Map<MemberId, Peer>();
    for (const peer of peers) if (peer.id !== this.#context.identity.memberId) wanted.set(peer.id, peer);
    for (const [id, link] of this.#links) {
      if (wanted.has(id)) continue;
      link.close();
      this.#links.delete(id);
      this.#unflushed.delete(link);
      if (!this.#inbounds.has(id)) this.#received.delete(id);
    }
    for (const [id, peer] of wanted) {
      const link = this.#links.get(id);
      if (link === undefined) this.#links.set(id, new Link(this.#context, this.#linkEvents, peer));
      else link.update(peer);
    }
  }

  link(peer: MemberId): LinkStatus | null {
    return this.#links.get(peer)?.status ?? null;
  }

  traffic(peer: MemberId): LinkTraffic | null {
    const link = this.#links.get(peer);
    if (link === undefined) return null;
    const received = this.#received.get(peer);
    return { ...link.sentTraffic, receivedFrames: received?.frames ?? 0, receivedBytes: received?.bytes ?? 0 };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ticker?.cancel();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#unflushed.clear();
    for (const inbound of [...this.#pending, ...this.#inbounds.values()]) inbound.close("the member shuts down");
    this.#pending.clear();
    this.#inbounds.clear();
    for (const connection of this.#early ?? []) connection.destroy();
    this.#early = null;
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  readonly #linkEvents: LinkEvents = {
    up: (peer) => this.#events.linkUp(peer),
    lost: (peer, reason) => this.#events.linkLost(peer, reason),
  };

  readonly #inboundEvents: InboundEvents = {
    judge: (hello) => this.#judge(hello),
    describe: () => this.#describe(),
    up: (inbound, peer) => this.#takeIn(inbound, peer),
    frame: (peer, group, kind, payload) => {
      const received = this.#received.get(peer);
      if (received !== undefined) {
        received.frames++;
        received.bytes += FRAME_HEADER_BYTES + payload.length;
      }
      this.#events.frame(peer, group, kind, payload);
    },
    closed: (inbound) => {
      this.#pending.delete(inbound);
      for (const [peer, current] of this.#inbounds) if (current === inbound) this.#forget(peer);
    },
  };

  #accept(connection: Connection): void {
    if (this.#closed) {
      connection.destroy();
    } else if (this.#early !== null) {
      this.#early.push(connection);
    } else {
      // The oldest goes, not the newest: so idle connections of strangers cannot keep a peer out.
      const [oldest] = this.#pending;
      if (oldest !== undefined && this.#pending.size >= this.#context.limits.maxPendingConnections) {
        this.#pending.delete(oldest);
        oldest.close("too many connections that have not said who they are");
      }
      this.#pending.add(new Inbound(this.#context, this.#inboundEvents, connection));
    }
  }

  #judge(hello: Hello): Answer {
    const { identity, limits } = this.#context;
    const answer = answerTo(hello, identity);
    if (answer.code !== AnswerCode.accepted || this.#links.has(hello.from) || this.#inbounds.has(hello.from)) {
      return answer;
    }
    let unknown = 0;
    for (const peer of this.#inbounds.keys()) if (!this.#links.has(peer)) unknown++;
    if (unknown < limits.maxUnknownPeers) return answer;
    const reason = `${idText(hello.from)} is not in the member list, and ${unknown} such members are connected already`;
    return refusal(identity, AnswerCode.tooManyUnknown, reason);
  }

  /** The newest connection of a peer is the one that counts: nothing of an older one may come after it. */
  #takeIn(inbound: Inbound, peer: MemberId): void {
    this.#pending.delete(inbound);
    this.#inbounds.get(peer)?.close("the peer made a new connection");
    this.#inbounds.set(peer, inbound);
    if (!this.#received.has(peer)) this.#received.set(peer, { frames: 0, bytes: 0 });
  }

  #forget(peer: MemberId): void {
    this.#inbounds.delete(peer);
    if (!this.#links.has(peer)) this.#received.delete(peer);
  }

  #scheduleTick(): void {
    const { clock, limits } = this.#context;
    this.#ticker = clock.after(limits.pingIntervalMs, () => {
      for (const link of this.#links.values()) link.tick();
      for (const inbound of this.#inbounds.values()) inbound.tick();
      if (!this.#closed) this.#scheduleTick();
    });
  }
}
