/**
 * A random life of several programs that use all recipes at once, from one seed.
 *
 *     faults for a while: pauses beyond the lease, deaths, unknown outcomes, outages, cut watches, compactions, slow ways
 *     ──▶ calm: everybody must get on, and leave nothing behind
 */
import type { SeededRandom } from "../../consensus/random.ts";
import { assert, QuorateError } from "../../errors.ts";
import { plain } from "../../kv/codec.ts";
import { streamFrom } from "../../virtual/random.ts";
import { Counter } from "../counter.ts";
import { Guard } from "../guard.ts";
import { HighRateCounter } from "../high-rate-counter.ts";
import type { Hold } from "../hold.ts";
import { Mutex } from "../mutex.ts";
import { RankedElection } from "../ranked-election.ts";
import { ReadWriteLock } from "../read-write-lock.ts";
import { Semaphore } from "../semaphore.ts";
import { SharedSession } from "../shared-session.ts";
import { type Participant, Participants } from "./participants.ts";
import { FencedResource, Referee, Violation } from "./referee.ts";

const CLIENTS = 4;
const FAULTS_MS = 40_000;
/** Within which everybody must get on when the faults have stopped. */
const CALM_MS = 90_000;
const TTL_MS = 3_000;
const PERMITS = 3;
/** Each add has a digit of its own, so that the sum tells which were made, and how often. */
const BASE = 4n;
/** What a call may be rejected with while there are faults. */
const EXPECTED = new Set(
  `TIMEOUT ABORTED SESSION_LOST UNAVAILABLE RELEASED FENCED OUTCOME_UNKNOWN HANDED_OVER`.split(" "),
);

export interface SwarmResult {
  readonly seed: number;
  /** By recipe. */
  readonly grants: Readonly<Record<string, number>>;
  readonly adds: { readonly acknowledged: number; readonly unknown: number };
  readonly events: number;
  readonly revision: number;
}

/** What one add became. */
type Fate = "under way" | "acknowledged" | "unknown";

interface Life extends Participant {
  readonly name: string;
  readonly writers: SharedSession;
  readonly random: SeededRandom;
}

class Swarm {
  readonly world: Participants;
  readonly random: SeededRandom;
  readonly mutex = new Referee("mutex");
  readonly readWrite = new Referee("read-write lock", { ordered: false });
  readonly semaphore = new Referee("semaphore", { limit: PERMITS, ordered: false });
  readonly office = new Referee("ranked election");
  readonly resource = new FencedResource("resource");
  readonly fates: Fate[] = [];
  /** How often each client got on with each recipe since the faults stopped. */
  readonly progress = new Map<string, number>();
  violation: Error | null = null;
  stopping = false;
  calm = false;
  lives: Life[] = [];
  #born = 0;

  constructor(seed: number) {
    this.world = new Participants(seed);
    this.random = streamFrom(this.world.random);
  }

  /** A program starts, and does everything at once. */
  begin(): void {
    const participant = this.world.join(TTL_MS);
    const life: Life = {
      ...participant,
      name: `client ${++this.#born}`,
      writers: new SharedSession(participant.store, { ttlMs: 60_000 }),
      random: streamFrom(this.random),
    };
    life.store.faults.latencyMs = () => this.#latency(life.random);
    this.lives.push(life);
    this.#loop(life, "mutex", () => this.#useMutex(life));
    this.#loop(life, "read", () => this.#useReadWrite(life, "read"));
    this.#loop(life, "write", () => this.#useReadWrite(life, "write"));
    this.#loop(life, "semaphore", () => this.#useSemaphore(life));
    this.#loop(life, "election", () => this.#useElection(life));
    this.#loop(life, "counter", () => this.#add(life, new Counter(life.writers, "c")));
    const combined = new HighRateCounter(life.writers, "c");
    this.#loop(life, "high-rate counter", () => this.#add(life, combined));
  }

  /** Whether everybody who lives has got on with everything since the faults stopped. */
  allGotOn(): boolean {
    return this.lives.every(({ name }) => RECIPES.every((recipe) => (this.progress.get(`${name} ${recipe}`) ?? 0) > 0));
  }

  sleep(life: Life, ms: number): Promise<void> {
    return new Promise((resolve) => life.store.clock.after(ms, resolve));
  }

  #latency(random: SeededRandom): number {
    if (!this.calm && random.chance(0.01)) return random.between(100, 2_000);
    return random.between(0.1, 5);
  }

  #loop(life: Life, recipe: string, use: () => Promise<void>): void {
    const run = async (): Promise<void> => {
      while (!this.stopping) {
        await this.sleep(life, life.random.between(1, 300));
        try {
          await use();
          if (this.calm)
            this.progress.set(`${life.name} ${recipe}`, 1 + (this.progress.get(`${life.name} ${recipe}`) ?? 0));
        } catch (error) {
          if (!(error instanceof QuorateError) || !EXPECTED.has(error.code)) throw error;
        }
      }
    };
    run().catch((error: Error) => {
      this.violation ??= error;
    });
  }

  /** Some wait for as long as it takes, some give up. */
  #patience(life: Life): { readonly timeoutMs?: number } {
    if (this.calm || life.random.chance(0.6)) return {};
    return { timeoutMs: life.random.between(1, 5_000) };
  }

  async #useMutex(life: Life): Promise<void> {
    const mutex = new Mutex(life.source, "m");
    const lock = life.random.chance(0.1) ? await mutex.tryAcquire() : await mutex.acquire(this.#patience(life));
    if (lock === null) return;
    this.mutex.granted({ client: life.name, process: life.process, hold: lock, weight: 1, shares: false });
    try {
      for (let left = life.random.below(4); left > 0; left--) {
        await this.sleep(life, life.random.between(1, 200));
        if (lock.held) this.resource.write(lock);
        if (life.random.chance(0.5)) await new Guard(life.store, [lock], plain).put("guarded", `${lock.fence}`);
      }
    } finally {
      await this.#release(life, lock);
    }
  }

  async #useReadWrite(life: Life, side: "read" | "write"): Promise<void> {
    const lock = await new ReadWriteLock(life.source, "r")[side].acquire(this.#patience(life));
    this.readWrite.granted({
      client: life.name,
      process: life.process,
      hold: lock,
      weight: 1,
      shares: side === "read",
    });
    await this.sleep(life, life.random.between(1, 100));
    await this.#release(life, lock);
  }

  async #useSemaphore(life: Life): Promise<void> {
    const permits = 1 + life.random.below(PERMITS);
    const semaphore = new Semaphore(life.source, "s", { permits: PERMITS });
    const permit = await semaphore.acquire({ permits, ...this.#patience(life) });
    this.semaphore.granted({ client: life.name, process: life.process, hold: permit, weight: permits, shares: false });
    await this.sleep(life, life.random.between(1, 100));
    await this.#release(life, permit);
  }

  async #useElection(life: Life): Promise<void> {
    const election = new RankedElection(life.source, "e", { handOverMs: 50 });
    const number = life.random.below(5);
    const office = await election.campaign({ number }, this.#patience(life));
    this.office.granted({ client: life.name, process: life.process, hold: office, weight: 1, shares: false });
    await this.sleep(life, life.random.between(1, 300));
    await this.#release(life, office);
  }

  async #add(
    life: Life,
    counter: { add(delta: bigint, options?: { timeoutMs?: number }): Promise<bigint> },
  ): Promise<void> {
    const at = this.fates.length;
    this.fates.push("under way");
    try {
      await counter.add(BASE ** BigInt(at), life.random.chance(0.1) && !this.calm ? { timeoutMs: 3 } : {});
      this.fates[at] = "acknowledged";
    } catch (error) {
      this.fates[at] = "unknown";
      throw error;
    }
  }

  async #release(life: Life, hold: Hold): Promise<void> {
    await (life.random.chance(0.2) && !this.calm ? hold.release({ timeoutMs: 5 }) : hold[Symbol.asyncDispose]());
  }

  /** One fault, somewhere. */
  fault(): void {
    const life = this.lives[this.random.below(this.lives.length)];
    assert(life !== undefined, "there is always a client");
    const { faults } = life.store;
    const { random } = this;
    switch (random.below(7)) {
      case 0: {
        life.process.pause();
        this.world.timeline.at(this.world.timeline.now + random.between(10, 3 * TTL_MS), () => life.process.resume());
        break;
      }
      case 1:
        faults.nextWrites("lost", "applied");
        break;
      case 2:
        faults.nextWrites({ lateMs: random.between(0, 2 * TTL_MS) });
        break;
      case 3:
        faults.refuse(random.between(10, 2 * TTL_MS));
        break;
      case 4:
        faults.cutWatches();
        break;
      case 5:
        if (this.world.server.keyspace.compactRevision < this.world.server.keyspace.revision)
          this.world.server.compact();
        break;
      default:
        if (!random.chance(0.3)) break;
        life.process.kill();
        this.lives = this.lives.filter((other) => other !== life);
        this.begin();
    }
  }
}

const RECIPES = ["mutex", "read", "write", "semaphore", "election", "counter", "high-rate counter"];

/** @throws Violation, or whatever a recipe should not have said */
export async function runSwarm(seed: number): Promise<SwarmResult> {
  const swarm = new Swarm(seed);
  const { world, random } = swarm;
  const { timeline } = world;
  let highestGuarded = 0;
  const guard = {
    key: "guarded",
    rangeEnd: "",
    startRevision: 0,
    prevKv: false,
    noPut: false,
    noDelete: false,
  };
  world.server.hub.watch(guard, {
    events: (_watcher, events) => {
      for (const { kv } of events) {
        if (Number(kv.value) < highestGuarded) {
          swarm.violation ??= new Violation(`a guarded write with ${kv.value} came after one with ${highestGuarded}`);
        }
        highestGuarded = Number(kv.value);
      }
      return true;
    },
    compacted: () => undefined,
  });
  const check = (): void => {
    if (swarm.violation !== null)
      throw new Error(`seed ${seed}: ${swarm.violation.message}`, { cause: swarm.violation });
  };
  for (let n = 0; n < CLIENTS; n++) swarm.begin();
  while (timeline.now < FAULTS_MS) {
    await timeline.run(random.between(10, 1_000), () => swarm.violation !== null);
    check();
    swarm.fault();
  }
  swarm.calm = true;
  const gotOn = await timeline.run(CALM_MS, () => swarm.violation !== null || swarm.allGotOn());
  check();
  assert(gotOn, `seed ${seed}: somebody waits for ever: ${[...swarm.progress].join(", ")}`);
  swarm.stopping = true;
  // Those who hold let go; the leases of the dead end.
  await timeline.run(30_000);
  check();
  const left = ["lock/", "rw/", "semaphore/s//line/", "election/"].flatMap((prefix) => world.keys(prefix));
  assert(left.length === 0, `seed ${seed}: left behind: ${left.join(", ")}`);
  const sum = await world.play(new Counter(world.join().source, "c").get());
  checkSum(seed, sum, swarm.fates);
  const { mutex, readWrite, semaphore, office, fates } = swarm;
  return {
    seed,
    grants: Object.fromEntries([mutex, readWrite, semaphore, office].map(({ name, grants }) => [name, grants])),
    adds: {
      acknowledged: fates.filter((fate) => fate === "acknowledged").length,
      unknown: fates.filter((fate) => fate !== "acknowledged").length,
    },
    events: timeline.events,
    revision: world.server.keyspace.revision,
  };
}

/** Each acknowledged add once, each other at most once. */
function checkSum(seed: number, sum: bigint, fates: readonly Fate[]): void {
  let rest = sum;
  for (const [at, fate] of fates.entries()) {
    const times = rest % BASE;
    rest /= BASE;
    assert(
      times === 1n || (times === 0n && fate !== "acknowledged"),
      `seed ${seed}: add ${at}, which is ${fate}, was made ${times} times`,
    );
  }
  assert(rest === 0n, `seed ${seed}: the counter has ${rest} more than was added`);
}
