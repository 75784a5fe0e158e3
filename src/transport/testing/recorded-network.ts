/** What members ask of the network, in order. For tests only. */
import assert from "node:assert/strict";
import type { Address, Network } from "../../environment.ts";
import { VirtualConnection } from "../../virtual/connection.ts";
import type { Timeline } from "../../virtual/timeline.ts";

export interface RecordedEnd {
  readonly connection: VirtualConnection;
  /** The port that was dialled. */
  readonly port: number;
  /** Whether this is the end of who dialled. */
  readonly dialled: boolean;
}

export class RecordedNetwork {
  /** Every end of every connection that came up. */
  readonly ends: RecordedEnd[] = [];
  /** Each attempt: when, and to which port. */
  readonly attempts: { readonly at: number; readonly port: number }[] = [];
  readonly #timeline: Timeline;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** A process's network, recorded. */
  over(network: Network): Network {
    return {
      listen: async (address, accept) => {
        const listener = await network.listen(address, (connection) => {
          this.#add(connection, listener.address.port, false);
          accept(connection);
        });
        return listener;
      },
      connect: async (address: Address, timeoutMs) => {
        this.attempts.push({ at: this.#timeline.now, port: address.port });
        const connection = await network.connect(address, timeoutMs);
        this.#add(connection, address.port, true);
        return connection;
      },
    };
  }

  get connections(): VirtualConnection[] {
    return this.ends.map(({ connection }) => connection);
  }

  /** The ends of who dialled `port`, that are open. */
  dialled(port: number): VirtualConnection[] {
    const ends = this.ends.filter((end) => end.dialled && end.port === port && !end.connection.closed);
    return ends.map(({ connection }) => connection);
  }

  #add(connection: unknown, port: number, dialled: boolean): void {
    assert.ok(connection instanceof VirtualConnection);
    this.ends.push({ connection, port, dialled });
  }
}
