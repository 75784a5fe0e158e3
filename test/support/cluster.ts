/**
 * The cluster under test: member processes on loopback, on random ports, with data in a temporary folder that is gone
 * when the cluster is stopped.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { MemberProcess } from "./member-process.ts";
import { freePorts } from "./ports.ts";
import { ProxiedLinks } from "./proxied-links.ts";
import { engineFromEnvironment, type TargetName, targetFromEnvironment } from "./target.ts";

/** Starting Node and etcd takes a while on a small, busy machine. */
export const READY_WITHIN_MS = 30_000;

export interface ClusterOptions {
  /** Members at the start. Default 3. */
  readonly size?: number;
  /** More flags for every member: `["--snapshot-count=1000"]`. */
  readonly flags?: readonly string[];
  /** More variables for the members' processes. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: from the environment. */
  readonly target?: TargetName;
  /** Of Quorate. Default: from the environment. */
  readonly engine?: string;
  /** Whether the members talk to each other through a proxy that can cut them apart. Default false. */
  readonly proxied?: boolean;
}

export interface AddedMember {
  readonly name: string;
  /** As given to the cluster with `member add`. */
  readonly peerUrl: string;
}

export class ClusterUnderTest {
  readonly target: TargetName;
  /** As it was founded; null: the default. */
  readonly engine: string | null;
  readonly members: MemberProcess[] = [];
  /** Only in a cluster that was started with `proxied`. */
  readonly links: ProxiedLinks | null;
  readonly #folder: string;
  readonly #flags: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #token: string;
  #named = 0;

  private constructor(options: ClusterOptions) {
    this.target = options.target ?? targetFromEnvironment();
    this.engine = options.engine ?? engineFromEnvironment();
    this.#flags = options.flags ?? [];
    this.#env = options.env ?? {};
    this.#folder = mkdtempSync(join(tmpdir(), "quorate-test-"));
    this.#token = `test-${process.pid}-${Math.trunc(performance.now())}`;
    this.links = options.proxied === true ? new ProxiedLinks() : null;
  }

  /** Starts a new cluster and waits until every member knows the leader and answers. */
  static async start(options: ClusterOptions = {}): Promise<ClusterUnderTest> {
    const cluster = new ClusterUnderTest(options);
    try {
      const planned = await Promise.all(Array.from({ length: options.size ?? 3 }, () => cluster.#plan()));
      const initialCluster = planned.map(({ name, advertised }) => `${name}=${advertised}`).join(",");
      for (const plan of planned) cluster.members.push(cluster.#member(plan, initialCluster, "new"));
      for (const member of cluster.members) member.start();
      await cluster.ready();
    } catch (error) {
      await cluster.stop();
      throw new Error(`the ${cluster.target} cluster did not start`, { cause: error });
    }
    return cluster;
  }

  /** Where to find it, host:port. */
  get endpoints(): string[] {
    return this.members.map((member) => member.endpoint);
  }

  /** The member at `index`, counted from 0. */
  member(index: number): MemberProcess {
    const member = this.members[index];
    if (member === undefined) throw new Error(`there is no member ${index}, only ${this.members.length}`);
    return member;
  }

  /** Waits until all of `members` (default: all) know one leader and answer a linearizable read. */
  async ready(members: readonly MemberProcess[] = this.members, withinMs: number = READY_WITHIN_MS): Promise<void> {
    const ready = members.map((member) =>
      eventually(
        `${member.name} is ready`,
        async () => {
          if (!member.isRunning) throw new Error(`${member.name} is not running`);
          await member.client.get("ready?", {}, { timeoutMs: 1_000 });
        },
        { withinMs },
      ),
    );
    try {
      await Promise.all(ready);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}\n${this.logs()}`, { cause: error });
    }
  }

  /** The member that leads, as it says itself, once there is one among `members`. */
  async leader(members: readonly MemberProcess[] = this.members, withinMs = 15_000): Promise<MemberProcess> {
    return eventually(
      "a member says that it leads",
      async () => {
        const statuses = await Promise.allSettled(
          members
            .filter((member) => member.isRunning)
            .map(async (member) => ({ member, status: await member.client.status() })),
        );
        const leading = statuses
          .filter((result) => result.status === "fulfilled")
          .map((result) => result.value)
          .filter(({ status }) => status.leader !== 0n && status.leader === status.header?.memberId)
          // A deposed leader that does not know it yet has the lower term.
          .sort((a, b) => Number(b.status.raftTerm - a.status.raftTerm));
        if (leading[0] === undefined) throw new Error("none does");
        return leading[0].member;
      },
      { withinMs },
    );
  }

  /** All but `member`. */
  others(...without: readonly MemberProcess[]): MemberProcess[] {
    return this.members.filter((member) => !without.includes(member));
  }

  /** A name and a peer URL for a member that is to be added. */
  async planMember(): Promise<AddedMember & { readonly start: () => MemberProcess }> {
    const plan = await this.#plan();
    return {
      name: plan.name,
      peerUrl: plan.advertised,
      /** To be called after the cluster accepted the member: starts its process with `--initial-cluster-state existing`. */
      start: () => {
        const known = this.members.map((member) => `${member.name}=${member.settings.advertisePeerUrl}`);
        const member = this.#member(plan, [...known, `${plan.name}=${plan.advertised}`].join(","), "existing");
        this.members.push(member);
        member.start();
        return member;
      },
    };
  }

  /** Takes a process out of our list, after the cluster removed the member, and ends it. */
  async forget(member: MemberProcess): Promise<void> {
    this.members.splice(this.members.indexOf(member), 1);
    await member.end("SIGKILL");
    member.client.close();
  }

  /** Ends all processes and removes their data. */
  async stop(): Promise<void> {
    for (const member of this.members) member.client.close();
    await Promise.all(this.members.map((member) => member.end("SIGKILL")));
    await this.links?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What the members said last. */
  logs(): string {
    return this.members.map(({ name, log }) => `--- ${name}\n${log.split("\n").slice(-12).join("\n")}`).join("\n");
  }

  async #plan(): Promise<Plan> {
    const name = `m${++this.#named}`;
    const [client, peer] = (await freePorts(2)) as [number, number];
    const listened = `http://127.0.0.1:${peer}`;
    const advertised = this.links === null ? listened : await this.links.front(name, peer);
    return { name, clientUrl: `http://127.0.0.1:${client}`, listened, advertised };
  }

  #member(plan: Plan, initialCluster: string, state: "new" | "existing"): MemberProcess {
    const settings = {
      name: plan.name,
      dataDir: join(this.#folder, plan.name),
      listenClientUrl: plan.clientUrl,
      listenPeerUrl: plan.listened,
      advertisePeerUrl: plan.advertised,
      initialCluster,
      initialClusterState: state,
      token: this.#token,
      engine: this.engine,
      flags: this.#flags,
    };
    const member = new MemberProcess(this.target, settings, this.#env);
    this.links?.learn(member);
    return member;
  }
}

interface Plan {
  readonly name: string;
  readonly clientUrl: string;
  readonly listened: string;
  readonly advertised: string;
}
