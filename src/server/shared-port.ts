/**
 * One port for gRPC and HTTP, as etcd has it: the first bytes of a connection say which it is.
 *
 *     "PRI * HTTP/2.0…" ─▶ front door          anything else ─▶ HTTP server
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Address } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";

/** What an HTTP/2 client sends first (RFC 9113 §3.4). No HTTP/1.1 method begins like this. */
const HTTP2_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
/** So much of it decides. */
const DECIDING_BYTES = 4;
const SILENCE_MS = 10_000;

export interface SharedPortOptions {
  readonly http2: (socket: Socket) => void;
  readonly http1: (socket: Socket) => void;
  /** Connections open at once on this port; more are closed at once. */
  readonly maxConnections: number;
  /** A connection that has not said by then what it is, is closed; 10 s unless given. */
  readonly silenceMs?: number;
}

export interface SharedPort {
  /** As bound: with the port chosen, if 0 was asked for. */
  readonly address: Address;
  /** Takes no more connections. Those there are belong to whom they were handed. */
  close(): Promise<void>;
}

/** @throws QuorateError if the address cannot be listened on: it names the address and why. */
export async function listen(address: Address, options: SharedPortOptions): Promise<SharedPort> {
  const undecided = new Set<Socket>();
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }, (socket) => {
    undecided.add(socket);
    sortOut(socket, options, () => undecided.delete(socket));
  });
  server.maxConnections = options.maxConnections;
  await bind(server, address);
  const bound = server.address();
  const port = bound !== null && typeof bound === "object" ? bound.port : address.port;
  return {
    address: { host: address.host, port },
    close() {
      for (const socket of undecided) socket.destroy();
      return new Promise((resolve) => {
        // Resolves without waiting for open connections: their owners end them.
        server.close(() => undefined);
        resolve();
      });
    },
  };
}

function bind(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "EADDRINUSE" ? "the port is in use: stop who uses it or choose another" : error.message;
      const where = `${address.host}:${address.port}`;
      reject(
        new QuorateError("LISTEN", GrpcStatus.unavailable, `cannot listen for clients on ${where}: ${why}`, {
          cause: error,
        }),
      );
    });
    server.listen(address.port, address.host, () => {
      server.removeAllListeners("error");
      // Running out of file descriptors must not end the member: the connection that met it is gone, no more.
      server.on("error", () => undefined);
      resolve();
    });
  });
}

function sortOut(socket: Socket, options: SharedPortOptions, decided: () => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const drop = (): void => {
    socket.destroy();
  };
  socket.setTimeout(options.silenceMs ?? SILENCE_MS, drop);
  socket.on("error", drop);
  socket.once("close", decided);
  const look = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const known = Math.min(seen.length, DECIDING_BYTES);
    const isHttp2 = seen.subarray(0, known).equals(HTTP2_PREFACE.subarray(0, known));
    if (isHttp2 && known < DECIDING_BYTES) return;
    socket.off("readable", look);
    socket.off("close", decided);
    decided();
    socket.setTimeout(0);
    socket.off("timeout", drop);
    socket.unshift(seen);
    if (isHttp2) options.http2(socket);
    else options.http1(socket);
    socket.off("error", drop);
  };
  socket.on("readable", look);
}
