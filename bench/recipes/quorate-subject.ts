import { connect } from "../../src/coordination/connect.ts";
import type { Quorate } from "../../src/coordination/quorate.ts";
import { type Client, PERMITS, type Subject, TTL_SECONDS } from "./subject.ts";

/** Our library, on whatever answers at an endpoint. */
export function quorateSubject(name: string, endpoint: string): Subject {
  return {
    name,
    client: async () => clientOf(await connect(endpoint, { sessionTtlMs: 1_000 * TTL_SECONDS })),
  };
}

/** A client that is closed with `q`. */
export function clientOf(q: Quorate): Client {
  const counters = new Map<string, ReturnType<Quorate["counter"]>>();
  const highRate = new Map<string, ReturnType<Quorate["highRateCounter"]>>();
  return {
    lock: async (name) => {
      const lock = await q.lock(name).acquire({ timeoutMs: CALL_MS });
      return () => lock.release();
    },
    permit: async (name) => {
      const permit = await q.semaphore(name, { permits: PERMITS }).acquire({ timeoutMs: CALL_MS });
      return () => permit.release();
    },
    add: async (name) => {
      await kept(counters, name, () => q.counter(name)).add(1);
    },
    addAmongMany: async (name) => {
      await kept(highRate, name, () => q.highRateCounter(name)).add(1);
    },
    election: {
      campaign: async (name) => {
        const office = await q.election(name).campaign("", { timeoutMs: CALL_MS });
        return () => office.resign();
      },
      standing: async (name) => (await q.election(name).standing()).length,
    },
    close: () => q.close(),
  };
}

/** Nobody who is in his right mind waits for ever. */
const CALL_MS = 60_000;

function kept<T>(made: Map<string, T>, name: string, make: () => T): T {
  const one = made.get(name) ?? make();
  made.set(name, one);
  return one;
}
