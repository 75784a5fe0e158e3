/**
 * Members of a bully election in virtual time on a simulated network, each with a clock of its own, with the properties
 * looking on at every step. Same seed, same run. Time is in milliseconds.
 */
import type { MemberId } from "../../../environment.ts";
import { SeededRandom } from "../../random.ts";
import { EventQueue } from "../../testing/event-queue.ts";
import { SimNetwork } from "../../testing/sim-network.ts";
import { Bully } from "../bully.ts";
import type { BullyInput, BullyLeadership, BullyOptions } from "../contract.ts";
import { mostDoublings } from "../election.ts";
import { type BullyMember, Ranking } from "../members.ts";
import { BullyProperties } from "../properties/properties.ts";
import type { ObservedBully } from "../properties/property.ts";

export const bullyTimes = {
  heartbeatIntervalMs: 100,
  leaderTimeoutMs: 400,
  answerTimeoutMs: 100,
  coordinatorTimeoutMs: 300,
} as const;

/**
 * Within this time of the last fault, on the slowest clock, all is settled: the longest wait of one that waits for a
 * dead member, or the time to miss a leader that spoke last, then an election, then a heartbeat, an objection, a renewal.
 */
export function settlesWithinMs(options: typeof bullyTimes = bullyTimes): number {
  const { heartbeatIntervalMs, leaderTimeoutMs, answerTimeoutMs, coordinatorTimeoutMs } = options;
  const waiting = coordinatorTimeoutMs * 2 ** mostDoublings + answerTimeoutMs;
  const missing = leaderTimeoutMs + 2 * answerTimeoutMs;
  return waiting + missing + answerTimeoutMs + 6 * heartbeatIntervalMs;
}

export interface BullyClusterOptions {
  readonly seed: number;
  readonly members: readonly BullyMember[];
  readonly perMember?: (id: MemberId) => Partial<BullyOptions>;
  /** Members are told when a peer dies or comes up. */
  readonly reportLinks?: boolean;
}

export interface SimBully {
  readonly id: MemberId;
  bully: Bully | null;
  paused: boolean;
  waiting: BullyInput[];
  life: number;
  /** When its timer is set to; null: it is not. */
  wakeAt: number | null;
  /** The numbers it was told. */
  ranking: Ranking;
  /** Its clock shows `offset + rate * time`. */
  rate: number;
  offset: number;
  /** What its owner was told, in all its lives. */
  readonly told: BullyLeadership[];
}

export class BullyCluster {
  readonly random: SeededRandom;
  readonly network: SimNetwork;
  readonly properties: BullyProperties = new BullyProperties();
  readonly members: ReadonlyMap<MemberId, SimBully>;
  time = 0;
  /** Messages sent since the beginning. */
  sent = 0;
  ranking: Ranking;
  #memberList: readonly BullyMember[];
  readonly #options: BullyClusterOptions;
  readonly #queue = new EventQueue();

  /** All members start with it. */
  constructor(options: BullyClusterOptions) {
    this.#options = options;
    this.#memberList = options.members;
    this.ranking = new Ranking(options.members);
    this.random = new SeededRandom(options.seed);
    this.network = new SimNetwork(this.random, (ms, run) => this.after(ms, run));
    this.members = new Map(
      options.members.map(({ id }) => [
        id,
        {
          id,
          bully: null,
          paused: false,
          waiting: [],
          life: 0,
          wakeAt: null,
          ranking: this.ranking,
          rate: 1,
          offset: 0,
          told: [],
        },
      ]),
    );
    for (const id of this.members.keys()) this.start(id);
  }

  member(id: MemberId): SimBully {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  /** The state machine of a running member. */
  bully(id: MemberId): Bully {
    const { bully } = this.member(id);
    if (bully === null) throw new Error(`member ${id} is not running`);
    return bully;
  }

  run(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const event = this.#queue.nextAt <= end ? this.#queue.take() : null;
      if (event === null) break;
      this.time = Math.max(this.time, event.at);
      event.run();
    }
    this.time = end;
  }

  after(ms: number, run: () => void): void {
    this.#queue.add(this.time + ms, run);
  }

  /** Unless it runs already, or is not named as a member now. */
  start(id: MemberId): void {
    const member = this.member(id);
    if (member.bully !== null || !this.ranking.has(id)) return;
    member.life++;
    member.wakeAt = null;
    member.ranking = this.ranking;
    const bully = new Bully(this.#bullyOptions(id), this.#clock(member));
    member.bully = bully;
    this.#carryOut(member, bully);
    if (this.#options.reportLinks === true) this.#reportLinks(member);
  }

  crash(id: MemberId): void {
    const member = this.member(id);
    if (member.bully === null) return;
    Object.assign(member, { bully: null, paused: false, waiting: [] });
    if (this.#options.reportLinks === true) this.#reportLinks(member);
  }

  restart(id: MemberId): void {
    this.crash(id);
    this.start(id);
  }

  /** SIGSTOP: inputs wait. */
  pause(id: MemberId): void {
    this.member(id).paused = true;
  }

  resume(id: MemberId): void {
    const member = this.member(id);
    const { waiting } = member;
    Object.assign(member, { paused: false, waiting: [] });
    for (const input of waiting) this.feed(id, input);
  }

  /** Members reach each other only within these groups; without any, all do. */
  partition(...groups: readonly (readonly MemberId[])[]): void {
    this.network.cut.clear();
    const groupOf = (id: MemberId): number => groups.findIndex((group) => group.includes(id));
    for (const a of this.members.keys()) {
      for (const b of this.members.keys()) if (groupOf(a) !== groupOf(b)) this.network.cutOneWay(a, b);
    }
  }

  /** Everybody that runs is told of new numbers; those that start later find them. */
  renumber(members: readonly BullyMember[]): void {
    this.#memberList = members;
    this.ranking = new Ranking(members);
    for (const id of this.members.keys()) this.feed(id, { type: "members", members });
  }

  feed(id: MemberId, input: BullyInput): void {
    const member = this.member(id);
    const { bully } = member;
    if (bully === null) return;
    if (member.paused) {
      member.waiting.push(input);
      return;
    }
    const before = bully.status;
    bully.step(input, this.#clock(member));
    if (input.type === "members") member.ranking = new Ranking(input.members);
    this.properties.stepped(this.#observed(member, bully, before));
    this.#carryOut(member, bully);
  }

  /** Checks what must hold when these, and no others, have reached each other for `settlesWithinMs`. */
  checkQuiet(group: readonly MemberId[]): void {
    const component = group.flatMap((id) => {
      const member = this.member(id);
      return member.bully === null ? [] : [this.#observed(member, member.bully, member.bully.status)];
    });
    this.properties.quiet(component);
  }

  /** Running members that believe to lead, the highest first. */
  get leaders(): MemberId[] {
    return this.ranking.ids.filter((id) => this.members.get(id)?.bully?.status.role === "leader");
  }

  describe(): string {
    return [...this.members.values()]
      .map(({ id, bully, paused }) => {
        if (bully === null) return `${id.toString(16)} is down`;
        const { role, leader, generation } = bully.status;
        return `${id.toString(16)} ${role} of ${leader.toString(16)}@${generation}${paused ? ", paused" : ""}`;
      })
      .join("\n");
  }

  #bullyOptions(id: MemberId): BullyOptions {
    const incarnation = 1 + this.random.below(2 ** 32 - 1);
    return {
      ...bullyTimes,
      id,
      incarnation,
      members: this.#memberList,
      maxMembers: this.members.size,
      ...this.#options.perMember?.(id),
    };
  }

  #observed({ id, ranking }: SimBully, bully: Bully, before: Bully["status"]): ObservedBully {
    return { before, now: bully.status, preempt: this.#options.perMember?.(id).preempt ?? true, ranking };
  }

  #clock({ rate, offset }: SimBully): number {
    return offset + rate * this.time;
  }

  #carryOut(member: SimBully, bully: Bully): void {
    const { id, life } = member;
    const { messages, leaderChanged, wakeAt } = bully.effects();
    for (const { to, bytes } of messages) {
      this.sent++;
      this.network.send(id, to, null, bytes, () => this.feed(to, { type: "message", from: id, bytes }));
    }
    if (leaderChanged !== null) member.told.push(leaderChanged);
    if (wakeAt === member.wakeAt) return;
    member.wakeAt = wakeAt;
    if (wakeAt === null) return;
    // A timer is never early, and often a little late.
    const delay = Math.max(0, (wakeAt - this.#clock(member)) / member.rate) + 0.001 + this.random.fraction();
    this.after(delay, () => {
      if (member.life === life && member.wakeAt === wakeAt) this.feed(id, { type: "tick" });
    });
  }

  #reportLinks(member: SimBully): void {
    for (const peer of this.members.values()) {
      if (peer === member) continue;
      const report = (to: SimBully, about: SimBully): void => {
        const isUp = about.bully !== null && !this.network.isCut(to.id, about.id);
        this.feed(to.id, { type: isUp ? "linkUp" : "linkLost", peer: about.id });
      };
      this.after(0.1 + this.random.fraction(), () => report(peer, member));
      if (member.bully !== null) this.after(0.1 + this.random.fraction(), () => report(member, peer));
    }
  }
}
