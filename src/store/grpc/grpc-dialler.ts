/**
 * Channels over gRPC on sockets: how programs on a real machine reach a cluster.
 *
 * One dialler an endpoint, one connection a channel. A channel is made when the member has greeted: who only listens, or
 * speaks something else, is said so at once. Its socket keeps the process only while it is being connected and while calls
 * are under way.
 */
import { connect, type Socket } from "node:net";
import { GrpcClient } from "../../grpc/client/grpc-client.ts";
import { Slab } from "../../grpc/http2/slab.ts";
import { Turn } from "../../grpc/http2/turn.ts";
import { nodeClock } from "../../node/clock.ts";
import { connectionOver } from "../../node/network.ts";
import type { CallFailure, Channel, Dialler } from "../channel.ts";
import { storeErrors } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";
import { unavailable } from "./failures.ts";
import { GrpcChannel } from "./grpc-channel.ts";
import { type GrpcOptions, type GrpcSettings, grpcSettings } from "./options.ts";
import { reasonOf } from "./reasons.ts";
import { connectEncrypted, type Encryption, encryptionOf } from "./tls.ts";

/** The system asks by itself whether the other end still lives after it was idle for this long, ms. */
const SYSTEM_KEEPALIVE_MS = 10_000;
const GIVEN_UP = "the attempt to connect was given up";

/** How one endpoint is reached. */
interface Way {
  readonly endpoint: Endpoint;
  readonly settings: GrpcSettings;
  /** Null: plain. */
  readonly encryption: Encryption | null;
}

/** @throws QuorateError INVALID_ARGUMENT naming the option that cannot be used */
export function grpcDialler(endpoint: Endpoint, options: GrpcOptions = {}): Dialler {
  const settings = grpcSettings(options);
  if (endpoint.scheme === "http" && settings.tls !== null) {
    throw storeErrors.invalidArgument(
      `endpoint ${JSON.stringify(endpoint.text)} is not encrypted, but tls is given: use https://, or leave tls out`,
    );
  }
  const isEncrypted = endpoint.scheme === "https" || settings.tls !== null;
  const way: Way = { endpoint, settings, encryption: isEncrypted ? encryptionOf(settings.tls ?? {}) : null };
  return {
    endpoint: endpoint.authority,
    dial: (timeoutMs, signal) => dial(way, timeoutMs, signal),
  };
}

async function dial(way: Way, timeoutMs: number, signal: AbortSignal | undefined): Promise<Channel> {
  const { authority } = way.endpoint;
  const { promise, resolve, reject } = Promise.withResolvers<Channel>();
  const fail = (why: string, cause?: Error): void => reject(unavailable(authority, why, false, cause));
  const abort = (): void => fail(GIVEN_UP);
  if (signal?.aborted === true) abort();
  signal?.addEventListener("abort", abort);
  const timer = setTimeout(() => fail(`no connection within ${timeoutMs} ms`), timeoutMs);
  const socket = open(way);
  socket.on("error", (error) => fail(reasonOf(error), error));
  socket.once(way.encryption === null ? "connect" : "secureConnect", () => greet(way, socket, resolve, fail));
  try {
    return await promise;
  } catch (failure) {
    socket.destroy();
    throw failure as CallFailure;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

function open({ endpoint, encryption }: Way): Socket {
  const { host, port } = endpoint;
  const socket = encryption === null ? connect({ host, port }) : connectEncrypted(endpoint, encryption);
  // Small frames leave at once, as whole turns of calls do.
  return socket.setNoDelay(true).setKeepAlive(true, SYSTEM_KEEPALIVE_MS);
}

/** On a socket that stands: says who we are, and has a channel once the member has said so, too. */
function greet(
  { endpoint, settings, encryption }: Way,
  socket: Socket,
  greeted: (channel: Channel) => void,
  fail: (why: string, cause: Error) => void,
): void {
  const { authority } = endpoint;
  const { maxRequestBytes, maxResponseBytes, keepaliveTimeMs, keepaliveTimeoutMs } = settings;
  // Somebody may want to be talked to otherwise.
  const hint = encryption === null ? " (one that is encrypted is reached with https://)" : "";
  const client = new GrpcClient(connectionOver(socket), {
    clock: nodeClock,
    context: shared(),
    scheme: encryption === null ? "http" : "https",
    authority: encryption?.serverName ?? authority,
    maxMessageBytes: maxResponseBytes,
    keepaliveTimeMs,
    keepaliveTimeoutMs,
    greeted: () => {
      socket.unref();
      greeted(channel);
    },
    over: (reason) => {
      // Says nothing new to who has the channel already.
      fail(`${reason.message}${hint}`, reason);
      channel.lose(reason);
    },
    busy: (isBusy) => void (isBusy ? socket.ref() : socket.unref()),
  });
  const channel = new GrpcChannel({ endpoint: authority, client, maxRequestBytes, clock: nodeClock });
}

let context: { readonly slab: Slab; readonly turn: Turn } | null = null;

/** What all connections of the program share; made with the first. */
function shared(): { readonly slab: Slab; readonly turn: Turn } {
  context ??= { slab: new Slab(), turn: new Turn(nodeClock) };
  return context;
}
