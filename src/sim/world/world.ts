/**
 * A simulated world: whole production members on simulated machines, joined by a simulated network, in virtual time.
 * Nothing in it knows the real world; the same plan gives the same world, event for event.
 */
import type { EngineOptions } from "../../consensus/engine.ts";
import { type EngineKind, engines } from "../../consensus/engines.ts";
import { SeededRandom } from "../../consensus/random.ts";
import { watched } from "../../consensus/watched-engine.ts";
import type { Logger, MemberId } from "../../environment.ts";
import { assert } from "../../errors.ts";
import type { InitialMember } from "../../server/bootstrap.ts";
import type { MemberOptions } from "../../server/member-options.ts";
import { VirtualMachine } from "../../virtual/machine.ts";
import { VirtualNetwork } from "../../virtual/network.ts";
import { Timeline } from "../../virtual/timeline.ts";
import type { Violation } from "../history.ts";
import type { Plan } from "../plan/plan.ts";
import { Trace } from "../trace.ts";
import { Line } from "./line.ts";
import { type MangleRates, mangled, unmangled } from "./mangler.ts";
import { type WorldMember as Member, WorldMember } from "./member.ts";
import { WorldObserver } from "./observer.ts";

const PEER_PORT = 2380;
const CLIENT_PORT = 2379;
const DATA = "data";
/** What TCP waits for, in proportion to the rest of a world: a timeout, and until it tries again. */
const TCP_TIMEOUT_ELECTIONS = 15;
const RETRANSMIT_ELECTIONS = 0.4;

export interface WorldOptions {
  readonly plan: Plan;
  /** Lets promises settle between two events. */
  readonly settle: () => Promise<void>;
  /** Lines of the trace to keep; 0: only its hash. */
  readonly keepLines: number;
}

export class World {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly network: VirtualNetwork;
  readonly trace: Trace;
  readonly observer: WorldObserver;
  /** By slot; members that were removed stay. */
  readonly members: Member[] = [];
  /** What the nemesis sets. */
  mangling: MangleRates = unmangled;
  /** Machines of programs that use the cluster. */
  programHosts: readonly string[] = [];
  /** The first broken promise; the run ends with it. */
  violation: Violation | null = null;
  readonly #kind: EngineKind;
  readonly #lineDraws: SeededRandom;
  readonly #random: SeededRandom;

  constructor({ plan, settle, keepLines }: WorldOptions) {
    this.plan = plan;
    this.#random = new SeededRandom(plan.seed ^ 0x77726c64);
    this.#lineDraws = this.#stream();
    this.timeline = new Timeline(settle);
    this.trace = new Trace(() => this.timeline.now, keepLines);
    const { chunking, minDelayMs, maxDelayMs, electionMs } = plan.cluster;
    this.network = new VirtualNetwork({
      timeline: this.timeline,
      random: this.#stream(),
      chunking,
      minDelayMs,
      maxDelayMs,
    });
    this.network.tcpTimeoutMs = TCP_TIMEOUT_ELECTIONS * electionMs;
    this.network.retransmitMs = RETRANSMIT_ELECTIONS * electionMs;
    const kind = engines.get(plan.cluster.engine);
    assert(kind !== undefined, `there is no engine "${plan.cluster.engine}"`);
    this.observer = new WorldObserver(this, kind);
    this.#kind = mangled(watched(kind, this.observer), {
      rates: () => this.mangling,
      random: this.#stream(),
      later: (id, delayMs, run) => this.#laterIn(id, delayMs, run),
    });
    const founders = Array.from({ length: plan.cluster.members }, (_, slot) => initialMember(slot));
    for (const slot of founders.keys()) this.#add(slot, founders, "new");
    for (const member of this.members) member.start();
  }

  /** A stream of draws that nothing else shares. */
  #stream(): SeededRandom {
    return new SeededRandom(this.#random.uint32());
  }

  /** Makes a machine for a member that has been added to the cluster; it is not started yet. */
  join(): Member {
    const living = this.members.filter(({ state }) => state !== "removed" && state !== "refusing");
    const slot = this.members.length;
    return this.#add(slot, [...living.map(({ slot: other }) => initialMember(other)), initialMember(slot)], "existing");
  }

  /** The peer URL of the member in a slot. */
  peerUrl(slot: number): string {
    return `http://m${slot}:${PEER_PORT}`;
  }

  #add(slot: number, initialCluster: readonly InitialMember[], state: "new" | "existing"): Member {
    const { cluster } = this.plan;
    const name = `m${slot}`;
    const random = this.#stream();
    const machine = new VirtualMachine({ name, host: name, timeline: this.timeline, random, network: this.network });
    const clientUrls = [`http://${name}:${CLIENT_PORT}`];
    const options: MemberOptions = {
      name,
      dataDir: DATA,
      listenClientUrls: clientUrls,
      advertiseClientUrls: clientUrls,
      listenPeerUrls: [this.peerUrl(slot)],
      initialAdvertisePeerUrls: [this.peerUrl(slot)],
      initialCluster,
      initialClusterState: state,
      initialClusterToken: "simulated",
      engine: cluster.engine,
      // Who joins learns it.
      ...(cluster.phase2Quorum === null || state === "existing" ? {} : { phase2Quorum: cluster.phase2Quorum }),
      heartbeatMs: cluster.heartbeatMs,
      electionMs: cluster.electionMs,
      snapshotCount: cluster.snapshotCount,
      snapshotCatchupEntries: cluster.snapshotCatchupEntries,
      quotaBackendBytes: cluster.quotaBytes,
      historyBudgetBytes: cluster.historyBudgetBytes,
      leaseReads: cluster.leaseReads,
      priority: cluster.priorities ? slot % 3 : 0,
      watchProgressIntervalMs: cluster.watchProgressIntervalMs,
    };
    const member = new WorldMember({
      slot,
      name,
      machine,
      member: options,
      kind: this.#kind,
      tuning: cluster.tuning,
      later: (delayMs, run) => this.later(delayMs, run),
      events: {
        note: ({ name: who }, what) => this.trace.note(who, what),
        violated: (_member, property, message) => this.violated(property, message),
        toldRemoved: ({ id, name: who }) => {
          if (this.observer.truth.keyspace.members.wasRemoved(id)) return;
          this.violated("only removed members are told so", `${who} ended as removed, and was not`);
        },
        logger: (who) => this.#logger(who),
      },
    });
    this.members.push(member);
    this.calmDisk(member);
    return member;
  }

  /** As quick as a disk of this plan is when nothing is wrong with it. */
  calmDisk({ machine: { disk } }: Member): void {
    const { writeMs, syncMs } = this.plan.cluster;
    disk.latency = { readMs: [0, writeMs], writeMs: [0, writeMs], syncMs: [syncMs / 10, syncMs] };
  }

  later(delayMs: number, run: () => void): void {
    this.timeline.at(this.timeline.now + delayMs, run);
  }

  /** A client's way to one of the members that take part, whether it is up or not. */
  lineTo(random: SeededRandom): Line {
    const candidates = this.members.filter(({ state }) => state !== "removed" && state !== "refusing");
    const member = candidates[random.below(candidates.length)];
    assert(member !== undefined, "every member was removed");
    return this.lineToMember(member);
  }

  lineToMember(member: Member): Line {
    const { minDelayMs, maxDelayMs } = this.plan.cluster;
    return new Line({ timeline: this.timeline, random: this.#lineDraws, member, minDelayMs, maxDelayMs });
  }

  /** What members take for enough. */
  get quorums(): Pick<EngineOptions, "flexibleQuorum"> {
    const { phase2Quorum } = this.plan.cluster;
    return { flexibleQuorum: phase2Quorum === null ? null : { phase2: phase2Quorum } };
  }

  /** The committed membership names it, whether it knows or not. */
  takesPart(member: Member): boolean {
    return member.state !== "removed" && this.observer.truth.keyspace.members.get(member.id) !== null;
  }

  /** By its id in the cluster. */
  byId(id: MemberId): Member | null {
    return this.members.find((member) => member.id === id) ?? null;
  }

  /** Who leads the highest epoch, as the members themselves see it. */
  get leader(): Member | null {
    let leader: Member | null = null;
    let highest = 0;
    for (const member of this.members) {
      const status = member.up ? member.replica?.status().engine : undefined;
      if (status?.role !== "leader" || status.epoch <= highest) continue;
      highest = status.epoch;
      leader = member;
    }
    return leader;
  }

  violated(property: string, message: string): void {
    this.violation ??= { property, message };
    this.trace.note("world", `VIOLATION of ${property}`);
  }

  #laterIn(id: MemberId, delayMs: number, run: (now: number) => void): void {
    const member = this.byId(id);
    const life = member?.lives;
    this.later(delayMs, () => {
      if (member === null || member.lives !== life || !member.serving) return;
      member.enter(() => run(member.now()));
    });
  }

  #logger(member: Member): Logger {
    const say = (_fields: Readonly<Record<string, unknown>>, message: string): void => {
      this.observer.logged(member, message);
      this.trace.note(member.name, message);
    };
    return { debug: () => {}, info: say, warn: say, error: say };
  }
}

function initialMember(slot: number): InitialMember {
  return { name: `m${slot}`, peerUrls: [`http://m${slot}:${PEER_PORT}`] };
}
