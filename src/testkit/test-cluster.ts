/**
 * A cluster in memory for the tests of programs that use Quorate: whole members and real clients on simulated machines,
 * in virtual time. Everything may happen to it that happens in production, on request and at once: a lease of a minute
 * ends without a minute of waiting.
 *
 * For: what does a program do when it loses a lock, when its leader dies, when it is cut off. Promises: the library and the
 * members are those of production; the same test makes the same cluster (`seed`). Must not touch any global of its
 * host, so that it works in every test runner.
 */
import { type EngineKind, engines } from "../consensus/engines.ts";
import { SeededRandom } from "../consensus/random.ts";
import type { Hold } from "../coordination/hold.ts";
import type { MultiHold } from "../coordination/multi-lock.ts";
import { Quorate } from "../coordination/quorate.ts";
import type { Session } from "../coordination/session.ts";
import type { Logger } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { Program } from "../sim/programs/program.ts";
import { WorldMember } from "../sim/world/member.ts";
import type { RemoteLimits } from "../store/remote/options.ts";
import { VirtualMachine } from "../virtual/machine.ts";
import { VirtualNetwork } from "../virtual/network.ts";
import { streamFrom } from "../virtual/random.ts";
import { invalid, settled, type TestClusterOptions } from "./options.ts";
import { TestMember } from "./test-member.ts";
import { TestProgram } from "./test-program.ts";
import { TestTime } from "./test-time.ts";

/** What the recipes of a program have in common, and the limits of its store. */
export interface TestConnectOptions extends Partial<RemoteLimits> {
  /** Of the session that recipes share, ms; default 10,000. */
  readonly sessionTtlMs?: number;
}

/** Who may be cut off from others. */
export type Party = TestMember | Quorate;

/** Within so much virtual time a cluster does what it can do at all, ms. */
const BOUND_MS = 60_000;
const PEER_PORT = 2380;
const CLIENT_PORT = 2379;
const DEFAULT_SESSION_MS = 10_000;
const KEEPALIVE = { timeMs: 10_000, timeoutMs: 5_000 };
/** What a lease may take beyond its time to live: an election, and a full time of grace under a new leader. */
const LEASE_LIVES = 3;

/**
 * Starts a cluster in memory. Resolves when it has a leader and all its members take calls.
 *
 * @throws QuorateError `INVALID_ARGUMENT` naming the option that cannot be used
 * @example
 * ```ts
 * import { testCluster } from "quorate/testing";
 *
 * test("work stops when the lock is lost", async () => {
 *   await using cluster = await testCluster({ members: 3 });
 *   const q = await cluster.connect();
 *   const lock = await q.lock("job").acquire();
 *   const work = doWork(lock.signal);
 *   await cluster.expire(lock);
 *   await assert.rejects(work, { code: "SESSION_LOST" });
 * });
 * ```
 */
export async function testCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const cluster = new TestCluster(settled(options));
  await cluster.ready();
  return cluster;
}

/** Members and programs on simulated machines, in virtual time, with faults at will. */
export class TestCluster implements AsyncDisposable {
  readonly members: readonly TestMember[];
  readonly #time: TestTime;
  readonly #random: SeededRandom;
  readonly #network: VirtualNetwork;
  readonly #logger: Logger;
  readonly #worldMembers: readonly WorldMember[];
  readonly #programs = new Map<Quorate, Program>();
  #broken: Error | null = null;

  /** @internal `testCluster` makes them. */
  constructor({ members, clock, engine, seed, logger }: Required<TestClusterOptions>) {
    this.#time = new TestTime(clock);
    this.#random = new SeededRandom(seed);
    this.#logger = logger;
    this.#network = new VirtualNetwork({ timeline: this.#time.timeline, random: streamFrom(this.#random) });
    const kind = engines.get(engine);
    if (kind === undefined) throw invalid(`there is no engine ${engine}`);
    this.#worldMembers = Array.from({ length: members }, (_, slot) => this.#makeMember(slot, members, kind));
    const home = { until: (what: string, holds: () => boolean) => this.#surely(what, holds) };
    this.members = this.#worldMembers.map((member) => new TestMember(member, home));
  }

  /** @internal Starts all. */
  async ready(): Promise<void> {
    for (const member of this.#worldMembers) member.start();
    await this.#surely("all members take calls", () => this.members.every(({ up }) => up) && this.leader !== null);
    this.#time.start();
  }

  /** Milliseconds of virtual time since the cluster was made. */
  get now(): number {
    return this.#time.now;
  }

  /** The member of this number, from 0. */
  member(at: number): TestMember {
    const member = this.members[at];
    if (member === undefined) throw invalid(`there is no member ${at}: they are 0 to ${this.members.length - 1}`);
    return member;
  }

  /** Who leads the highest epoch; null: nobody. */
  get leader(): TestMember | null {
    let found: TestMember | null = null;
    let highest = 0;
    for (const [at, member] of this.#worldMembers.entries()) {
      const engine = member.serving ? member.replica?.status().engine : undefined;
      if (engine?.role !== "leader" || engine.epoch <= highest) continue;
      highest = engine.epoch;
      found = this.members[at] ?? null;
    }
    return found;
  }

  /** A new program that uses the cluster, on a machine of its own. The cluster ends it when it is closed itself. */
  async connect({ sessionTtlMs = DEFAULT_SESSION_MS, ...limits }: TestConnectOptions = {}): Promise<Quorate> {
    const machine = this.#machine(`p${this.#programs.size + 1}`);
    const hosts = this.#worldMembers.map(({ machine: { host } }) => host);
    const logger = this.#logger;
    const program = new Program({ machine, hosts, limits, keepalive: KEEPALIVE, sessionTtlMs, logger });
    const { quorate } = program.start();
    this.#programs.set(quorate, program);
    return quorate;
  }

  /** The program that this belongs to, to pause it, to kill it, to set its clock. */
  program(quorate: Quorate): TestProgram {
    return new TestProgram(this.#programOf(quorate));
  }

  /** Lets so much time pass, as quickly as it can: a minute takes a fraction of a second. */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw invalid(`time cannot advance by ${String(ms)} ms: give 0 or more`);
    await this.#time.advance(ms);
    this.#check();
  }

  /**
   * Lets time pass, as quickly as it can, until the promise is settled. With the manual clock all that a test waits for
   * must be given to this.
   * @throws QuorateError `TIMEOUT` if nothing came of it in an hour of virtual time; else what the promise is rejected with
   */
  async play<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const note = (): void => {
      isSettled = true;
    };
    promise.then(note, note);
    const came = await this.#time.until(() => isSettled, 60 * BOUND_MS);
    this.#check();
    if (!came) throw late("the promise that was played was not settled", 60 * BOUND_MS);
    return await promise;
  }

  /**
   * Cuts sides off from each other: nothing comes through between those of different sides until `heal`. Who is not named
   * reaches all.
   * @example
   * ```ts
   * cluster.partition([cluster.member(0), q], [cluster.member(1), cluster.member(2)]);
   * ```
   */
  partition(...sides: readonly (readonly Party[])[]): void {
    const hosts = sides.map((side) => side.map((party) => this.#hostOf(party)));
    for (const [at, side] of hosts.entries()) {
      for (const other of hosts.slice(at + 1).flat()) for (const host of side) this.#block(host, other);
    }
  }

  /** Cuts one off from everybody until `heal`. */
  isolate(party: Party): void {
    const host = this.#hostOf(party);
    for (const other of this.#hosts()) if (other !== host) this.#block(host, other);
  }

  /** Ends all partitions. */
  heal(): void {
    const hosts = this.#hosts();
    for (const [at, host] of hosts.entries()) {
      for (const other of hosts.slice(at + 1)) this.#network.heal(host, other);
    }
  }

  /**
   * Lets a session end as it does in production, and with it all that it holds: its program is cut off until the cluster
   * has given up its lease, then joined again. When it resolves, `signal` is aborted, and others can have what it held.
   * Time passes for everybody meanwhile.
   * @param held what is lost: a lock, an office, ..., or a session
   */
  async expire(held: Session | Hold | MultiHold): Promise<void> {
    const session = sessionOf(held);
    const program = [...this.#programs].find(([{ store }]) => store === session.store)?.[1];
    if (program === undefined)
      throw invalid("what shall expire is of another cluster: give what this one's programs hold");
    const members = this.#worldMembers.map(({ machine: { host } }) => host);
    for (const host of members) this.#block(program.machine.host, host);
    try {
      const isGone = (): boolean => !session.check() && !this.#hasLease(session.id);
      await this.#surely("the lease ends", isGone, BOUND_MS + LEASE_LIVES * session.ttlMs);
    } finally {
      for (const host of members) this.#unblock(program.machine.host, host);
    }
  }

  /** Ends everything at once. Calls that are under way are rejected. */
  async close(): Promise<void> {
    for (const [quorate, program] of this.#programs) {
      await quorate.store.close();
      program.kill();
    }
    for (const member of this.#worldMembers) {
      member.supervised = false;
      member.die(false);
    }
    this.#time.close();
    this.#check();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #machine(host: string): VirtualMachine {
    const { timeline } = this.#time;
    return new VirtualMachine({ name: host, host, timeline, random: streamFrom(this.#random), network: this.#network });
  }

  #makeMember(slot: number, members: number, kind: EngineKind): WorldMember {
    const name = `m${slot}`;
    const peerUrl = (host: string): string => `http://${host}:${PEER_PORT}`;
    const clientUrls = [`http://${name}:${CLIENT_PORT}`];
    return new WorldMember({
      slot,
      name,
      machine: this.#machine(name),
      member: {
        name,
        dataDir: "data",
        listenClientUrls: clientUrls,
        advertiseClientUrls: clientUrls,
        listenPeerUrls: [peerUrl(name)],
        initialAdvertisePeerUrls: [peerUrl(name)],
        initialCluster: Array.from({ length: members }, (_, at) => ({ name: `m${at}`, peerUrls: [peerUrl(`m${at}`)] })),
        initialClusterState: "new",
        initialClusterToken: "test",
        engine: kind.name,
      },
      kind,
      tuning: {},
      later: (delayMs, run) => void this.#time.timeline.at(this.#time.now + delayMs, run),
      events: {
        note: (member, what) => this.#logger.debug({ member: member.name }, what),
        violated: (_member, property, message) => {
          this.#broken ??= new Error(`a member broke a promise, please report it: ${property}: ${message}`);
        },
        toldRemoved: () => undefined,
        logger: () => this.#logger,
      },
    });
  }

  #hosts(): string[] {
    const programs = [...this.#programs.values()];
    return [...this.#worldMembers, ...programs].map(({ machine: { host } }) => host);
  }

  #hostOf(party: Party): string {
    return party instanceof Quorate ? this.#programOf(party).machine.host : party.name;
  }

  #programOf(quorate: Quorate): Program {
    const program = this.#programs.get(quorate);
    if (program === undefined) throw invalid("this is no program of the cluster: give what its connect() gave");
    return program;
  }

  #block(one: string, other: string): void {
    this.#network.block(one, other);
    this.#network.block(other, one);
  }

  #unblock(one: string, other: string): void {
    this.#network.unblock(one, other);
    this.#network.unblock(other, one);
  }

  /** Whether any member that leads, or all that there are, know a lease. */
  #hasLease(id: bigint): boolean {
    const serving = this.#worldMembers.filter((member) => member.serving && !member.paused);
    return serving.length === 0 || serving.some((member) => member.replica?.keyspace.leases.get(id) !== null);
  }

  async #surely(what: string, holds: () => boolean, boundMs: number = BOUND_MS): Promise<void> {
    const came = await this.#time.until(() => holds() || this.#broken !== null, boundMs);
    this.#check();
    if (!came) throw late(`it did not come about that ${what}`, boundMs);
  }

  #check(): void {
    if (this.#broken !== null) throw this.#broken;
  }
}

function sessionOf(held: Session | Hold | MultiHold): Session {
  if ("locks" in held) {
    const [first] = held.locks.values();
    if (first === undefined) throw invalid("a multi-lock without locks cannot expire");
    return first.session;
  }
  return "session" in held ? held.session : held;
}

function late(what: string, ms: number): QuorateError {
  return new QuorateError(
    "TIMEOUT",
    GrpcStatus.deadlineExceeded,
    `${what} within ${ms} ms of virtual time: is a majority of the members up and connected?`,
  );
}
