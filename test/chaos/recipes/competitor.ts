/**
 * A program that competes for everything at once, over and over, and tells the referee of it: run as a process of its own,
 * which is killed, stopped and cut off while it is at it.
 *
 *   node competitor.ts '{"name":"c1","endpoints":["127.0.0.1:2379"],"referee":4000,"seed":7,"ttlMs":3000}'
 *
 * Told to stop, it ends what it is at, closes its store, and must then end by itself.
 */
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "../../../src/coordination/connect.ts";
import type { Hold } from "../../../src/coordination/hold.ts";
import type { Quorate } from "../../../src/coordination/quorate.ts";
import { QuorateError } from "../../../src/errors.ts";
import { seeded } from "../../support/seeded.ts";
import { placeOf, timesMade } from "./adds.ts";
import { type CounterKind, type Domain, type Fate, type Grant, LIMITS, type Use } from "./messages.ts";
import { RefereeLine } from "./referee-line.ts";

export interface CompetitorSettings {
  readonly name: string;
  readonly endpoints: readonly string[];
  /** Port of 127.0.0.1. */
  readonly referee: number;
  readonly seed: number;
  readonly ttlMs: number;
}

/** What a call may be rejected with while things go wrong; anything else is a fault. */
const EXPECTED = new Set(
  "TIMEOUT ABORTED UNAVAILABLE NO_LEADER OUTCOME_UNKNOWN SESSION_LOST RELEASED FENCED".split(" "),
);
/** One in three waits for something no longer than this, ms. */
const LONGEST_PATIENCE_MS = 4_000;
const LONGEST_REST_MS = 80;

const { name, endpoints, referee, seed, ttlMs } = JSON.parse(process.argv[2] ?? "{}") as CompetitorSettings;
const random = seeded(seed);
let stopping = false;
let grants = 0;

const line = await RefereeLine.open(
  referee,
  () => {
    stopping = true;
  },
  // Nobody is left who could end this.
  () => process.exit(1),
);
line.say({ say: "hello", name });

await using q = await connected();
const plainCounter = kept((counter) => q.counter(counter));
const highRateCounter = kept((counter) => q.highRateCounter(counter));
await Promise.all([
  again("lock", useLock),
  again("read", () => useBook("read")),
  again("write", () => useBook("write")),
  again("permits", usePermits),
  again("office", useOffice),
  again("plain", () => addOnce("plain", plainCounter)),
  again("high-rate", addMany),
]);
line.close();

async function connected(): Promise<Quorate> {
  for (;;) {
    try {
      return await connect(endpoints, { sessionTtlMs: ttlMs });
    } catch (error) {
      if (stopping || !isExpected(error)) throw error;
    }
  }
}

function isExpected(error: unknown): boolean {
  return error instanceof QuorateError && EXPECTED.has(error.code);
}

async function again(what: Use, use: () => Promise<void>): Promise<void> {
  while (!stopping) {
    await rest();
    try {
      await use();
      line.say({ say: "used", use: what });
    } catch (error) {
      if (isExpected(error)) continue;
      line.say({ say: "broken", message: `${what}: ${error instanceof Error ? error.stack : String(error)}` });
    }
  }
}

function rest(): Promise<void> {
  return delay(random.below(LONGEST_REST_MS));
}

function patience(): { readonly timeoutMs?: number } {
  return random.below(3) > 0 ? {} : { timeoutMs: 1 + random.below(LONGEST_PATIENCE_MS) };
}

function grantOf(domain: Domain, hold: Hold, weight: number): Grant {
  return { domain, grant: `${name}#${++grants}`, fence: Number(hold.fence), weight };
}

/** Tells that it holds it, if it does. The clock is read first: what comes between can only make the time too early. */
function tellIfHeld(grant: Grant, hold: Hold): void {
  const at = Number(process.hrtime.bigint());
  if (hold.held) line.say({ say: "held", at, ...grant });
}

/** Has it for a while, and looks again and again whether it has. */
async function have(grant: Grant, hold: Hold, act: (step: number) => Promise<void>): Promise<void> {
  try {
    tellIfHeld(grant, hold);
    for (let step = random.below(4); step >= 0; step--) {
      await rest();
      tellIfHeld(grant, hold);
      await act(step);
      tellIfHeld(grant, hold);
    }
  } finally {
    await hold[Symbol.asyncDispose]();
  }
}

/**
 * Without a look at whether it is held, as programs do: who is stopped between the two comes too late with the second, and
 * it is the resource that must refuse.
 */
async function writeTwice(grant: Grant): Promise<void> {
  await line.ask({ say: "write", ...grant });
  await line.ask({ say: "write", ...grant });
}

async function useLock(): Promise<void> {
  const mutex = q.lock("one", { label: name });
  const lock = random.below(8) === 0 ? await mutex.tryAcquire(patience()) : await mutex.acquire(patience());
  if (lock === null) return;
  const grant = grantOf("lock", lock, LIMITS.lock);
  await have(grant, lock, async (step) => {
    await writeTwice(grant);
    if (step % 2 === 0) await writeGuarded(lock, grant.fence);
  });
}

async function writeGuarded(lock: Hold, fence: number): Promise<void> {
  try {
    const revision = await q.guard(lock).put("guarded", `${fence}`, patience());
    line.say({ say: "guarded", fence, revision });
  } catch (error) {
    if (error instanceof QuorateError && error.code === "FENCED") line.say({ say: "fenced" });
    throw error;
  }
}

async function useBook(side: "read" | "write"): Promise<void> {
  const lock = await q.readWriteLock("book", { label: name })[side].acquire(patience());
  const grant = grantOf("book", lock, side === "write" ? LIMITS.book : 1);
  await have(grant, lock, async () => {
    if (side === "write") await writeTwice(grant);
  });
}

async function usePermits(): Promise<void> {
  const permits = 1 + random.below(LIMITS.permits);
  const semaphore = q.semaphore("permits", { permits: LIMITS.permits, label: name });
  const permit = await semaphore.acquire({ permits, ...patience() });
  await have(grantOf("permits", permit, permits), permit, async () => undefined);
}

async function useOffice(): Promise<void> {
  const office = await q.election("office").campaign(name, patience());
  const grant = grantOf("office", office, LIMITS.office);
  await have(grant, office, async (step) => {
    await writeTwice(grant);
    await office.proclaim(`${name} ${step}`, patience());
  });
}

interface Adder {
  add(delta: bigint, options: { readonly timeoutMs?: number }): Promise<bigint>;
}

/** The same object each time: it combines adds, and remembers the number. */
function kept(make: (counter: string) => Adder): (counter: string) => Adder {
  const made = new Map<string, Adder>();
  return (counter) => {
    const one = made.get(counter) ?? make(counter);
    made.set(counter, one);
    return one;
  };
}

async function addOnce(kind: CounterKind, counterOf: (name: string) => Adder): Promise<void> {
  const number = Number(await line.ask({ say: "add", kind }));
  const place = placeOf(kind, number);
  let fate: Fate = "made";
  try {
    const sum = await counterOf(place.counter).add(place.delta, patience());
    if (timesMade(sum, place) !== 1) {
      const message = `add ${number} to ${place.counter} gave ${sum}, in which it is ${timesMade(sum, place)} times`;
      line.say({ say: "broken", message });
    }
  } catch (error) {
    fate = error instanceof QuorateError && error.code === "OUTCOME_UNKNOWN" ? "unknown" : "not made";
    throw error;
  } finally {
    line.say({ say: "added", kind, number, fate });
  }
}

/** Several at once: they are combined where they go to the same counter. */
async function addMany(): Promise<void> {
  const adds = Array.from({ length: 1 + random.below(6) }, () => addOnce("high-rate", highRateCounter));
  for (const result of await Promise.allSettled(adds)) if (result.status === "rejected") throw result.reason;
}
