/**
 * The transport itself: one link to each peer, and the connections that peers made to us.
 *
 * Each member dials every peer and sends on the connection it dialled; what it receives comes in on those it accepted.
 * So no two members ever have to agree on which of two crossing connections to keep, and a peer that can be reached
 * but cannot reach us is still written to.
 *
 * A member that was away while others took its place knows none of the present ones, and could not answer the leader that
 * dials it. So each says hello with its own addresses (as etcd does, in the header `X-PeerURLs`), and who is not named by
 * `setPeers` is dialled back there as long as it is connected (unless it is so only in return). What a named peer says so is tried behind its own
 * addresses: the list may be older than its last move.
 */
import type { Address, Connection, Environment, Listener, MemberId, Scheduled } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { type Checksum, crc32 } from "./checksum.ts";
import type { LinkTraffic, TransportContext } from "./context.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";
import { idText } from "./handshake.ts";
import { Inbounds, type InboundsEvents } from "./inbounds.ts";
import { type TransportLimits, transportLimits } from "./limits.ts";
import { Link, type LinkEvents } from "./link.ts";
import type { FrameKind, LinkStatus, Peer, Transport, TransportEvents, TransportIdentity } from "./transport.ts";

export interface TransportOptions {
  readonly environment: Pick<Environment, "clock" | "random" | "network" | "logger">;
  readonly identity: TransportIdentity;
  /** Where peers connect to. Port 0: any free one, told by `addresses`. */
  readonly listenAddresses: readonly Address[];
  /** Where peers can reach this member, if it is to be told to them; at most 8 (`address-list.ts`). */
  readonly advertisedAddresses?: readonly Address[];
  readonly events: TransportEvents;
  /** Whether a member was removed from the cluster, as far as is known here. Default: nobody was. */
  readonly isRemoved?: (id: MemberId) => boolean;
  /** What `inquire` learns here: which cluster this is. Default: nothing, an empty answer. */
  readonly describe?: () => Uint8Array;
  readonly limits?: Partial<TransportLimits>;
  /** CRC-32; default: `crc32` of this room, which needs no host. Node's `zlib.crc32` is quicker. */
  readonly checksum?: Checksum;
}

export interface PeerTransport extends Transport {
  /** Where it listens, in the order of `listenAddresses`. */
  readonly addresses: readonly Address[];
  /** Null: there is no link to it. */
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
  readonly #inbounds: Inbounds;
  /** Those of `setPeers`. */
  #named: ReadonlyMap<MemberId, Peer> = new Map();
  /** Where those that are named or connected last said that they can be reached. */
  readonly #told = new Map<MemberId, readonly Address[]>();
  /** To all that are named, and back to those that are connected without being named. */
  readonly #links = new Map<MemberId, Link>();
  /** Links with frames for the next `flush`. */
  readonly #unflushed = new Set<Link>();
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
    const advertised = options.advertisedAddresses ?? [];
    this.#context = { clock, random, network, logger, identity, advertised, limits, checksum };
    this.#events = options.events;
    this.#inbounds = new Inbounds(this.#context, this.#inboundsEvents(options));
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
    const named = new Map<MemberId, Peer>();
    for (const peer of peers) if (peer.id !== this.#context.identity.memberId) named.set(peer.id, peer);
    this.#named = named;
    this.#inbounds.sift();
    for (const id of this.#links.keys()) if (!named.has(id)) this.#arrange(id);
    for (const id of named.keys()) this.#arrange(id);
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
    this.#inbounds.close("the member shuts down");
    for (const connection of this.#early ?? []) connection.destroy();
    this.#early = null;
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  readonly #linkEvents: LinkEvents = {
    up: (peer) => this.#events.linkUp(peer),
    lost: (peer, reason) => this.#events.linkLost(peer, reason),
    removed: (by) => this.#events.removed?.(by),
  };

  #inboundsEvents({ describe, isRemoved, events }: TransportOptions): InboundsEvents {
    return {
      isNamed: (peer) => this.#named.has(peer),
      isRemoved: isRemoved ?? (() => false),
      describe: describe ?? (() => new Uint8Array(0)),
      frame: (peer, group, kind, payload) => {
        const received = this.#received.get(peer);
        if (received !== undefined) {
          received.frames++;
          received.bytes += FRAME_HEADER_BYTES + payload.length;
        }
        events.frame(peer, group, kind, payload);
      },
      greeted: (peer, addresses) => this.#greeted(peer, addresses),
      left: (peer) => this.#answer(peer),
    };
  }

  #accept(connection: Connection): void {
    if (this.#closed) connection.destroy();
    else if (this.#early !== null) this.#early.push(connection);
    else this.#inbounds.accept(connection);
  }

  /** Makes the link to one member what it should be: none, one to where it was named, or one to where it says it is. */
  #arrange(id: MemberId): void {
    // What a link tells of its change may have led its owner to close everything.
    if (this.#closed) return;
    const named = this.#named.get(id);
    const told = this.#told.get(id) ?? [];
    const link = this.#links.get(id);
    if (named === undefined && (told.length === 0 || !this.#inbounds.wantsLink(id))) {
      link?.close();
      if (link !== undefined) this.#unflushed.delete(link);
      this.#links.delete(id);
      if (this.#inbounds.has(id)) return;
      this.#told.delete(id);
      this.#received.delete(id);
      return;
    }
    const addresses = named === undefined ? told : withMore(named.addresses, told);
    const peer = { id, addresses, inReturn: named === undefined };
    if (link === undefined) this.#links.set(id, new Link(this.#context, this.#linkEvents, peer));
    else link.update(peer);
  }

  #greeted(peer: MemberId, addresses: readonly Address[]): void {
    if (!this.#received.has(peer)) this.#received.set(peer, { frames: 0, bytes: 0 });
    this.#told.set(peer, addresses);
    this.#answer(peer);
  }

  /** Does what a peer's connection, or its end, asks for; tells of a link that ends with it. */
  #answer(peer: MemberId): void {
    const wasUp = this.#links.get(peer)?.connected === true;
    this.#arrange(peer);
    if (!wasUp || this.#links.has(peer)) return;
    const message = `member ${idText(peer)}: link lost: it is not in the member list, and does not ask for a link`;
    this.#events.linkLost(peer, new QuorateError("PEER_LOST", GrpcStatus.unavailable, message));
  }

  #scheduleTick(): void {
    const { clock, limits } = this.#context;
    this.#ticker = clock.after(limits.pingIntervalMs, () => {
      for (const link of this.#links.values()) link.tick();
      this.#inbounds.tick();
      if (!this.#closed) this.#scheduleTick();
    });
  }
}

/** Those of `more` that are not among the first come behind them. */
function withMore(addresses: readonly Address[], more: readonly Address[]): readonly Address[] {
  const isNew = ({ host, port }: Address): boolean => !addresses.some((one) => one.host === host && one.port === port);
  return [...addresses, ...more.filter(isNew)];
}
