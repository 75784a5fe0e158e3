/**
 * The world outside the cluster: a resource that refuses a smaller fence than it has seen, as a program's database
 * should, and the books in which everything is written down that competitors do.
 *
 * It lives in the test's process, which is never stopped, and is reached by a connection that is never cut.
 */
import { createServer, type Server, type Socket } from "node:net";
import { AddBook } from "./adds.ts";
import { Holdings } from "./holdings.ts";
import { type CounterKind, type Domain, type Grant, lines, type Said, type Told, type Use } from "./messages.ts";

export interface GuardedWrite {
  readonly fence: number;
  readonly revision: number;
}

export interface WriteCounts {
  taken: number;
  refused: number;
}

export class Referee {
  readonly holdings: Holdings = new Holdings();
  readonly adds: Readonly<Record<CounterKind, AddBook>> = {
    plain: new AddBook("plain"),
    "high-rate": new AddBook("high-rate"),
  };
  readonly guarded: GuardedWrite[] = [];
  /** To the resource, by domain. */
  readonly writes: Map<Domain, WriteCounts> = new Map();
  /** What competitors say that should never happen. */
  readonly broken: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Map<Socket, string>();
  readonly #highest = new Map<Domain, number>();
  readonly #uses = new Map<string, number>();
  readonly #awaited = new Map<Domain, (name: string) => void>();
  #fenced = 0;

  private constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async open(): Promise<Referee> {
    const referee = new Referee();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    referee.#server.once("error", reject);
    referee.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return referee;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the referee has no port");
    return address.port;
  }

  /** Guarded writes that the store refused. */
  get fenced(): number {
    return this.#fenced;
  }

  /** How often a competitor has used something. */
  uses(name: string, use: Use): number {
    return this.#uses.get(`${name} ${use}`) ?? 0;
  }

  /** The name of whoever writes next with a fence that is new; `meet` is called before that one gets its answer. */
  nextWriter(domain: Domain, meet: (name: string) => void = () => undefined): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#awaited.set(domain, (name) => {
      meet(name);
      resolve(name);
    });
    return promise;
  }

  /** Tells all competitors to end what they are at, and then themselves. */
  stopAll(): void {
    for (const socket of this.#sockets.keys()) tell(socket, { tell: "stop" });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.keys()) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.#sockets.set(socket, "?");
    socket.setNoDelay(true);
    socket.setEncoding("utf8");
    // One that was killed is no error here.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on(
      "data",
      lines((value) => this.#hear(socket, value as Said)),
    );
  }

  #hear(socket: Socket, said: Said): void {
    switch (said.say) {
      case "hello":
        this.#sockets.set(socket, said.name);
        return;
      case "held":
        return this.holdings.note(said, said.at);
      case "write":
        return tell(socket, { tell: "answer", call: said.call, answer: this.#write(said, socket) });
      case "add":
        return tell(socket, { tell: "answer", call: said.call, answer: this.adds[said.kind].begin() });
      case "added":
        return this.adds[said.kind].end(said.number, said.fate);
      case "guarded":
        this.guarded.push(said);
        return;
      case "fenced":
        this.#fenced += 1;
        return;
      case "used": {
        const key = `${this.#sockets.get(socket)} ${said.use}`;
        this.#uses.set(key, 1 + (this.#uses.get(key) ?? 0));
        return;
      }
      case "broken":
        this.broken.push(`${this.#sockets.get(socket)}: ${said.message}`);
    }
  }

  #write({ domain, fence }: Grant, socket: Socket): boolean {
    const counts = this.writes.get(domain) ?? { taken: 0, refused: 0 };
    const highest = this.#highest.get(domain) ?? 0;
    this.writes.set(domain, counts);
    if (fence < highest) {
      counts.refused += 1;
      return false;
    }
    if (fence > highest) {
      this.#awaited.get(domain)?.(this.#sockets.get(socket) ?? "?");
      this.#awaited.delete(domain);
    }
    this.#highest.set(domain, fence);
    counts.taken += 1;
    return true;
  }
}

function tell(socket: Socket, told: Told): void {
  socket.write(`${JSON.stringify(told)}\n`);
}
