/**
 * The front of a member: etcd's services and HTTP on the client ports, over one replica.
 *
 *     socket ─▶ shared port ─┬▶ front door ─▶ gate ─▶ services ─▶ replica
 *                            └▶ HTTP: health, metrics, version, members
 *
 * It promises etcd's answers, codes and texts, and that no client, slow, dead or hostile, makes memory grow without
 * bound. It must not know which engine agrees on the log, nor how it is stored.
 */
import type { Socket } from "node:net";
import type { Address, Environment } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { Replica } from "../replica/face.ts";
import { type Method, openFrontDoor } from "./front-door.ts";
import { createHttpFront } from "./http.ts";
import { createMethods, type MethodOptions } from "./methods.ts";
import { listen, type SharedPort } from "./shared-port.ts";

export interface ServerOptions extends MethodOptions {
  /** Calls open at once on one connection; 10,000 unless given. Clients that know HTTP/2 wait with more. */
  readonly maxConcurrentStreams?: number;
  /** Bytes of answers that wait for one client to read them; 256 MiB unless given, above it the connection is cut. */
  readonly maxUnreadBytes?: number;
  /** Connections open at once on each port; 10,000 unless given. */
  readonly maxConnections?: number;
  /** An idle connection is pinged after this long; 2 hours unless given. */
  readonly keepaliveIntervalMs?: number;
  /** And closed if it does not answer by then; 20 s unless given. */
  readonly keepaliveTimeoutMs?: number;
}

export interface StartOptions {
  readonly replica: Replica;
  readonly environment: Environment;
  /** `http://host:port`; port 0 lets the system choose. */
  readonly clientListenUrls: readonly string[];
  /** HTTP only, for those who may see health and metrics and nothing else. */
  readonly metricsListenUrls?: readonly string[];
  readonly options?: ServerOptions;
  /** Opens one more door to the same calls, for a program that is in the same process. */
  readonly beside?: (calls: CallTable) => SideDoor;
}

/** What a door serves. */
export interface CallTable {
  readonly methods: readonly Method[];
  /** Bytes of the largest message taken from a client. */
  readonly maxReceiveBytes: number;
}

export interface SideDoor {
  /** Takes no more calls, lets those under way finish for up to `drainMs`, then ends what is left. */
  close(drainMs: number): Promise<void>;
}

export interface RunningServer {
  /** As bound, in the order of the URLs. */
  readonly addresses: readonly Address[];
  readonly metricsAddresses: readonly Address[];
  /** Ends streams, lets calls under way finish for up to `drainMs` (default 2 s), then cuts what is left. */
  close(drainMs?: number): Promise<void>;
}

/** What gRPC's framing may add to a request, as etcd counts it. */
const GRPC_OVERHEAD_BYTES = 512 * 1024;
const DRAIN_MS = 2_000;

/** @throws QuorateError if a URL is wrong or cannot be listened on. */
export async function startServer(start: StartOptions): Promise<RunningServer> {
  const { replica, environment, clientListenUrls } = start;
  const options = start.options ?? {};
  const listenOn = clientListenUrls.map(addressOf);
  const metricsListenOn = (start.metricsListenUrls ?? []).map(addressOf);
  const table = createMethods(replica, environment, options);
  const { view, metrics, limits } = table;
  const calls = { methods: table.methods, maxReceiveBytes: limits.maxRequestBytes + GRPC_OVERHEAD_BYTES };
  const door = openFrontDoor({
    clock: environment.clock,
    ...calls,
    maxConcurrentCalls: options.maxConcurrentStreams ?? 10_000,
    maxUnreadBytes: options.maxUnreadBytes ?? 256 * 1024 * 1024,
    keepaliveIntervalMs: options.keepaliveIntervalMs ?? 2 * 3_600_000,
    keepaliveTimeoutMs: options.keepaliveTimeoutMs ?? 20_000,
  });
  const http = createHttpFront({
    replica,
    view,
    metricsText: metrics.text,
    healthSucceeded: metrics.healthSucceeded,
    healthFailed: metrics.healthFailed,
  });

  const ports: SharedPort[] = [];
  const metricsPorts: SharedPort[] = [];
  const closePorts = async (): Promise<void> => {
    await Promise.all([...ports, ...metricsPorts].map((port) => port.close()));
  };
  const maxConnections = options.maxConnections ?? 10_000;
  const http1 = (socket: Socket): void => http.accept(socket);
  try {
    for (const address of listenOn) {
      ports.push(await listen(address, { http2: (socket) => door.accept(socket), http1, maxConnections }));
    }
    for (const address of metricsListenOn) {
      metricsPorts.push(await listen(address, { http2: (socket) => socket.destroy(), http1, maxConnections }));
    }
  } catch (error) {
    table.refuse();
    table.close();
    await Promise.all([closePorts(), door.close(0)]);
    throw error;
  }
  const beside = start.beside?.(calls) ?? null;
  let closing: Promise<void> | null = null;
  return {
    addresses: ports.map(({ address }) => address),
    metricsAddresses: metricsPorts.map(({ address }) => address),
    close(drainMs = DRAIN_MS) {
      closing ??= (async () => {
        const taken = closePorts();
        table.refuse();
        await Promise.all([taken, door.close(drainMs), beside?.close(drainMs)]);
        http.close();
        table.close();
      })();
      return closing;
    },
  };
}

/** @throws QuorateError that names the URL and what is wrong with it. */
function addressOf(text: string): Address {
  const wrong = (why: string): QuorateError =>
    new QuorateError("CONFIG", GrpcStatus.invalidArgument, `the client URL "${text}" ${why}; write http://host:port`);
  if (!URL.canParse(text)) throw wrong("is no URL");
  const url = new URL(text);
  if (url.protocol === "https:") throw wrong("asks for TLS, which quorate does not offer yet");
  if (url.protocol !== "http:") throw wrong(`has the scheme ${url.protocol.slice(0, -1)}`);
  if (url.pathname !== "/" || url.search !== "" || url.username !== "") throw wrong("has more than a host and a port");
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port: url.port === "" ? 80 : Number(url.port) };
}
