/**
 * The network between the members of a test cluster, as a TCP proxy in front of every member's peer port.
 *
 * A cut works as in a real network: no reset, no error, bytes just stop, each direction by itself; what was sent
 * arrives when the cut heals, as TCP would send it again. All connections between two members obey, whoever opened
 * them: the proxy finds out who called by looking up which member's process owns the calling socket (Linux).
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { MemberProcess } from "./member-process.ts";

/** Bytes go from one member to another; both by name. */
interface Direction {
  readonly from: string;
  readonly to: string;
}

export class ProxiedLinks {
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Connection>();
  readonly #members = new Map<string, MemberProcess>();
  readonly #cuts = new Set<string>();

  /** Opens a proxy in front of `peerPort` of the member `name`; returns the URL that the others shall use. */
  async front(name: string, peerPort: number): Promise<string> {
    const server = createServer({ allowHalfOpen: false }, (socket) => this.#accept(socket, name, peerPort));
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy has no port");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Makes `member` known as a possible caller. */
  learn(member: MemberProcess): void {
    this.#members.set(member.name, member);
  }

  /** Nothing that `from` sends reaches `to` any more. The other way stays open. */
  cutOneWay(from: MemberProcess, to: MemberProcess): void {
    this.#cuts.add(key({ from: from.name, to: to.name }));
    this.#obey();
  }

  /** Both ways between each of `some` and each of `others`. */
  cut(some: readonly MemberProcess[], others: readonly MemberProcess[]): void {
    for (const one of some) {
      for (const other of others) {
        this.cutOneWay(one, other);
        this.cutOneWay(other, one);
      }
    }
  }

  /** All links work again. */
  heal(): void {
    this.#cuts.clear();
    this.#obey();
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #accept(socket: Socket, to: string, peerPort: number): void {
    const from = this.#callerOf(socket);
    const connection = new Connection(socket, peerPort, { from, to }, (direction) => !this.#cuts.has(key(direction)));
    this.#connections.add(connection);
    connection.onClosed = () => this.#connections.delete(connection);
    connection.obey();
  }

  #obey(): void {
    for (const connection of this.#connections) connection.obey();
  }

  /** The member whose process holds the other end of `socket`; "?" for someone else, who is never cut off. */
  #callerOf(socket: Socket): string {
    const inode = inodeOf(socket.remotePort ?? 0, socket.localPort ?? 0);
    if (inode === null) return "?";
    for (const member of this.#members.values()) {
      if (member.pid !== null && holdsSocket(member.pid, inode)) return member.name;
    }
    return "?";
  }
}

/** One proxied connection: two flows, each of which stands still while its direction is cut. */
class Connection {
  readonly #near: Socket;
  readonly #peerPort: number;
  readonly #there: Direction;
  readonly #back: Direction;
  readonly #isOpen: (direction: Direction) => boolean;
  #far: Socket | null = null;
  #nearEnded = false;
  #farEnded = false;
  onClosed: () => void = () => {};

  constructor(near: Socket, peerPort: number, there: Direction, isOpen: (direction: Direction) => boolean) {
    this.#near = near;
    this.#peerPort = peerPort;
    this.#there = there;
    this.#back = { from: there.to, to: there.from };
    this.#isOpen = isOpen;
    near.setNoDelay(true);
    near.pause();
    near.on("error", () => {});
    near.on("close", () => {
      this.#nearEnded = true;
      this.obey();
    });
  }

  /** Brings the flows in line with the cuts of this moment. */
  obey(): void {
    const there = this.#isOpen(this.#there);
    const back = this.#isOpen(this.#back);
    if (this.#nearEnded && (this.#far === null || there)) return this.destroy();
    if (this.#farEnded && back) return this.destroy();
    // A connection needs both directions to come about.
    if (this.#far === null && there && back) this.#far = this.#dial();
    if (this.#far === null) return;
    steer(this.#near, this.#far, there);
    steer(this.#far, this.#near, back);
  }

  destroy(): void {
    this.#near.destroy();
    this.#far?.destroy();
    this.onClosed();
  }

  #dial(): Socket {
    const far = connect({ host: "127.0.0.1", port: this.#peerPort, noDelay: true });
    forward(this.#near, far, () => this.#isOpen(this.#there));
    forward(far, this.#near, () => this.#isOpen(this.#back));
    far.on("error", () => {});
    far.on("close", () => {
      this.#farEnded = true;
      this.obey();
    });
    return far;
  }
}

function forward(source: Socket, sink: Socket, isOpen: () => boolean): void {
  source.on("data", (chunk) => {
    if (!sink.write(chunk)) source.pause();
  });
  sink.on("drain", () => {
    if (isOpen()) source.resume();
  });
}

function steer(source: Socket, sink: Socket, open: boolean): void {
  if (!open) source.pause();
  else if (!sink.writableNeedDrain) source.resume();
}

function key({ from, to }: Direction): string {
  return `${from}>${to}`;
}

/** The kernel's number for the socket 127.0.0.1:`port` that is connected to 127.0.0.1:`to`; null if there is none. */
function inodeOf(port: number, to: number): string | null {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(4, "0");
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readFileSync(table, "utf8").split("\n").slice(1)) {
      const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/);
      if (local?.endsWith(`:${hex(port)}`) === true && remote?.endsWith(`:${hex(to)}`) === true) return inode ?? null;
    }
  }
  return null;
}

function holdsSocket(pid: number, inode: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((descriptor) => {
      try {
        return readlinkSync(`${folder}/${descriptor}`) === `socket:[${inode}]`;
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
