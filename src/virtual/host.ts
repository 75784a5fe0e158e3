import type { Address, Connection, Listener } from "../environment.ts";
import type { ConnectionHost, VirtualConnection } from "./connection.ts";
import type { VirtualProcess } from "./process.ts";

/** The first of the ports that are given to whoever asks for any. */
const FIRST_FREE_PORT = 49_152;

/** Names under which every host reaches itself. */
const LOOPBACK: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "::1"]);

/** What one listens on to be reached by every name. */
const ANY: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Whether `name` means the host itself whoever asks, as an address to connect to. */
export function isLoopback(name: string): boolean {
  return LOOPBACK.has(name);
}

/** A machine as the network knows it: its ports and the ends of connections it has. */
export class VirtualHost implements ConnectionHost {
  readonly name: string;
  up = false;
  readonly #listeners = new Map<number, VirtualListener>();
  readonly #connections = new Set<VirtualConnection>();
  #nextPort = FIRST_FREE_PORT;

  constructor(name: string) {
    this.name = name;
  }

  get connections(): VirtualConnection[] {
    return [...this.#connections];
  }

  /** A port that nobody uses. */
  freePort(): number {
    while (this.#listeners.has(this.#nextPort)) this.#nextPort++;
    return this.#nextPort++;
  }

  listen(address: Address, process: VirtualProcess, accept: (connection: Connection) => void): VirtualListener {
    const port = address.port === 0 ? this.freePort() : address.port;
    if (address.host !== this.name && !isLoopback(address.host) && !ANY.has(address.host)) {
      const problem = new Error(`EADDRNOTAVAIL: ${address.host} is no name of the host ${this.name}`);
      throw Object.assign(problem, { code: "EADDRNOTAVAIL" });
    }
    if (this.#listeners.has(port)) {
      throw Object.assign(new Error(`EADDRINUSE: ${address.host}:${port} is in use`), { code: "EADDRINUSE" });
    }
    const bound = { host: address.host, port };
    const listener = new VirtualListener(bound, process, accept, () => this.#listeners.delete(port));
    this.#listeners.set(port, listener);
    return listener;
  }

  /** Who takes connections at a port. One that listens on loopback is there for the host itself alone. */
  listenerAt(port: number, fromItself: boolean): VirtualListener | null {
    const listener = this.#listeners.get(port);
    if (listener === undefined) return null;
    return fromItself || !isLoopback(listener.address.host) ? listener : null;
  }

  add(connection: VirtualConnection): void {
    this.#connections.add(connection);
  }

  forget(connection: VirtualConnection): void {
    this.#connections.delete(connection);
  }

  /** A process died: the system closes what it had open. */
  abandon(process: VirtualProcess): void {
    for (const [port, listener] of this.#listeners) if (listener.process === process) this.#listeners.delete(port);
    for (const connection of this.connections) if (connection.process === process) connection.abandon();
  }

  /** Power is lost. */
  powerOff(): void {
    this.up = false;
    this.#listeners.clear();
    for (const connection of this.connections) connection.vanish();
  }
}

export class VirtualListener implements Listener {
  readonly address: Address;
  readonly process: VirtualProcess;
  readonly #accept: (connection: Connection) => void;
  readonly #unbind: () => void;
  readonly #accepted = new Set<VirtualConnection>();
  #closed = false;

  constructor(address: Address, process: VirtualProcess, accept: (connection: Connection) => void, unbind: () => void) {
    this.address = address;
    this.process = process;
    this.#accept = accept;
    this.#unbind = unbind;
  }

  /** Hands a connection over; false: it is closed. */
  accept(connection: VirtualConnection): boolean {
    if (this.#closed || !this.process.alive) return false;
    for (const other of this.#accepted) if (other.closed) this.#accepted.delete(other);
    this.#accepted.add(connection);
    this.process.enter(() => {
      if (!this.#closed) this.#accept(connection);
    });
    return true;
  }

  /** Ends the connections it accepted, too. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#unbind();
      for (const connection of this.#accepted) connection.destroy();
    }
    return Promise.resolve();
  }
}
