/**
 * What the gRPC library does not take care of: sockets of connections that did not come about, and names that are none.
 *
 * It cannot give up a connection that is being made, and closes one gently, which a frozen member never answers: each
 * attempt would leave a socket behind for as long as the other side says nothing. So an address is first tried with a
 * socket of our own, and those of the library are noted, to be destroyed when they are of no more use.
 */
import { connect, isIP, type Socket } from "node:net";
import type { ChannelCredentials } from "@grpc/grpc-js";
import type { Endpoint } from "./endpoint.ts";

/** What a system error means to a person, by its code. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "host name not found",
  EAI_AGAIN: "host name not found (no answer from the name server)",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ETIMEDOUT: "no connection",
};

/** Null: something listens there; else why nobody can be reached. */
export function tryAddress(
  { host, port }: Endpoint,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (why: string | null): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      socket.destroy();
      resolve(why);
    };
    const timer = setTimeout(() => answer(`no connection within ${timeoutMs} ms`), timeoutMs);
    const abort = (): void => answer(GIVEN_UP);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted === true) abort();
    socket.once("connect", () => answer(null));
    socket.once("error", (error) => answer(reasonOf(error)));
  });
}

function reasonOf(error: Error & { readonly code?: string }): string {
  // Several addresses were tried: their errors are within.
  const [first]: unknown[] = error instanceof AggregateError ? error.errors : [];
  if (first instanceof Error) return reasonOf(first);
  return REASONS[error.code ?? ""] ?? error.message;
}

export const GIVEN_UP = "the attempt to connect was given up";

/** Notes the sockets that are opened with these credentials; the answer destroys those that are left. */
export function noteSockets(credentials: ChannelCredentials): () => void {
  const sockets = new Set<Socket>();
  const create = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (target, options, callCredentials) => {
    const connector = create(target, options, callCredentials);
    nameNoAddress(connector);
    return {
      connect: (socket) => {
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
        return connector.connect(socket);
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  };
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

/**
 * The library announces an IP address as the name of the server, which TLS forbids and Node warns about. Without a name,
 * Node checks the certificate against the address itself.
 */
function nameNoAddress(connector: object): void {
  const { connectionOptions } = connector as { readonly connectionOptions?: { servername?: string } };
  if (connectionOptions?.servername !== undefined && isIP(connectionOptions.servername) !== 0) {
    delete connectionOptions.servername;
  }
}
