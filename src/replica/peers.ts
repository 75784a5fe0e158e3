/**
 * Which members this one keeps links to: those of the applied membership, and those it was told of before it had one.
 * A removed member keeps its link for a while, so that it can learn of its removal.
 */
import type { Address, Clock, Logger, MemberId } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { Peer, Transport } from "../transport/transport.ts";

interface PeerUrls {
  readonly id: MemberId;
  readonly peerUrls: readonly string[];
}

const FAREWELL_MS = 5_000;

/** @throws QuorateError naming a URL that is not `http://host:port`. */
export function peerAddress(url: string): Address {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new QuorateError(
      "CONFIG",
      GrpcStatus.invalidArgument,
      `peer URL "${url}" is no URL; write http://host:port`,
      { cause },
    );
  }
  if (parsed.protocol !== "http:" || parsed.hostname === "") {
    throw new QuorateError(
      "CONFIG",
      GrpcStatus.invalidArgument,
      `peer URL "${url}" must have the form http://host:port`,
    );
  }
  // URL leaves out the port that is the default of its protocol.
  return { host: parsed.hostname.replace(/^\[|\]$/g, ""), port: parsed.port === "" ? 80 : Number(parsed.port) };
}

export class Peers {
  #peers = new Map<MemberId, readonly string[]>();
  readonly #leaving = new Map<MemberId, { urls: readonly string[]; until: number }>();
  /** Used until the log has told who the members are. */
  #known: readonly PeerUrls[];
  readonly #self: MemberId;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(options: {
    self: MemberId;
    transport: Transport;
    clock: Clock;
    logger: Logger;
    known: readonly PeerUrls[];
  }) {
    this.#logger = options.logger;
    this.#self = options.self;
    this.#transport = options.transport;
    this.#clock = options.clock;
    this.#known = options.known;
  }

  update(members: readonly PeerUrls[]): void {
    if (members.some(({ id }) => id === this.#self)) this.#known = [];
    const peers = new Map<MemberId, readonly string[]>();
    for (const { id, peerUrls } of [...this.#known, ...members]) if (id !== this.#self) peers.set(id, peerUrls);
    for (const [id, urls] of this.#peers) {
      if (!peers.has(id)) this.#leaving.set(id, { urls, until: this.#clock.now() + FAREWELL_MS });
    }
    for (const id of peers.keys()) this.#leaving.delete(id);
    this.#peers = peers;
    this.#tell();
  }

  tick(): void {
    const now = this.#clock.now();
    const over = [...this.#leaving].filter(([, { until }]) => until <= now);
    if (over.length === 0) return;
    for (const [id] of over) this.#leaving.delete(id);
    this.#tell();
  }

  connected(): MemberId[] {
    return [...this.#peers.keys()].filter((id) => this.#transport.link(id)?.connected === true);
  }

  #tell(): void {
    const peers: Peer[] = [];
    for (const [id, urls] of this.#peers) peers.push({ id, addresses: this.#addresses(urls) });
    for (const [id, { urls }] of this.#leaving) peers.push({ id, addresses: this.#addresses(urls) });
    this.#transport.setPeers(peers);
  }

  /** What the log says must never stop a member: a URL that cannot be used is left out, and said. */
  #addresses(urls: readonly string[]): Address[] {
    return urls.flatMap((url) => {
      try {
        return [peerAddress(url)];
      } catch (error) {
        this.#logger.error({ url }, error instanceof Error ? error.message : String(error));
        return [];
      }
    });
  }
}
