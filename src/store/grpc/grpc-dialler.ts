/**
 * Channels over gRPC on sockets: how programs on a real machine reach a cluster.
 *
 * One dialler an endpoint, one connection a channel. The library is asked to do nothing by itself: it does not repeat
 * calls, looks for no proxy, takes no service configuration from name servers, and does not connect again. It is loaded
 * with the first connection, so that a program that makes none does not pay for it.
 */
import { Buffer } from "node:buffer";
import type * as grpc from "@grpc/grpc-js";
import type { Channel, Dialler } from "../channel.ts";
import { storeErrors } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";
import { reasonIn, unavailable } from "./failures.ts";
import { GrpcChannel } from "./grpc-channel.ts";
import { type GrpcOptions, type GrpcSettings, grpcSettings, type TlsOptions } from "./options.ts";
import { GIVEN_UP, noteSockets, tryAddress } from "./sockets.ts";

type Library = typeof grpc;

/** How long a connection that failed may take to say why, ms. */
const REASON_MS = 200;

/** @throws QuorateError INVALID_ARGUMENT naming the option that cannot be used */
export function grpcDialler(endpoint: Endpoint, options: GrpcOptions = {}): Dialler {
  const settings = grpcSettings(options);
  if (endpoint.scheme === "http" && settings.tls !== null) {
    throw storeErrors.invalidArgument(
      `endpoint ${JSON.stringify(endpoint.text)} is not encrypted, but tls is given: use https://, or leave tls out`,
    );
  }
  return {
    endpoint: endpoint.authority,
    dial: (timeoutMs, signal) => dial(endpoint, settings, timeoutMs, signal),
  };
}

async function dial(
  endpoint: Endpoint,
  settings: GrpcSettings,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Channel> {
  const { authority } = endpoint;
  const began = Date.now();
  const unreachable = await tryAddress(endpoint, timeoutMs, signal);
  if (unreachable !== null) throw unavailable(authority, unreachable, false);
  const triedMs = Date.now() - began;
  const library = await import("@grpc/grpc-js");
  // Loading it, once, is no time of the connection's.
  const deadline = Date.now() + Math.max(1, timeoutMs - triedMs);
  const isEncrypted = endpoint.scheme === "https" || settings.tls !== null;
  const credentials = isEncrypted ? encrypted(library, settings.tls ?? {}) : library.credentials.createInsecure();
  const destroySockets = noteSockets(credentials);
  const client = new library.Client(`dns:///${authority}`, credentials, settings.channelOptions);
  const close = (): void => {
    client.close();
    destroySockets();
  };
  signal?.addEventListener("abort", close);
  try {
    const outcome = await settled(library, client.getChannel(), deadline);
    if (outcome === "ready") return new GrpcChannel(authority, library, client, close, settings.maxRequestBytes);
    if (signal?.aborted === true) throw unavailable(authority, GIVEN_UP, false);
    const why = outcome === "timeout" ? `no connection within ${timeoutMs} ms` : await reasonOf(library, client);
    throw unavailable(authority, why, false);
  } catch (error) {
    close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", close);
  }
}

function encrypted(
  library: Library,
  { ca, cert, key, insecureSkipVerify = false }: TlsOptions,
): grpc.ChannelCredentials {
  const [roots, chain, secret] = [ca, cert, key].map((pem) => (pem === undefined ? null : Buffer.from(pem)));
  const verification = insecureSkipVerify ? { rejectUnauthorized: false, checkServerIdentity: () => undefined } : {};
  return library.credentials.createSsl(roots, secret, chain, verification);
}

/** Waits until a channel is connected, has failed, or is out of time. */
async function settled(
  library: Library,
  channel: ReturnType<grpc.Client["getChannel"]>,
  deadline: number,
): Promise<"ready" | "failed" | "timeout"> {
  const { READY, TRANSIENT_FAILURE, SHUTDOWN } = library.connectivityState;
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === READY) return "ready";
    if (state === TRANSIENT_FAILURE || state === SHUTDOWN) return "failed";
    const changed = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, deadline, (error) => resolve(error === undefined));
    });
    if (!changed) return Date.now() < deadline ? "failed" : "timeout";
  }
}

/** A channel that failed says why only to a call. */
function reasonOf(library: Library, client: grpc.Client): Promise<string> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      "/etcdserverpb.Maintenance/Status",
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      Buffer.alloc(0),
      new library.Metadata(),
      { deadline: Date.now() + REASON_MS },
      (error: grpc.ServiceError | null) => resolve(reasonIn(error?.details ?? "no connection")),
    );
  });
}
