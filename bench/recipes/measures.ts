/** What is measured of a subject, each for a number of seconds. */
import { setTimeout as delay } from "node:timers/promises";
import type { Client, GiveUp, Subject } from "./subject.ts";

export interface Sample {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Measure {
  readonly name: string;
  /** Null: the subject does not have it. */
  run(subject: Subject, seconds: number): Promise<Sample | null>;
}

/** Done before it counts, each client. */
const WARM_UP = 5;
/** For a candidate that waits to begin to watch. */
const SETTLE_MS = 20;

type Act = () => Promise<void>;

/** Each of a number of clients does something over and over. @param acts what one client does at once, by its number */
function together(name: string, clients: number, acts: (client: Client) => readonly Act[] | null): Measure {
  return {
    name,
    run: async (subject, seconds) => {
      const all: Client[] = [];
      try {
        for (let n = 0; n < clients; n++) all.push(await subject.client());
        const loops: Act[] = [];
        for (const client of all) {
          const those = acts(client);
          if (those === null) return null;
          loops.push(...those);
        }
        return await timed(loops, seconds);
      } finally {
        await Promise.all(all.map((client) => client.close()));
      }
    },
  };
}

async function timed(loops: readonly Act[], seconds: number): Promise<Sample> {
  await Promise.all(
    loops.map(async (act) => {
      for (let n = 0; n < WARM_UP; n++) await act();
    }),
  );
  const times: number[] = [];
  const began = performance.now();
  const end = began + 1_000 * seconds;
  await Promise.all(
    loops.map(async (act) => {
      while (performance.now() < end) {
        const started = performance.now();
        await act();
        times.push(performance.now() - started);
      }
    }),
  );
  return sample(times, performance.now() - began);
}

function sample(times: readonly number[], elapsedMs: number): Sample {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { perSecond: (1_000 * times.length) / elapsedMs, p50Ms: at(0.5), p99Ms: at(0.99) };
}

function gotAndGivenUp(get: ((name: string) => Promise<GiveUp>) | null, name: string): readonly Act[] | null {
  if (get === null) return null;
  return [
    async () => {
      const giveUp = await get(name);
      await giveUp();
    },
  ];
}

/** One resigns while another waits: how long until that one leads. */
const handOver: Measure = {
  name: "election, hand-over",
  run: async (subject, seconds) => {
    const [one, other] = [await subject.client(), await subject.client()];
    try {
      if (one.election === null || other.election === null) return null;
      const elections = [one.election, other.election] as const;
      const times: number[] = [];
      const end = performance.now() + 1_000 * seconds;
      let resign = await elections[0].campaign("bench");
      for (let turn = 1; times.length <= WARM_UP || performance.now() < end; turn++) {
        const next = elections[turn % 2 === 1 ? 1 : 0];
        const elected = next.campaign("bench");
        while ((await next.standing("bench")) < 2) await delay(1);
        await delay(SETTLE_MS);
        const started = performance.now();
        const resigned = resign();
        resign = await elected;
        times.push(performance.now() - started);
        await resigned;
      }
      await resign();
      const counted = times.slice(WARM_UP);
      return sample(
        counted,
        counted.reduce((all, time) => all + time, 0),
      );
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  },
};

export const UNCONTENDED = "lock, 1 client";

export const measures: readonly Measure[] = [
  together(UNCONTENDED, 1, ({ lock }) => gotAndGivenUp(lock, "alone")),
  together("lock, 8 clients", 8, ({ lock }) => gotAndGivenUp(lock, "among 8")),
  together("lock, 64 clients", 64, ({ lock }) => gotAndGivenUp(lock, "among 64")),
  together("semaphore, 1 client", 1, ({ permit }) => gotAndGivenUp(permit, "alone")),
  together("semaphore, 8 clients", 8, ({ permit }) => gotAndGivenUp(permit, "among 8")),
  together("counter, 1 client", 1, ({ add }) => (add === null ? null : [() => add("alone")])),
  together("counter, 8 clients", 8, ({ add }) => (add === null ? null : [() => add("among 8")])),
  together("counter, 64 adds at once", 1, ({ addAmongMany: add }) =>
    add === null ? null : Array.from({ length: 64 }, () => () => add("high rate")),
  ),
  handOver,
];
