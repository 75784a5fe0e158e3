/**
 * A whole cluster in virtual time: engines on a simulated network, with simulated disks and clocks, and the checkers
 * looking on after every step. Same seed, same run.
 *
 * Time is in milliseconds. Nothing happens between events, so a run of minutes takes milliseconds.
 */
import type { MemberId } from "../../environment.ts";
import type { Effects, EngineFactory, EngineOptions, Genesis, Input, Notice, Outbound } from "../engine.ts";
import { createMembership } from "../membership.ts";
import { SeededRandom } from "../random.ts";
import { Checkers } from "./checkers.ts";
import { EventQueue } from "./event-queue.ts";
import { SimMember } from "./sim-member.ts";

/** What the cluster needs to know of a protocol. */
export interface Protocol {
  readonly create: EngineFactory;
  readonly genesis: (membership: ReturnType<typeof createMembership>, context: Uint8Array) => Genesis;
  /** What a message says, for vote checks, filters and transcripts; null: nothing of interest. */
  readonly peek: (bytes: Uint8Array) => PeekedMessage | null;
}

export interface PeekedMessage {
  readonly type: string;
  readonly epoch: number;
  /** A vote given with this message, to its receiver or (a candidate's own) to its sender. */
  readonly vote: "receiver" | "sender" | null;
  /** Index of the last entry in it; 0: none. */
  readonly lastEntry: number;
}

export interface NetworkFaults {
  lossRate: number;
  duplicateRate: number;
  /** Delay of a message, drawn evenly between these; overlapping draws reorder. */
  minDelayMs: number;
  maxDelayMs: number;
}

export interface ClusterOptions {
  readonly seed: number;
  readonly voters: readonly MemberId[];
  readonly learners?: readonly MemberId[];
  /** Started with nothing, to be added later. */
  readonly joiners?: readonly MemberId[];
  readonly engine?: Partial<EngineOptions>;
  readonly perMember?: (id: MemberId) => Partial<EngineOptions>;
  readonly tickMs?: number;
  /** Take a snapshot after so many applied entries, keeping `keepEntries` in memory; 0: never. */
  readonly snapshotEvery?: number;
  readonly keepEntries?: number;
  /** Check that commits are on a quorum's disks; off where disks lose data that they had. */
  readonly checkDurable?: boolean;
  /** Broken links are noticed and reported. */
  readonly reportLinks?: boolean;
}

export const defaultEngine: Omit<EngineOptions, "id" | "seed"> = {
  electionTimeoutMs: 1000,
  heartbeatIntervalMs: 100,
  leaseReads: false,
  clockDriftMs: 100,
  diskStallMs: 2000,
  maxMessageBytes: 1024,
  maxInflightMessages: 8,
  maxInflightBytes: 4096,
  maxUncommittedBytes: 65536,
  priority: 0,
};

interface PendingRead {
  readonly member: MemberId;
  readonly life: number;
  readonly committedBefore: number;
}

export class Cluster {
  readonly random: SeededRandom;
  readonly checkers: Checkers = new Checkers();
  readonly members: Map<MemberId, SimMember> = new Map();
  readonly network: NetworkFaults = { lossRate: 0, duplicateRate: 0, minDelayMs: 1, maxDelayMs: 1 };
  /** Links cut, one way: `from>to`. */
  readonly cut: Set<string> = new Set();
  /** Sees each message before it is sent; false drops it. */
  filter: (from: MemberId, to: MemberId, message: PeekedMessage, bytes: Uint8Array) => boolean = () => true;
  time = 0;
  /** Proposals by id: the position they got; null: refused. */
  readonly proposals: Map<number, { epoch: number; index: number } | null> = new Map();
  readonly refusals: { member: MemberId; id: number; reason: string }[] = [];
  readonly readsDone: { member: MemberId; id: number; index: number }[] = [];
  readonly notices: { time: number; member: MemberId; notice: Notice }[] = [];
  /** Index applied on each member may be held back. */
  readonly #options: ClusterOptions;
  readonly #protocol: Protocol;
  readonly #queue = new EventQueue();
  readonly #reads = new Map<number, PendingRead>();
  #nextId = 1;

  constructor(protocol: Protocol, options: ClusterOptions) {
    this.#protocol = protocol;
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    const membership = createMembership(options.voters, options.learners ?? []);
    const first = protocol.genesis(membership, new Uint8Array(0));
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
      if (this.#queue.nextAt > end) {
        throw new Error(`${what}: not within ${withinMs} ms of virtual time\n${this.describe()}`);
      }
      this.#next();
    }
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
    member.start(this.#protocol.create, options, this.time);
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
    for (const [read, pending] of this.#reads) if (pending.member === id) this.#reads.delete(read);
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
    const up = this.member(peer).up && !this.cut.has(`${id}>${peer}`);
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
    const member = this.member(id);
    member.feed(input, this.time, this.#events);
    if (member.engine !== null) {
      const { role, epoch } = member.engine.status;
      if (role === "leader") this.checkers.leads(id, epoch, member.engine);
    }
  }

  // Links

  /** Cuts both ways between two members. */
  cutBetween(a: MemberId, b: MemberId): void {
    this.cut.add(`${a}>${b}`);
    this.cut.add(`${b}>${a}`);
  }

  /** Cuts a member off from all others. */
  isolate(id: MemberId): void {
    for (const other of this.members.keys()) if (other !== id) this.cutBetween(id, other);
  }

  heal(): void {
    this.cut.clear();
  }

  // A client's wishes

  propose(id: MemberId, data: Uint8Array): number {
    const call = this.#nextId++;
    this.feed(id, { type: "propose", id: call, epoch: this.engine(id).status.epoch, data });
    return call;
  }

  read(id: MemberId): number {
    const call = this.#nextId++;
    const { life } = this.member(id);
    this.#reads.set(call, { member: id, life, committedBefore: this.checkers.lastCommitted });
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
    for (const id of ids) if (this.member(id).applied < this.checkers.lastCommitted) return false;
    return true;
  }

  /** Whether a proposal came out as committed. */
  isCommitted(call: number): boolean {
    const position = this.proposals.get(call);
    if (position === undefined || position === null) return false;
    return this.checkers.committed[position.index - 1]?.epoch === position.epoch;
  }

  describe(): string {
    const lines = [
      `time ${this.time.toFixed(1)}, committed ${this.checkers.lastCommitted}, cut ${[...this.cut].join(" ")}`,
    ];
    for (const member of this.members.values()) {
      const s = member.engine?.status;
      if (s === undefined) {
        lines.push(`${member.id}: down`);
        continue;
      }
      const peers = [...s.peers].map(([id, p]) => `${id}:${p.state[0]}${p.match}/${p.next}`).join(" ");
      lines.push(
        `${member.id}: ${s.role} epoch ${s.epoch} leader ${s.leader} commit ${s.commit} log ${s.firstIndex}..${s.lastIndex} durable ${s.durableIndex} ` +
          `voters ${s.membership.voters.join(",")}${s.membership.outgoing.length > 0 ? ` out ${s.membership.outgoing.join(",")}` : ""} ` +
          `${s.untrusted ? "untrusted " : ""}${s.diskStalled ? "stalled " : ""}${member.paused ? "paused " : ""}${peers}`,
      );
    }
    for (const { time, member, notice } of this.notices.slice(-15))
      lines.push(`  ${time.toFixed(1)} ${member}: ${notice.message}`);
    return lines.join("\n");
  }

  // Carrying effects out

  readonly #events = {
    send: (member: SimMember, message: Outbound): void => this.#send(member, message),
    effects: (member: SimMember, effects: Effects): void => this.#carryOut(member, effects),
  };

  #send(member: SimMember, message: Outbound): void {
    const { to } = message;
    const bytes = joined(message.pieces);
    const peeked = this.#protocol.peek(bytes);
    if (peeked !== null) {
      if (peeked.vote === "receiver") this.checkers.voted(member.id, peeked.epoch, to);
      if (peeked.vote === "sender") this.checkers.voted(member.id, peeked.epoch, member.id);
      if (!this.filter(member.id, to, peeked, bytes)) return;
    }
    this.deliver(member.id, to, bytes);
  }

  /** Sends bytes through the network with its faults. */
  deliver(from: MemberId, to: MemberId, bytes: Uint8Array): void {
    if (!this.members.has(to)) return;
    const copies = this.random.chance(this.network.duplicateRate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.random.chance(this.network.lossRate)) continue;
      const delay = this.random.between(this.network.minDelayMs, this.network.maxDelayMs);
      this.after(delay, () => {
        if (!this.cut.has(`${from}>${to}`)) this.feed(to, { type: "message", from, bytes });
      });
    }
  }

  #carryOut(member: SimMember, effects: Effects): void {
    const { id, life } = member;
    if (effects.write !== null) {
      for (const [i, entry] of effects.write.entries.entries()) {
        const before = effects.write.entries[i - 1]?.epoch ?? this.#epochBefore(member, entry.index);
        if (before !== null) this.checkers.wrote(entry, before);
      }
      if (Number.isFinite(member.diskDelayMs)) this.finishWrites(id, member.diskDelayMs);
    }
    if (effects.wakeAt !== null) {
      const delay = Math.max(0, (effects.wakeAt - member.clock(this.time)) / member.rate);
      this.after(delay + 1e-6, () => member.life === life && this.feed(id, { type: "tick" }));
    }
    if (effects.installSnapshot !== null) {
      const { index, epoch, membership } = effects.installSnapshot;
      const hash = member.received.get(index) ?? 0;
      this.checkers.installed(id, index, hash);
      Object.assign(member, { applied: index, appliedEpoch: epoch, hash, membership });
    }
    for (const entry of effects.committed) {
      if (entry.index !== member.applied + 1) throw new Error(`${id} gave out ${entry.index} after ${member.applied}`);
      const durable =
        this.#options.checkDurable === false
          ? null
          : {
              membership: member.engine?.status.membership ?? member.membership,
              holds: (voter: MemberId): boolean =>
                this.members.get(voter)?.disk.holds(entry.index, entry.epoch) === true,
            };
      const epoch = member.engine?.status.epoch ?? entry.epoch;
      const hash = this.checkers.gaveOut(id, epoch, entry, entry.index === 1 ? null : durable);
      member.noteApplied(entry.index, entry.epoch, entry.kind, entry.data, hash);
    }
    for (const { id: call, epoch, index } of effects.accepted) this.proposals.set(call, { epoch, index });
    for (const { id: call, reason } of effects.refused) {
      this.proposals.set(call, null);
      this.#reads.delete(call);
      this.refusals.push({ member: id, id: call, reason });
    }
    for (const { id: call, index } of effects.reads) {
      const pending = this.#reads.get(call);
      if (pending === undefined) throw new Error(`${id} answered read ${call}, which nobody waits for`);
      this.#reads.delete(call);
      this.checkers.read(id, index, pending.committedBefore);
      this.readsDone.push({ member: id, id: call, index });
    }
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

  #epochBefore(member: SimMember, index: number): number | null {
    if (index === 1) return 0;
    const before = member.engine?.entryAt(index - 1);
    return before?.epoch ?? null;
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
        !target.up || target.paused || this.cut.has(`${id}>${to}`) || this.random.chance(this.network.lossRate);
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
