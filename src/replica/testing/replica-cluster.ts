/** Whole replicas on a virtual clock, in-memory disks and links: what a test of `replica/` starts from. */
import type { EngineOptions } from "../../consensus/engine.ts";
import { genesis } from "../../consensus/raft/genesis.ts";
import { Raft } from "../../consensus/raft/raft.ts";
import type { Clock, Disk, Environment, Logger, MemberId, Network } from "../../environment.ts";
import { type Command, encodeCommand } from "../../keyspace/command.ts";
import { type CommandResult, Keyspace } from "../../keyspace/keyspace.ts";
import { encodeMemberContext, type Member } from "../../keyspace/members.ts";
import { benchClock } from "../../virtual/testing/bench-clock.ts";
import type { Timeline } from "../../virtual/timeline.ts";
import { loadKeyspace } from "../applier.ts";
import { GroupReplica } from "../replica.ts";
import { MemoryNetwork, MemoryTransport } from "./memory-network.ts";
import { MemoryDisk, MemoryStorage } from "./memory-storage.ts";

export interface TestMember {
  readonly id: MemberId;
  readonly disk: MemoryDisk;
  storage: MemoryStorage;
  /** Null while the member is down. */
  replica: GroupReplica | null;
  failure: unknown;
  removed: boolean;
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const unused = new Proxy({}, { get: () => () => Promise.reject(new Error("not in this test")) });

export interface TestClusterOptions {
  readonly snapshotEntries?: number;
  readonly catchUpEntries?: number;
  readonly catchUpBytes?: number;
  readonly historyBudgetBytes?: number;
}

export class TestCluster {
  readonly timeline: Timeline;
  readonly clock: Clock;
  readonly network: MemoryNetwork;
  readonly members: Map<MemberId, TestMember> = new Map();
  readonly #options: TestClusterOptions;
  #draws = 1;

  constructor(options: TestClusterOptions = {}) {
    this.#options = options;
    const { timeline, clock } = benchClock();
    this.timeline = timeline;
    this.clock = clock;
    this.network = new MemoryNetwork(clock);
  }

  /** Founds a cluster of these members and starts them. */
  static async found(ids: readonly MemberId[], options: TestClusterOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    const members = ids.map((id): Member => cluster.#describe(id));
    const founding = genesis(
      { voters: [...ids], outgoing: [], learners: [], learnersNext: [] },
      encodeMemberContext({ op: "genesis", members }),
    );
    for (const id of ids) {
      const member = cluster.#add(id);
      member.disk.entries = [...founding.entries];
      member.disk.state = founding.state;
      await cluster.start(id);
    }
    return cluster;
  }

  #describe(id: MemberId): Member {
    return {
      id,
      name: `m${id}`,
      peerUrls: [`http://127.0.0.1:${1000 + Number(id % 1000n)}`],
      clientUrls: [],
      isLearner: false,
    };
  }

  #add(id: MemberId): TestMember {
    const disk = new MemoryDisk();
    const storage = new MemoryStorage(disk, this.clock, () => {});
    const member = { id, disk, storage, replica: null, failure: null, removed: false };
    this.members.set(id, member);
    return member;
  }

  /** Starts a member that was added to the running cluster, with an empty disk. */
  async join(id: MemberId): Promise<void> {
    this.#add(id);
    await this.start(id);
  }

  async start(id: MemberId): Promise<void> {
    const member = this.member(id);
    const storage = new MemoryStorage(member.disk, this.clock, (write) => member.replica?.durable(write));
    member.storage = storage;
    const { recovered } = storage;
    const keyspace = recovered.snapshot === null ? new Keyspace() : await loadKeyspace(storage, recovered.snapshot);
    const engine: EngineOptions = {
      id,
      seed: this.#draws++,
      electionTimeoutMs: 1000,
      heartbeatIntervalMs: 100,
      leaseReads: false,
      clockDriftMs: 100,
      diskStallMs: 2000,
      maxMessageBytes: 1 << 20,
      maxInflightMessages: 256,
      maxInflightBytes: 16 << 20,
      maxUncommittedBytes: 64 << 20,
      priority: 0,
    };
    const transport = new MemoryTransport(this.network, id);
    const environment: Environment = {
      clock: this.clock,
      random: { uint32: () => this.#draws++, uint64: () => BigInt(this.#draws++) + 1_000_000n },
      disk: unused as Disk,
      network: unused as Network,
      logger: silent,
    };
    const replica = new GroupReplica({
      environment,
      clusterId: 99n,
      memberId: id,
      group: 0,
      storage,
      transport,
      engine: new Raft(engine, { ...recovered }, this.clock.now()),
      keyspace,
      snapshot: recovered.snapshot,
      snapshotPolicy: { entries: this.#options.snapshotEntries ?? 10_000, bytes: 64 << 20 },
      catchUpEntries: this.#options.catchUpEntries ?? 5_000,
      catchUpBytes: this.#options.catchUpBytes ?? 64 << 20,
      snapshotChunkBytes: 256 << 10,
      snapshotResendMs: 2_000,
      housekeeping: {
        historyBudgetBytes: this.#options.historyBudgetBytes ?? 0,
        autoCompaction: { mode: "off" },
        quotaBytes: 1 << 30,
      },
      strictReconfigCheck: true,
      callTimeoutMs: 7_000,
      tickMs: 10,
      maxPendingCommands: 10_000,
      maxPendingBytes: 64 << 20,
      knownPeers: [...this.members.keys()].map((peer) => this.#describe(peer)),
      diskBytes: () => 0,
      events: {
        failed: (error) => {
          member.failure = error;
        },
        removed: () => {
          member.removed = true;
        },
      },
    });
    member.replica = replica;
    this.network.attach(id, replica);
    replica.start();
  }

  /** kill -9: what is not on the disk is lost. */
  crash(id: MemberId): void {
    const member = this.member(id);
    member.storage.crashed = true;
    member.replica?.stop().catch(() => {});
    member.replica = null;
    this.network.detach(id);
  }

  member(id: MemberId): TestMember {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  replica(id: MemberId): GroupReplica {
    const { replica, failure } = this.member(id);
    if (failure !== null) throw failure;
    if (replica === null) throw new Error(`member ${id} is down`);
    return replica;
  }

  get up(): TestMember[] {
    return [...this.members.values()].filter(({ replica }) => replica !== null);
  }

  /** The leader that a majority follows, once there is one. */
  async leader(): Promise<MemberId> {
    const settled = (): MemberId | null => {
      for (const { id, replica } of this.up) {
        const status = replica?.status().engine;
        if (status?.role !== "leader" || !status.settled) continue;
        const following = this.up.filter((one) => one.replica?.status().engine.leader === id).length;
        if (following > this.members.size / 2) return id;
      }
      return null;
    };
    if (!(await this.timeline.run(20_000, () => settled() !== null))) throw new Error("no leader within 20 s");
    return settled() ?? 0n;
  }

  /** Proposes and lets time pass until the answer is there. */
  async run(id: MemberId, command: Command): Promise<CommandResult> {
    const answers = this.propose(id, command);
    await this.timeline.run(30_000, () => answers.length > 0);
    const [answer] = answers;
    if (answer === undefined) throw new Error(`no answer to ${command.type} within 30 s`);
    return answer;
  }

  propose(id: MemberId, command: Command): CommandResult[] {
    const answers: CommandResult[] = [];
    this.replica(id).propose(encodeCommand(command), (result) => answers.push(result));
    return answers;
  }

  /** The value of a key after a linearizable read through a member. */
  async read(id: MemberId, key: string): Promise<string | undefined> {
    const answers: (string | null)[] = [];
    this.replica(id).linearize((error) => answers.push(error === null ? null : error.message));
    await this.timeline.run(30_000, () => answers.length > 0);
    if (answers[0] !== null) throw new Error(answers[0] ?? "no answer within 30 s");
    return this.local(id, key);
  }

  /** The value of a key as a member has it. */
  local(id: MemberId, key: string): string | undefined {
    return this.replica(id).keyspace.range(rangeOf(key)).kvs[0]?.value;
  }

  /** Waits for a promise while time passes. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const mark = (): void => {
      over = true;
    };
    promise.then(mark, mark);
    if (!(await this.timeline.run(60_000, () => over))) throw new Error("not settled within 60 s");
    return await promise;
  }
}

export function put(key: string, value: string, lease = 0n): Command {
  return { type: "put", request: { key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false } };
}

export function rangeOf(key: string): Parameters<Keyspace["range"]>[0] {
  return {
    key,
    rangeEnd: "",
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: true,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}
