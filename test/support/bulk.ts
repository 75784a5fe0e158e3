/** Many keys in a hurry, and how long others wait meanwhile. */
import { KV } from "../../src/wire/gen/etcdserverpb/kv_pb.ts";
import { bytesOf, MemberClient } from "./member-client.ts";

/** etcd's default limit is 128 operations in a transaction. */
const MOST_KEYS_PER_TXN = 120;
const TXN_TIMEOUT_MS = 60_000;

export interface BulkOptions {
  readonly prefix: string;
  readonly count: number;
  readonly valueBytes: number;
  /** Host:port; the load is spread over all of them. */
  readonly endpoints: readonly string[];
  /** Transactions on their way at once on each connection. Default 4. */
  readonly inFlight?: number;
  /** A transaction is one entry of the log. Default 120. */
  readonly keysPerTxn?: number;
}

/** The key with this number. Keys of a load have one length and sort by number. */
export function bulkKey(prefix: string, number: number): string {
  return `${prefix}${String(number).padStart(9, "0")}`;
}

/** Puts `count` keys, many in a transaction; each value says which key it belongs to. */
export async function putMany(options: BulkOptions): Promise<void> {
  const { prefix, count, valueBytes, endpoints, inFlight = 4, keysPerTxn = MOST_KEYS_PER_TXN } = options;
  let next = 0;
  const work = async (client: MemberClient): Promise<void> => {
    while (next < count) {
      const from = next;
      next = Math.min(count, from + keysPerTxn);
      const success = Array.from({ length: next - from }, (_, offset) => {
        const key = bulkKey(prefix, from + offset);
        const value = { key: bytesOf(key), value: bytesOf(key.padEnd(valueBytes, "v")) };
        return { request: { case: "requestPut", value } } as const;
      });
      await client.call(KV.method.txn, { success }, { timeoutMs: TXN_TIMEOUT_MS });
    }
  };
  const clients = endpoints.map((endpoint) => new MemberClient(endpoint));
  try {
    await Promise.all(clients.flatMap((client) => Array.from({ length: inFlight }, () => work(client))));
  } finally {
    for (const client of clients) client.close();
  }
}

export interface Latencies {
  readonly count: number;
  readonly failed: number;
  /** Milliseconds. */
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** One client that puts one key after the other and remembers how long each took. */
export class LatencyProbe {
  readonly #client: MemberClient;
  readonly #key: string;
  readonly #times: number[] = [];
  readonly #running: Promise<void>;
  #failed = 0;
  #stopping = false;

  /** Begins at once. */
  constructor(endpoint: string, key: string) {
    this.#client = new MemberClient(endpoint);
    this.#key = key;
    this.#running = this.#probe();
  }

  async stop(): Promise<Latencies> {
    this.#stopping = true;
    await this.#running;
    this.#client.close();
    return summarize(this.#times, this.#failed);
  }

  async #probe(): Promise<void> {
    for (let number = 0; !this.#stopping; number++) {
      const sent = performance.now();
      try {
        await this.#client.put(this.#key, String(number), { timeoutMs: 30_000 });
      } catch {
        this.#failed++;
      }
      this.#times.push(performance.now() - sent);
    }
  }
}

/** Of milliseconds, in any order. */
export function summarize(times: readonly number[], failed = 0): Latencies {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, failed, medianMs: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
