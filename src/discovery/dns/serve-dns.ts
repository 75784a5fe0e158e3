/** DNS answers about services on a port, over UDP and TCP. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Address } from "../../environment.ts";
import { invalid } from "../registry/errors.ts";
import type { Services, ServicesView } from "../registry/services.ts";
import { reply } from "./reply.ts";
import type { ZoneOptions } from "./zone.ts";

/** Where a DNS server listens, and what it answers for. */
export interface DnsOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: one that is free. */
  readonly port?: number;
  /** Names are below this one; default `quorate`. */
  readonly domain?: string;
  /** How long answers, also those that there is nothing, may be believed; whole seconds, default 1. */
  readonly ttlSeconds?: number;
  /** Where those stand who ask: instances there have the better priority in SRV records. */
  readonly zone?: string;
}

/** A DNS server that answers for services, until it is closed. */
export interface DnsServer extends AsyncDisposable {
  readonly address: Address;
  close(): Promise<void>;
}

/** A TCP connection that says nothing is closed after this time, ms (RFC 7766 asks for seconds). */
const IDLE_MS = 10_000;
/** Open TCP connections at most. */
const MOST_CONNECTIONS = 256;
const LONGEST_TTL_SECONDS = 2 ** 31 - 1;

/**
 * Answers A, AAAA and SRV questions about services until it is closed. What it says is in `zone.ts`. While nothing is
 * known of services yet it says SERVFAIL; while the store cannot be reached, what it knew last.
 *
 * @throws QuorateError `INVALID_ARGUMENT` naming the option; the system's error if it cannot listen
 * @example
 * ```ts
 * await using dns = await serveDns(q.services, { port: 8600 });
 * // dig @127.0.0.1 -p 8600 shop.service.quorate SRV
 * ```
 */
export async function serveDns(services: Services, options: DnsOptions = {}): Promise<DnsServer> {
  const { host = "127.0.0.1", port = 0 } = options;
  const zone = zoneOf(options);
  const over = new AbortController();
  let view: ServicesView | null = null;
  const following = (async () => {
    try {
      for await (const next of services.watchAll({ signal: over.signal })) view = next;
    } finally {
      view = null;
    }
  })().catch(() => undefined);
  // Below 2 ** 32, without a bias that could be seen.
  const draw = (below: number): number => services.store.random.uint32() % below;
  const answer = (bytes: Uint8Array, channel: "udp" | "tcp"): Buffer | null => reply(bytes, channel, view, zone, draw);
  const connections = new Set<Socket>();
  let tcp: Server | null = null;
  let udp: UdpSocket | null = null;

  async function close(): Promise<void> {
    over.abort();
    for (const connection of connections) connection.destroy();
    const ends: Promise<unknown>[] = [following];
    if (tcp?.listening === true) ends.push(new Promise((resolve) => tcp?.close(resolve)));
    if (udp !== null) ends.push(new Promise<void>((resolve) => udp?.close(resolve)));
    await Promise.all(ends);
  }

  try {
    tcp = createServer((socket) => serveConnection(socket, connections, (bytes) => answer(bytes, "tcp")));
    tcp.maxConnections = MOST_CONNECTIONS;
    tcp.listen({ host, port });
    await once(tcp, "listening");
    const bound = tcp.address();
    const boundPort = bound !== null && typeof bound === "object" ? bound.port : port;
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.bind(boundPort, host);
    await once(socket, "listening");
    udp = socket;
    // An answer that cannot be sent is asked for again.
    socket.on("error", () => undefined);
    socket.on("message", (bytes, from) => {
      const answered = answer(bytes, "udp");
      if (answered !== null) socket.send(answered, from.port, from.address);
    });
    let isClosing: Promise<void> | null = null;
    const closeOnce = (): Promise<void> => (isClosing ??= close());
    return { address: { host, port: boundPort }, close: closeOnce, [Symbol.asyncDispose]: closeOnce };
  } catch (error) {
    await close();
    throw error;
  }
}

function zoneOf({ domain = "quorate", ttlSeconds = 1, zone }: DnsOptions): ZoneOptions {
  const name = domain.toLowerCase().replace(/\.$/, "");
  if (!/^[a-z0-9_]([a-z0-9_-]*)(\.[a-z0-9_][a-z0-9_-]*)*$/.test(name)) {
    throw invalid(`the domain is ${JSON.stringify(domain)}: give a name of DNS, as "quorate" or "svc.example.com"`);
  }
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 0 || ttlSeconds > LONGEST_TTL_SECONDS) {
    throw invalid(`ttlSeconds is ${String(ttlSeconds)}: give whole seconds, 0 or more`);
  }
  return { domain: name, ttlSeconds, ...(zone === undefined ? {} : { zone }) };
}

/** Each message has its length in two bytes before it (RFC 1035, section 4.2.2). */
function serveConnection(socket: Socket, connections: Set<Socket>, answer: (bytes: Uint8Array) => Buffer | null): void {
  connections.add(socket);
  let waiting: Buffer = Buffer.alloc(0);
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("close", () => connections.delete(socket));
  socket.on("data", (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
      const end = 2 + waiting.readUInt16BE(0);
      const answered = answer(waiting.subarray(2, end));
      waiting = waiting.subarray(end);
      if (answered === null) {
        socket.destroy();
        return;
      }
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answered.length);
      socket.write(Buffer.concat([length, answered]));
    }
  });
}
