/**
 * The network between one client and the members: a proxy in front of each member, for this client alone. A cut is silent,
 * as in `proxied-links.ts`: bytes stop without a reset, and go on when it heals.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

export class ClientLinks {
  /** To be used instead of the members' own, in the same order. */
  readonly endpoints: string[] = [];
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Connection>();
  readonly #cut = new Set<number>();

  /** @param members host:port of each */
  static async open(members: readonly string[]): Promise<ClientLinks> {
    const links = new ClientLinks();
    for (const [index, member] of members.entries()) links.endpoints.push(await links.#front(index, member));
    return links;
  }

  /** Between the client and the member at an index; without one: all. */
  cut(member?: number): void {
    for (const index of this.#servers.keys()) if (member === undefined || member === index) this.#cut.add(index);
    this.#obey();
  }

  heal(): void {
    this.#cut.clear();
    this.#obey();
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #front(index: number, member: string): Promise<string> {
    const port = Number(member.split(":").at(-1));
    const server = createServer((near) => {
      const connection = new Connection(near, port, () => !this.#cut.has(index));
      this.#connections.add(connection);
      connection.onClosed = () => this.#connections.delete(connection);
      connection.obey();
    });
    this.#servers.push(server);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy has no port");
    return `127.0.0.1:${address.port}`;
  }

  #obey(): void {
    for (const connection of this.#connections) connection.obey();
  }
}

class Connection {
  readonly #near: Socket;
  readonly #port: number;
  readonly #isOpen: () => boolean;
  #far: Socket | null = null;
  #ended = false;
  onClosed: () => void = () => undefined;

  constructor(near: Socket, port: number, isOpen: () => boolean) {
    this.#near = near;
    this.#port = port;
    this.#isOpen = isOpen;
    near.setNoDelay(true);
    near.pause();
    this.#followEnd(near);
  }

  /** Brings both flows in line with the cut of this moment. */
  obey(): void {
    const open = this.#isOpen();
    // That one side has closed is news that does not pass a cut.
    if (this.#ended && open) return this.destroy();
    if (this.#far === null && open) this.#far = this.#dial();
    for (const socket of [this.#near, this.#far]) {
      if (open) socket?.resume();
      else socket?.pause();
    }
  }

  destroy(): void {
    this.#near.destroy();
    this.#far?.destroy();
    this.onClosed();
  }

  #dial(): Socket {
    const far = connect({ host: "127.0.0.1", port: this.#port, noDelay: true });
    this.#forward(this.#near, far);
    this.#forward(far, this.#near);
    this.#followEnd(far);
    return far;
  }

  #forward(source: Socket, sink: Socket): void {
    source.on("data", (chunk) => {
      if (!sink.write(chunk)) source.pause();
    });
    sink.on("drain", () => {
      if (this.#isOpen()) source.resume();
    });
  }

  #followEnd(socket: Socket): void {
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#ended = true;
      this.obey();
    });
  }
}
