import type { Address, Connection, Scheduled } from "../environment.ts";
import { VirtualConnection } from "./connection.ts";
import type { VirtualHost, VirtualListener } from "./host.ts";
import type { Link } from "./link.ts";
import type { PipeSystem } from "./pipe.ts";
import type { VirtualProcess } from "./process.ts";
import type { Action } from "./timeline.ts";

/** A packet of the handshake that got lost is sent again after this, then after twice of it, and so on. */
const FIRST_RETRY_MS = 1000;

export interface DialOptions {
  readonly system: PipeSystem;
  readonly from: VirtualHost;
  readonly to: VirtualHost;
  readonly there: Link;
  readonly back: Link;
  readonly process: VirtualProcess;
  readonly address: Address;
  readonly timeoutMs: number;
}

/**
 * An attempt to connect.
 *
 *     asking ─▶ answering ─▶ connected            asking: on the way there; answering: on the way back
 *       ▲  └────────┴─▶ waiting ─▶ asking         waiting: a packet got lost
 */
export class Dial implements Action {
  readonly promise: Promise<Connection>;
  readonly #options: DialOptions;
  #resolve!: (connection: Connection) => void;
  #reject!: (error: Error) => void;
  #is: "asking" | "answering" | "waiting" | "over" = "asking";
  /** Who answers; null: the system, that nobody listens. */
  #listener: VirtualListener | null = null;
  #retryMs = FIRST_RETRY_MS;
  readonly #deadline: Scheduled;

  constructor(options: DialOptions) {
    this.#options = options;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { system, process, address, timeoutMs } = options;
    this.#deadline = system.timeline.at(system.timeline.now + timeoutMs, () =>
      process.enter(() => {
        const where = `${address.host}:${address.port}`;
        this.#fail("ETIMEDOUT", `no answer from ${where} within ${timeoutMs} ms`);
      }),
    );
    this.#ask();
  }

  fire(): void {
    const { process, to, from, there, back } = this.#options;
    if (!process.alive) return;
    switch (this.#is) {
      case "over":
        return;
      case "waiting":
        return this.#ask();
      case "asking":
        if (there.blocked || back.blocked || !to.up) return this.#lost();
        this.#listener = to.listenerAt(this.#options.address.port, from === to);
        this.#is = "answering";
        this.#arriveOver(back);
        return;
      case "answering":
        if (back.blocked) return this.#lost();
        process.enter(() => this.#answered());
    }
  }

  #ask(): void {
    this.#is = "asking";
    if (this.#options.there.blocked) this.#lost();
    else this.#arriveOver(this.#options.there);
  }

  #arriveOver(link: Link): void {
    this.#options.system.timeline.schedule(link.arrivalOf(0), this);
  }

  #lost(): void {
    const { timeline } = this.#options.system;
    this.#is = "waiting";
    timeline.schedule(timeline.now + this.#retryMs, this);
    this.#retryMs *= 2;
  }

  #answered(): void {
    if (this.#is === "over") return;
    const { system, from, to, there, back, process, address } = this.#options;
    const listener = this.#listener;
    const where = `${address.host}:${address.port}`;
    if (listener === null) return this.#fail("ECONNREFUSED", `nobody listens on ${where}`);
    this.#is = "over";
    this.#deadline.cancel();
    const near = new VirtualConnection({ system, host: from, process, remote: where });
    const far = new VirtualConnection({
      system,
      host: to,
      process: listener.process,
      remote: `${from.name}:${from.freePort()}`,
      accept: (connection) => listener.accept(connection),
    });
    from.add(near);
    to.add(far);
    VirtualConnection.join(near, far, there, back);
    this.#resolve(near);
  }

  #fail(code: string, message: string): void {
    if (this.#is === "over") return;
    this.#is = "over";
    this.#deadline.cancel();
    this.#reject(Object.assign(new Error(`${code}: ${message}`), { code }));
  }
}
