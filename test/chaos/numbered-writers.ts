/**
 * Clients that write numbered keys, each key once, each value unique, and keep a ledger of what they were told. Each
 * goes on to the next member when one fails it, as a client with several endpoints does.
 */
import { setTimeout as delay } from "node:timers/promises";
import { MemberClient } from "../support/member-client.ts";
import { resultOf, type WriteResult } from "./outcome.ts";

export interface NumberedWrite {
  readonly key: string;
  readonly value: string;
  readonly result: WriteResult;
  /** Milliseconds of this process's clock. */
  readonly start: number;
  readonly end: number;
  /** The revision that the write was given; 0 unless acknowledged. */
  readonly revision: number;
}

export interface WritersOptions {
  readonly prefix: string;
  readonly endpoints: readonly string[];
  readonly clients: number;
  /** Rest between two writes of one client, so that 20 rounds stay a readable size. */
  readonly paceMs: number;
  /** After this a client gives up on an answer. */
  readonly timeoutMs: number;
}

export class NumberedWriters {
  readonly ledger: NumberedWrite[] = [];
  readonly #options: WritersOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[];

  /** Begins at once. */
  constructor(options: WritersOptions) {
    this.#options = options;
    this.#running = Array.from({ length: options.clients }, (_, client) => this.#write(client));
  }

  /** Ends when every client has its last answer. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  async #write(client: number): Promise<void> {
    const { prefix, endpoints, paceMs, timeoutMs } = this.#options;
    const connections = endpoints.map((endpoint) => new MemberClient(endpoint));
    let at = client;
    for (let number = 0; !this.#stopping.signal.aborted; number++) {
      const key = `${prefix}${client}/${String(number).padStart(7, "0")}`;
      const value = `${client}-${number}-${"v".repeat(number % 200)}`;
      const member = connections[at % connections.length] as MemberClient;
      const start = performance.now();
      let result: WriteResult = "acknowledged";
      let revision = 0;
      try {
        const { header } = await member.put(key, value, { timeoutMs });
        revision = Number(header?.revision ?? 0);
      } catch (error) {
        result = resultOf(error);
        at++;
      }
      this.ledger.push({ key, value, result, start, end: performance.now(), revision });
      await delay(paceMs);
    }
    for (const connection of connections) connection.close();
  }
}
