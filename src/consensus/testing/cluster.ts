/**
 * A whole cluster in virtual time: engines on a simulated network, with simulated disks and clocks, and the
 * safety properties looking on at every step. Same seed, same run.
 *
 * Time is in milliseconds. Nothing happens between events, so a run of minutes takes milliseconds.
 */
import type { MemberId } from "../../environment.ts";
import type { Effects, EngineOptions, Entry, Input, Notice, Outbound } from "../engine.ts";
import type { EngineKind } from "../engines.ts";
import { createMembership } from "../membership.ts";
import { fingerprint } from "../properties/fingerprint.ts";
import { Properties } from "../properties/properties.ts";
import { SeededRandom } from "../random.ts";
import { watched } from "../watched-engine.ts";
import { type ClusterOptions, defaultEngine } from "./cluster-options.ts";
import { describeCluster } from "./describe-cluster.ts";
import { EventQueue } from "./event-queue.ts";
import { SimMember } from "./sim-member.ts";
import { SimNetwork } from "./sim-network.ts";

export { type ClusterOptions, defaultEngine } from "./cluster-options.ts";

export class Cluster {
  readonly random: SeededRandom;
  readonly properties: Properties;
  readonly members: Map<MemberId, SimMember> = new Map();
  readonly network: SimNetwork;
  time = 0;
  /** Proposals by id: the position they got; null: refused. */
  readonly proposals: Map<number, { epoch: number; index: number } | null> = new Map();
  readonly refusals: { member: MemberId; id: number; reason: string }[] = [];
  readonly readsDone: { member: MemberId; id: number; index: number }[] = [];
  readonly notices: { time: number; member: MemberId; notice: Notice }[] = [];
  readonly #options: ClusterOptions;
  readonly #kind: EngineKind;
  readonly #queue = new EventQueue();
  #nextId = 1;

  constructor(kind: EngineKind, options: ClusterOptions) {
    this.properties = new Properties(kind);
    this.#kind = watched(kind, this.properties);
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    this.network = new SimNetwork(this.random, (ms, run) => this.after(ms, run));
    if (options.checkDurable !== false) {
      this.properties.diskTruth = (id, { index, epoch }) => this.members.get(id)?.disk.holds(index, epoch) === true;
    }
    const membership = createMembership(options.voters, options.learners ?? []);
    const first = kind.genesis(membership, new Uint8Array(0));
    for (const id of [...options.voters, ...(options.learners ?? []), ...(options.joiners ?? [])]) {
      const member = new SimMember(id);
      if (!(options.joiners ?? []).includes(id)) {
        member.disk.state = first.state;
        member.disk.entries = [...first.entries];
      }
      this.members.set(id, member);
    }
    for (const id of this.members.keys()) this.start(id);
  }

  member(id: MemberId): SimMember {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  /** The engine of a running member. */
  engine(id: MemberId): NonNullable<SimMember["engine"]> {
    const { engine } = this.member(id);
    if (engine === null) throw new Error(`member ${id} is not running`);
    return engine;
  }

  // Running

  /** Runs all events due within the next `ms`. */
  run(ms: number): void {
    const end = this.time + ms;
    while (this.#queue.nextAt <= end) this.#next();
    this.time = end;
  }

  /** Runs until `condition` holds; throws with `what` if it does not within `withinMs`. */
  runUntil(condition: () => boolean, withinMs: number, what: string): void {
    const end = this.time + withinMs;
    while (!condition()) {
      if (!this.advance(end)) throw new Error(`${what}: not within ${withinMs} ms of virtual time\n${this.describe()}`);
    }
  }

  /** Runs the next event that is due until then. False: there is none, and it is then. */
  advance(until: number): boolean {
    if (this.#queue.nextAt <= until) {
      this.#next();
      return true;
    }
    this.time = until;
    return false;
  }

  #next(): void {
    const event = this.#queue.take();
    if (event === null) return;
    this.time = Math.max(this.time, event.at);
    event.run();
  }

  after(ms: number, run: () => void): void {
    this.#queue.add(this.time + ms, run);
  }

  // Members

  start(id: MemberId): void {
    const member = this.member(id);
    if (member.up) return;
    const options = {
      ...defaultEngine,
      ...this.#options.engine,
      ...this.#options.perMember?.(id),
      id,
      seed: this.random.uint32(),
    };
    member.start(this.#kind.create, options, this.time);
    const { life } = member;
    const tick = (): void => {
      if (member.life !== life || !member.up) return;
      this.after((this.#options.tickMs ?? 25) * (0.9 + 0.2 * this.random.fraction()), tick);
      this.feed(id, { type: "tick" });
    };
    this.after(this.random.fraction() * (this.#options.tickMs ?? 25), tick);
    member.drain(this.#events);
    if (this.#options.reportLinks === true) {
      for (const peer of this.members.values()) {
        if (peer === member || !peer.up) continue;
        this.after(2, () => this.#reportLink(peer.id, id));
        this.after(2, () => this.#reportLink(id, peer.id));
      }
    }
  }

  /** Stops a member at once. A part of the writes under way may survive; peers see the link break if links are reported. */
  crash(id: MemberId, survivors: "none" | "some" = "none"): void {
    const member = this.member(id);
    if (!member.up) return;
    const { underway } = member.disk;
    member.stop(survivors === "none" ? 0 : this.random.below(underway.length + 1));
    if (this.#options.reportLinks !== true) return;
    for (const peer of this.members.values()) {
      if (peer !== member) this.after(0.1 + this.random.fraction(), () => this.#reportLink(peer.id, id));
    }
  }

  restart(id: MemberId): void {
    this.crash(id);
    this.start(id);
  }

  #reportLink(id: MemberId, peer: MemberId): void {
    const up = this.member(peer).up && !this.network.isCut(id, peer);
    this.feed(id, { type: up ? "linkUp" : "linkLost", peer });
  }

  /** SIGSTOP: inputs wait. */
  pause(id: MemberId): void {
    this.member(id).paused = true;
  }

  resume(id: MemberId): void {
    const member = this.member(id);
    member.paused = false;
    const inputs = member.waiting;
    member.waiting = [];
    for (const input of inputs) this.feed(id, input);
  }

  feed(id: MemberId, input: Input): void {
    this.member(id).feed(input, this.time, this.#events);
  }

  // Links

  /** A message that `from` has not sent. */
  forge(from: MemberId, to: MemberId, bytes: Uint8Array): void {
    this.properties.forged(bytes);
    this.feed(to, { type: "message", from, bytes });
  }

  /** Cuts both ways between two members. */
  cutBetween(a: MemberId, b: MemberId): void {
    this.network.cutBetween(a, b);
  }

  /** Cuts a member off from all others. */
  isolate(id: MemberId): void {
    for (const other of this.members.keys()) if (other !== id) this.cutBetween(id, other);
  }

  heal(): void {
    this.network.cut.clear();
  }

  // A client's wishes

  propose(id: MemberId, data: Uint8Array): number {
    const call = this.#nextId++;
    this.feed(id, { type: "propose", id: call, epoch: this.engine(id).status.epoch, data });
    return call;
  }

  read(id: MemberId): number {
    const call = this.#nextId++;
    this.feed(id, { type: "read", id: call });
    return call;
  }

  reconfigure(
    id: MemberId,
    change: Extract<Input, { type: "reconfigure" }>["change"],
    context: Uint8Array = new Uint8Array(0),
  ): number {
    const call = this.#nextId++;
    this.feed(id, { type: "reconfigure", id: call, change, context });
    return call;
  }

  transfer(id: MemberId, to: MemberId): number {
    const call = this.#nextId++;
    this.feed(id, { type: "transfer", id: call, to });
    return call;
  }

  // Looking

  /** What all members take for enough. */
  get quorums(): Pick<EngineOptions, "flexibleQuorum"> {
    return { flexibleQuorum: this.#options.engine?.flexibleQuorum ?? null };
  }

  /** The running leader of the highest epoch, or 0n. */
  get leader(): MemberId {
    let best: MemberId = 0n;
    let epoch = -1;
    for (const member of this.members.values()) {
      const status = member.engine?.status;
      if (status?.role === "leader" && status.epoch > epoch) {
        best = member.id;
        epoch = status.epoch;
      }
    }
    return best;
  }

  /** Waits for a leader that has committed an entry of its epoch. */
  elect(withinMs = 10_000): MemberId {
    const settled = (): boolean => this.leader !== 0n && this.engine(this.leader).status.settled;
    this.runUntil(settled, withinMs, "an elected, settled leader");
    return this.leader;
  }

  /** Whether all given members have applied everything that was committed anywhere. */
  agree(ids: Iterable<MemberId>): boolean {
    for (const id of ids) if (this.member(id).applied < this.committed) return false;
    return true;
  }

  /** Whether a proposal came out as committed. */
  isCommitted(call: number): boolean {
    const position = this.proposals.get(call);
    if (position === undefined || position === null) return false;
    return this.properties.committed.epochAt(position.index) === position.epoch;
  }

  /** The last index that anybody committed. */
  get committed(): number {
    return this.properties.committed.last;
  }

  describe(): string {
    return describeCluster(this);
  }

  // Carrying effects out

  readonly #events = {
    send: (member: SimMember, message: Outbound): void => this.#send(member, message),
    effects: (member: SimMember, effects: Effects): void => this.#carryOut(member, effects),
  };

  #send(member: SimMember, message: Outbound): void {
    const { to } = message;
    this.properties.sent(member.id, message);
    if (!this.members.has(to)) return;
    const bytes = joined(message.pieces);
    this.network.send(member.id, to, this.#kind.peek.message(bytes), bytes, () => {
      this.feed(to, { type: "message", from: member.id, bytes });
    });
  }

  #carryOut(member: SimMember, effects: Effects): void {
    const { id, life } = member;
    if (effects.write !== null && Number.isFinite(member.diskDelayMs)) this.finishWrites(id, member.diskDelayMs);
    if (effects.wakeAt !== null) {
      const delay = Math.max(0, (effects.wakeAt - member.clock(this.time)) / member.rate);
      this.after(delay + 1e-6, () => member.life === life && this.feed(id, { type: "tick" }));
    }
    if (effects.installSnapshot !== null) {
      member.install(effects.installSnapshot);
      this.properties.applied(id, member.applied, member.hash);
    }
    for (const entry of effects.committed) this.#apply(member, entry);
    for (const { id: call, epoch, index } of effects.accepted) this.proposals.set(call, { epoch, index });
    for (const { id: call, reason } of effects.refused) {
      this.proposals.set(call, null);
      this.refusals.push({ member: id, id: call, reason });
    }
    for (const { id: call, index } of effects.reads) this.readsDone.push({ member: id, id: call, index });
    for (const notice of effects.notices) this.notices.push({ time: this.time, member: id, notice });
    if (this.notices.length > 2000) this.notices.splice(0, 1000);
    for (const { to, index } of effects.sendSnapshot) this.#sendSnapshot(member, to, index);
    const applied = member.applied;
    if (effects.committed.length > 0) {
      this.after(0.1, () => {
        if (member.life === life) this.feed(id, { type: "applied", index: Math.min(applied, member.applied) });
      });
      this.#snapshotIfDue(member);
    }
  }

  /** Completes, after a while, all writes that are under way now. */
  finishWrites(id: MemberId, delayMs: number): void {
    const member = this.member(id);
    const { life } = member;
    const number = member.disk.underway.at(-1)?.number;
    if (number === undefined) return;
    this.after(delayMs, () => {
      // A later, quicker write must not overtake: completing it completes this one, too.
      if (member.life === life && member.up && member.disk.underway[0] !== undefined) {
        if (member.disk.underway[0].number <= number) this.feed(id, { type: "durable", write: number });
      }
    });
  }

  #apply(member: SimMember, entry: Entry): void {
    const { index, epoch, kind, data } = entry;
    // The state is a hash over all entries.
    const hash = (Math.imul(member.hash, 0x01000193) ^ fingerprint(entry)) >>> 0;
    member.noteApplied(index, epoch, kind, data, hash);
    this.properties.applied(member.id, index, hash);
  }

  #snapshotIfDue(member: SimMember): void {
    const every = this.#options.snapshotEvery ?? 0;
    const last = member.disk.snapshot?.meta.index ?? 0;
    if (every === 0 || member.applied < last + every) return;
    const meta = member.snapshotMeta;
    const { hash, life, id } = member;
    this.after(3, () => {
      if (member.life !== life || !member.up || member.paused) return;
      if (meta.index <= (member.disk.snapshot?.meta.index ?? 0)) return;
      member.disk.publish({ meta, hash });
      this.feed(id, {
        type: "compact",
        snapshot: meta,
        upTo: Math.max(0, meta.index - (this.#options.keepEntries ?? 0)),
      });
      member.disk.release(meta.index);
    });
  }

  #sendSnapshot(member: SimMember, to: MemberId, index: number): void {
    const { id, life } = member;
    const file = member.disk.snapshot;
    const report = (ok: boolean): void => {
      if (member.life === life) this.feed(id, { type: "snapshotSent", to, index, ok });
    };
    if (file === null || file.meta.index < index) {
      this.after(1, () => report(false));
      return;
    }
    this.after(this.random.between(5, 50), () => {
      const target = this.member(to);
      const lost =
        !target.up || target.paused || this.network.isCut(id, to) || this.random.chance(this.network.lossRate);
      if (!lost) {
        target.disk.publish(file);
        target.received.set(file.meta.index, file.hash);
        this.feed(to, { type: "snapshotReceived", from: id, snapshot: file.meta });
      }
      report(!lost);
    });
  }
}

/** One array out of pieces. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
