import { setTimeout as delay } from "node:timers/promises";
import { MemberClient } from "../test/support/member-client.ts";
import type { MemberProcess } from "../test/support/member-process.ts";

const PUT_TIMEOUT_MS = 10_000;
/** Acknowledgements that were on their way when the leader died are no sign of recovery. */
const LATE_MS = 20;

/** Puts at a fixed rate, and the moments at which they were acknowledged. */
export class OpenWriter {
  readonly #clients: MemberClient[];
  readonly #acknowledged: number[] = [];
  readonly #pending = new Set<Promise<void>>();
  #running: Promise<void>;
  #stopping = false;

  constructor(members: readonly MemberProcess[]) {
    this.#clients = members.map((member) => new MemberClient(member.endpoint));
    this.#running = this.#send();
  }

  /** Throws unless acknowledgements have been coming for `ms`, the first of them after `since`. */
  assertSteady(ms: number, since: number = Number.NEGATIVE_INFINITY): void {
    const first = this.#acknowledged.find((at) => at > since + LATE_MS);
    if (first === undefined) throw new Error("nothing was acknowledged");
    if ((this.#acknowledged.at(-1) ?? 0) - first < ms) throw new Error("only just");
  }

  /** The longest time between two acknowledgements, the first of them at or before or after `since`, in milliseconds. */
  longestGap(since: number): number {
    let previous = since;
    let longest = 0;
    for (const at of this.#acknowledged) {
      if (at <= since) {
        previous = at;
        continue;
      }
      longest = Math.max(longest, at - previous);
      previous = at;
    }
    return longest;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    for (const client of this.#clients) client.close();
    await Promise.all(this.#pending);
  }

  async #send(): Promise<void> {
    for (let number = 0; !this.#stopping; number++) {
      const client = this.#clients[number % this.#clients.length] as MemberClient;
      const put = client.put(`failover/${number % 100}`, String(number), { timeoutMs: PUT_TIMEOUT_MS }).then(
        () => {
          this.#acknowledged.push(performance.now());
        },
        () => {},
      );
      this.#pending.add(put);
      void put.finally(() => this.#pending.delete(put));
      await delay(1);
    }
  }
}
