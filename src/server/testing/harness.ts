/** A server on a loopback port, over a fake replica on a real keyspace, with a clock that the test moves. */
import type { Address, Clock, Environment, Scheduled } from "../../environment.ts";
import type { Member } from "../../keyspace/members.ts";
import { nodeEnvironment } from "../../node/environment.ts";
import { type RunningServer, type ServerOptions, startServer } from "../server.ts";
import { TestClient } from "./client.ts";
import { FakeReplica } from "./fake-replica.ts";

/** Stands still until moved, but lets turns of the event loop pass. */
export class SteppedClock implements Clock {
  #now = 1_000;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return 1_700_000_000_000 + this.#now;
  }

  after(delayMs: number, run: () => void): Scheduled {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  afterEvent(run: () => void): void {
    queueMicrotask(run);
  }

  /** Lets this many milliseconds pass at once, and runs what falls due. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#now = due.at;
      due.run();
    }
    this.#now = end;
  }
}

export interface Harness {
  readonly replica: FakeReplica;
  readonly client: TestClient;
  readonly clock: SteppedClock;
  readonly server: RunningServer;
  readonly address: Address;
  readonly environment: Environment;
}

/** Runs a test against a server, and takes everything down behind it. */
export async function withServer(
  test: (harness: Harness) => Promise<void>,
  options: ServerOptions = {},
  members: readonly Member[] = [],
): Promise<void> {
  const clock = new SteppedClock();
  const environment: Environment = { ...nodeEnvironment(), clock };
  const replica = new FakeReplica(clock, members);
  const server = await startServer({ replica, environment, clientListenUrls: ["http://127.0.0.1:0"], options });
  const [address] = server.addresses;
  if (address === undefined) throw new Error("the server listens nowhere");
  const client = new TestClient(address);
  try {
    await test({ replica, client, clock, server, address, environment });
  } finally {
    client.close();
    await server.close(0);
  }
}
