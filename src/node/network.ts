/** TCP between processes. Bytes are neither cut nor joined by meaning here: that is `transport/`'s. */
import net from "node:net";
import type { Address, Connection, Listener, Network } from "../environment.ts";

/** Pieces of one write up to this many bytes together are copied into one buffer: cheaper than a long list. */
const joinBytes = 16 * 1024;

/** Idle time after which the system asks whether the other end still lives. */
const keepAliveMs = 10_000;

export const nodeNetwork: Network = {
  async listen(address: Address, accept: (connection: Connection) => void): Promise<Listener> {
    const open = new Set<net.Socket>();
    const server = net.createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
      (socket) => {
        open.add(socket);
        socket.once("close", () => open.delete(socket));
        accept(new TcpConnection(socket));
      },
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: address.host, port: address.port }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    // After listening has begun an error concerns one connection that could not be accepted (too many open files).
    server.on("error", () => undefined);
    const bound = server.address();
    const port = bound !== null && typeof bound === "object" ? bound.port : address.port;
    return {
      address: { host: address.host, port },
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of open) socket.destroy();
        }),
    };
  },

  connect(address: Address, timeoutMs: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({
        host: address.host,
        port: address.port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveMs,
      });
      const timer = setTimeout(() => {
        const problem = new Error(`no answer from ${address.host}:${address.port} within ${timeoutMs} ms`);
        socket.destroy(Object.assign(problem, { code: "ETIMEDOUT" }));
      }, timeoutMs);
      timer.unref();
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(error);
      };
      socket.once("error", fail);
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.off("error", fail);
        resolve(new TcpConnection(socket));
      });
    });
  },
};

/** A socket that was accepted elsewhere, as a connection. */
export function connectionOver(socket: net.Socket): Connection {
  return new TcpConnection(socket);
}

class TcpConnection implements Connection {
  readonly remote: string;
  readonly #socket: net.Socket;
  #error: Error | null = null;
  #drained: (() => void) | null = null;
  #closed: ((reason: Error | null) => void) | null = null;
  /** Set once the socket is closed; told to `onClose` also when that comes late. */
  #ended = false;
  #toldEnd = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.remote = `${socket.remoteAddress ?? "unknown"}:${socket.remotePort ?? 0}`;
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.once("close", () => {
      this.#ended = true;
      this.#tellEnd();
    });
  }

  write(pieces: readonly Uint8Array[]): number {
    const socket = this.#socket;
    if (socket.destroyed || pieces.length === 0) return socket.writableLength;
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    if (pieces.length === 1 && pieces[0] !== undefined) {
      socket.write(pieces[0], this.#written);
    } else if (bytes <= joinBytes) {
      socket.write(Buffer.concat(pieces, bytes), this.#written);
    } else {
      socket.cork();
      const last = pieces.length - 1;
      pieces.forEach((piece, at) => {
        if (at === last) socket.write(piece, this.#written);
        else socket.write(piece);
      });
      socket.uncork();
    }
    return socket.writableLength;
  }

  onData(handle: (chunk: Uint8Array) => void): void {
    this.#socket.on("data", handle);
  }

  onClose(handle: (reason: Error | null) => void): void {
    this.#closed = handle;
    if (this.#ended) queueMicrotask(() => this.#tellEnd());
  }

  onDrain(handle: () => void): void {
    this.#drained = handle;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(reason?: Error): void {
    if (reason !== undefined) this.#error ??= reason;
    this.#socket.destroy();
  }

  readonly #written = (): void => {
    if (this.#socket.writableLength === 0 && !this.#ended && !this.#socket.destroyed) this.#drained?.();
  };

  #tellEnd(): void {
    if (this.#toldEnd || this.#closed === null) return;
    this.#toldEnd = true;
    this.#closed(this.#error);
  }
}
