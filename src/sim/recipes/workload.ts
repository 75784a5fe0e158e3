/**
 * All programs of a run, and what they do: every life of one runs a loop for each recipe of the plan, all at once.
 *
 *     under faults ──▶ calm: all who live must get on with every recipe ──▶ stopping: nothing may be left behind
 */
import { SeededRandom } from "../../consensus/random.ts";
import { QuorateError } from "../../errors.ts";
import { rangeRequest } from "../../kv/requests.ts";
import { VirtualMachine } from "../../virtual/machine.ts";
import { streamFrom } from "../../virtual/random.ts";
import type { RecipeName, RecipePlan } from "../plan/recipe-plan.ts";
import { Program } from "../programs/program.ts";
import type { World } from "../world/world.ts";
import {
  useElection,
  useMultiLock,
  useMutex,
  useRankedElection,
  useReadWriteLock,
  useSemaphore,
} from "./holding-uses.ts";
import {
  useAtomicValue,
  useBarrier,
  useCounter,
  useDoubleBarrier,
  useHighRateCounter,
  useIds,
  useLatch,
} from "./other-uses.ts";
import { RecipeRecorder } from "./recorder.ts";
import { type Stage, type Use, User } from "./user.ts";

const uses: { readonly [name in RecipeName]: Use } = {
  mutex: useMutex,
  "multi-lock": useMultiLock,
  "read-write lock": useReadWriteLock,
  semaphore: useSemaphore,
  election: useElection,
  "ranked election": useRankedElection,
  counter: useCounter,
  "high-rate counter": useHighRateCounter,
  "atomic value": useAtomicValue,
  barrier: useBarrier,
  "double barrier": useDoubleBarrier,
  latch: useLatch,
  ids: useIds,
};

/** What a recipe may be rejected with, and what its header says of it. */
const EXPECTED: ReadonlySet<string> = new Set([
  "TIMEOUT",
  "ABORTED",
  "UNAVAILABLE",
  "NO_LEADER",
  "OUTCOME_UNKNOWN",
  "SESSION_LOST",
  "RELEASED",
  "FENCED",
  "HANDED_OVER",
]);

/** Keys of those who hold or wait: gone when nobody does. */
const LINES = ["lock/", "rw/", "election/"];
const INNER_LINES = /^(semaphore\/[^/]+\/\/line|double-barrier\/[^/]+\/\/in)\//;
/** Members that may come later are known from the start, as a name service would know them. */
const MOST_MEMBERS = 12;
const COMPACTS_EVERY_MS = 700;

export class RecipeWorkload implements Stage {
  readonly plan: RecipePlan;
  readonly recorder: RecipeRecorder;
  readonly programs: readonly Program[];
  calm = false;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #users = new Map<Program, User>();
  readonly #numbers = new Map<string, number>();
  /** How often each life got on with each recipe since it is calm. */
  readonly #progress = new Map<string, number>();
  #stopping = false;

  constructor(world: World, plan: RecipePlan) {
    this.#world = world;
    this.plan = plan;
    this.#random = new SeededRandom(world.plan.seed ^ 0x75736573);
    this.recorder = new RecipeRecorder(() => world.observer.recorder.moment());
    const hosts = Array.from({ length: MOST_MEMBERS }, (_, slot) => `m${slot}`);
    const say = (_fields: object, message: string): void => world.trace.note("program", message);
    this.programs = Array.from({ length: plan.programs }, (_, at) => {
      const { timeline, network } = world;
      const host = `p${at}`;
      const machine = new VirtualMachine({ name: host, host, timeline, random: streamFrom(this.#random), network });
      const logger = { debug: say, info: say, warn: say, error: say };
      return new Program({
        machine,
        hosts,
        limits: plan.store,
        keepalive: plan.keepalive,
        sessionTtlMs: plan.ttlMs,
        logger,
      });
    });
  }

  start(): void {
    for (const program of this.programs) this.begin(program);
    if (this.plan.compacts) this.#compactLater();
  }

  /** A program starts, and does everything at once. */
  begin(program: Program): void {
    const life = program.start();
    const user = new User(life, streamFrom(this.#random), this);
    this.#users.set(program, user);
    this.#world.trace.note(life.name, "starts");
    if (this.#stopping) return;
    life.process.enter(() => {
      for (const name of this.plan.recipes) this.#loop(user, name);
      if (this.plan.recipes.includes("election")) this.#observe(user);
    });
  }

  /** @param power its connections are not even closed */
  end(program: Program, power: boolean): void {
    const { life } = program;
    if (life === null) return;
    this.#world.trace.note(life.name, power ? "loses power" : "is killed");
    this.recorder.died(life);
    if (power) program.crash();
    else program.kill();
  }

  /** No more uses; waits are given up. */
  stop(): void {
    this.#stopping = true;
    for (const [program, user] of this.#users) {
      if (program.life === user.life) user.life.process.enter(() => user.stop());
    }
  }

  /** Who has not got on since it is calm, in words. */
  waiting(): string[] {
    return this.programs.flatMap(({ life, name }) => {
      if (life === null) return [`${name} does not run`];
      const open = this.plan.recipes.filter((recipe) => !this.#progress.has(`${life.name} ${recipe}`));
      return open.length === 0 ? [] : [`${life.name} waits for: ${open.join(", ")}`];
    });
  }

  /** Keys in lines that nobody stands in any more. */
  leftBehind(): string[] {
    const { keyspace } = this.#world.observer.truth;
    return keyspace
      .range(rangeRequest("\0", { rangeEnd: "\0", keysOnly: true }))
      .kvs.map(({ key }) => key)
      .filter((key) => LINES.some((prefix) => key.startsWith(prefix)) || INNER_LINES.test(key));
  }

  nextUse(what: string): number {
    const number = this.#numbers.get(what) ?? 0;
    this.#numbers.set(what, number + 1);
    return number;
  }

  later(delayMs: number, run: () => void): void {
    this.#world.later(delayMs, run);
  }

  #loop(user: User, name: RecipeName): void {
    const { life } = user;
    const run = async (): Promise<void> => {
      while (!user.stopping.aborted) {
        await user.sleep(this.plan.thinkMs);
        const wasCalm = this.calm;
        try {
          await uses[name](user);
        } catch (error) {
          if (!(error instanceof QuorateError) || !EXPECTED.has(error.code)) throw error;
          this.#world.trace.note(life.name, `${name}: ${error.code}`);
          continue;
        }
        this.#world.trace.note(life.name, `${name}: done`);
        if (wasCalm) this.#progress.set(`${life.name} ${name}`, 1);
      }
    };
    run().catch((error: unknown) => this.#unexpected(user, name, error));
  }

  #observe(user: User): void {
    const election = user.name("e");
    const run = async (): Promise<void> => {
      for await (const leader of user.quorate.election(election).observe({ signal: user.stopping })) {
        const fence = Number(leader?.fence ?? 0n);
        this.recorder.leaders.push({ election, observer: user.life.name, fence });
      }
    };
    run().catch((error: unknown) => this.#unexpected(user, "observe", error));
  }

  #unexpected({ life }: User, name: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const code = error instanceof QuorateError ? `${error.code}: ` : "";
    this.#world.violated("recipes fail as they say", `${life.name}, ${name}: ${code}${text}`);
  }

  #compactLater(): void {
    this.#world.later(this.#random.between(0, 2 * COMPACTS_EVERY_MS), () => {
      if (this.#stopping) return;
      const { life } = this.programs[this.#random.below(this.programs.length)] as Program;
      const { revision, compactRevision } = this.#world.observer.truth.keyspace;
      if (life !== null && revision > compactRevision) {
        life.process.enter(() => void life.quorate.store.compact(revision).catch(() => undefined));
      }
      this.#compactLater();
    });
  }
}
