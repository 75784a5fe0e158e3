/** One member of a simulated cluster: an engine, its disk, a trivial state machine, and what waits for the disk. */
import type { MemberId } from "../../environment.ts";
import type { Effects, Engine, EngineFactory, EngineOptions, Input, Outbound, SnapshotMeta } from "../engine.ts";
import { EntryKind } from "../engine.ts";
import { decodeMembershipEntry, emptyMembership, type Membership } from "../membership.ts";
import { SimDisk } from "./sim-disk.ts";

export interface MemberEvents {
  /** After each drain. */
  effects(member: SimMember, effects: Effects): void;
  /** A message may leave now. */
  send(member: SimMember, message: Outbound): void;
}

export class SimMember {
  readonly id: MemberId;
  readonly disk: SimDisk = new SimDisk();
  engine: Engine | null = null;
  /** Counts lives: what was scheduled for an earlier one is void. */
  life = 0;
  /** This member's clock runs at `rate` of the true time, from `offset` on. */
  rate = 1;
  offset = 0;
  /** Inputs wait while the process is stopped. */
  paused = false;
  waiting: Input[] = [];
  /** Applied state. */
  applied = 0;
  appliedEpoch = 0;
  hash = 0;
  membership: Membership = emptyMembership;
  /** The state a received snapshot would bring, by its index. */
  readonly received: Map<number, number> = new Map();
  /** How long writes take, in true ms; Infinity: the disk hangs. */
  diskDelayMs = 1;
  #held: Outbound[] = [];
  #durable = 0;

  constructor(id: MemberId) {
    this.id = id;
  }

  get up(): boolean {
    return this.engine !== null;
  }

  clock(trueTime: number): number {
    return this.offset + trueTime * this.rate;
  }

  /** From now on the clock runs at another rate; it does not jump. */
  setRate(rate: number, trueTime: number): void {
    this.offset += (this.rate - rate) * trueTime;
    this.rate = rate;
  }

  start(factory: EngineFactory, options: EngineOptions, trueTime: number): void {
    const start = this.disk.open();
    this.life++;
    this.#held = [];
    this.#durable = 0;
    this.waiting = [];
    this.paused = false;
    this.received.clear();
    this.applied = start.snapshot?.index ?? 0;
    this.appliedEpoch = start.snapshot?.epoch ?? 0;
    this.membership = start.snapshot?.membership ?? emptyMembership;
    this.hash = this.disk.snapshot?.hash ?? 0;
    this.engine = factory(options, start, this.clock(trueTime));
  }

  stop(survivors: number): void {
    this.engine = null;
    this.disk.crash(survivors);
  }

  /** Feeds one input and carries out what follows from it. */
  feed(input: Input, trueTime: number, events: MemberEvents): void {
    if (this.engine === null) return;
    if (this.paused) {
      if (input.type !== "tick") this.waiting.push(input);
      return;
    }
    const now = this.clock(trueTime);
    if (input.type === "durable") {
      this.disk.complete(input.write);
      this.#durable = Math.max(this.#durable, input.write);
    }
    this.engine.step(input, now);
    if (input.type === "durable") this.#release(events);
    this.drain(events);
  }

  /** Carries out the engine's effects. */
  drain(events: MemberEvents): void {
    if (this.engine === null) return;
    const effects = this.engine.effects();
    if (effects.write !== null) this.disk.begin(effects.write);
    for (const message of effects.messages) {
      if (message.after <= this.#durable) events.send(this, message);
      else this.#held.push(message);
    }
    events.effects(this, effects);
  }

  #release(events: MemberEvents): void {
    const held = this.#held;
    this.#held = [];
    for (const message of held) {
      if (message.after <= this.#durable) events.send(this, message);
      else this.#held.push(message);
    }
  }

  /** Follows the memberships that the log brings, as a snapshot's header needs them. */
  noteApplied(index: number, epoch: number, kind: EntryKind, data: Uint8Array, hash: number): void {
    this.applied = index;
    this.appliedEpoch = epoch;
    this.hash = hash;
    if (kind === EntryKind.membership) this.membership = decodeMembershipEntry(data).membership;
  }

  /** The state becomes that of a received snapshot. */
  install({ index, epoch, membership }: SnapshotMeta): void {
    this.applied = index;
    this.appliedEpoch = epoch;
    this.hash = this.received.get(index) ?? 0;
    this.membership = membership;
  }

  get snapshotMeta(): SnapshotMeta {
    return { index: this.applied, epoch: this.appliedEpoch, membership: this.membership };
  }
}
