/** Asks every member all the time who leads which term, to find two leaders of one term. */
import { setTimeout as delay } from "node:timers/promises";
import type { ClusterUnderTest } from "../support/cluster.ts";
import { MemberClient } from "../support/member-client.ts";

const EVERY_MS = 20;
const TIMEOUT_MS = 300;

export class LeadershipLog {
  /** By term: the members (ids in hex) of which anyone said that they lead it. */
  readonly leaders: Map<bigint, Set<string>> = new Map();
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[];

  /** Begins at once. */
  constructor(cluster: ClusterUnderTest) {
    this.#running = cluster.endpoints.map((endpoint) => this.#ask(endpoint));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  /** Terms with more than one leader, in words. */
  get disputes(): string[] {
    return [...this.leaders]
      .filter(([, leaders]) => leaders.size > 1)
      .map(([term, leaders]) => `term ${term}: ${[...leaders].join(" and ")}`);
  }

  async #ask(endpoint: string): Promise<void> {
    const client = new MemberClient(endpoint);
    while (!this.#stopping.signal.aborted) {
      const status = await client.status({ timeoutMs: TIMEOUT_MS }).catch(() => null);
      if (status !== null && status.leader !== 0n) {
        const leaders = this.leaders.get(status.raftTerm) ?? new Set();
        this.leaders.set(status.raftTerm, leaders.add(status.leader.toString(16)));
      }
      await delay(EVERY_MS);
    }
    client.close();
  }
}
