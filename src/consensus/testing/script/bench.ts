/**
 * A cluster of engines under hand control, for scenarios: nothing happens unless a script says so.
 *
 * Time stands still while messages arrive and disks work: after each command everything that is not held, cut or lost
 * goes its way, in the order it was begun, until all is quiet (`settle`). Time passes only in `wait` and `timeOut`. The
 * safety properties look on at every step.
 */
import type { MemberId } from "../../../environment.ts";
import { InvariantViolation } from "../../../errors.ts";
import type { Effects, Engine, EngineOptions, Entry, Input, Outbound } from "../../engine.ts";
import type { EngineKind } from "../../engines.ts";
import { createMembership, describeMembership } from "../../membership.ts";
import type { DiskTruth } from "../../properties/commit-rule.ts";
import { fingerprint } from "../../properties/fingerprint.ts";
import { Properties } from "../../properties/properties.ts";
import { watched } from "../../watched-engine.ts";
import { joined } from "../cluster.ts";
import { defaultEngine } from "../cluster-options.ts";
import { SimMember } from "../sim-member.ts";
import { Clients } from "./clients.ts";
import { type Fate, Network, type Packet } from "./network.ts";
import { ScriptError } from "./scenario-file.ts";
import { Transcript, wordEffects, wordStatus } from "./transcript.ts";
import type { Wording } from "./wording.ts";

export interface BenchSetup {
  readonly voters: readonly MemberId[];
  readonly learners: readonly MemberId[];
  /** Started with nothing, to be added later. */
  readonly joiners: readonly MemberId[];
  readonly engine: Partial<EngineOptions>;
  /** The safety properties look on. */
  readonly watched: boolean;
}

/** Members get a tick this often, in ms of true time. */
export const tickMs = 25;
/** More events without time passing than any script needs: somebody answers somebody for ever. */
const maxEvents = 20_000;
/** Longer than any election timeout of a script. */
const maxPatienceMs = 60_000;

export class Bench {
  readonly members: Map<MemberId, SimMember> = new Map();
  readonly network: Network = new Network();
  readonly clients: Clients = new Clients();
  readonly transcript: Transcript = new Transcript();
  readonly wording: Wording;
  readonly #properties: Properties | null;
  time = 0;
  readonly #setup: BenchSetup;
  readonly #kind: EngineKind;
  #work: (() => void)[] = [];
  #wakes: { readonly at: number; readonly id: MemberId; readonly life: number }[] = [];
  /** Messages that leave with the drain under way, in words. */
  #leaving: string[] = [];
  /** Given out as committed, not applied yet. */
  readonly #unapplied = new Map<MemberId, Entry[]>();
  readonly #applyingHeld = new Set<MemberId>();
  /** The member did something with its last input. */
  #acted = false;

  constructor(wording: Wording, setup: BenchSetup) {
    this.wording = wording;
    this.#setup = setup;
    this.#properties = setup.watched ? new Properties(wording.kind) : null;
    this.#kind = this.#properties === null ? wording.kind : watched(wording.kind, this.#properties);
    this.#lookAtDisks(true);
    const first = this.#kind.genesis(createMembership(setup.voters, setup.learners), new Uint8Array(0));
    for (const id of [...setup.voters, ...setup.learners, ...setup.joiners]) {
      const member = new SimMember(id);
      if (!setup.joiners.includes(id)) {
        member.disk.state = first.state;
        member.disk.entries = [...first.entries];
      }
      this.members.set(id, member);
      this.#unapplied.set(id, []);
    }
    for (const id of this.members.keys()) this.start(id);
  }

  member(id: MemberId): SimMember {
    const member = this.members.get(id);
    if (member === undefined)
      throw new ScriptError(`there is no member ${id}, only ${[...this.members.keys()].join(", ")}`);
    return member;
  }

  /** The engine of a running member. */
  engine(id: MemberId): Engine {
    const { engine } = this.member(id);
    if (engine === null) throw new ScriptError(`member ${id} is not running`);
    return engine;
  }

  /** How each member stands, and who takes part in its view; in words. */
  standing(): Map<MemberId, { readonly words: string; readonly members: string }> {
    const standing = new Map<MemberId, { words: string; members: string }>();
    for (const [id, { engine }] of this.members) {
      const words = engine === null ? "down" : wordStatus(engine.status);
      const members = engine === null ? "" : describeMembership(engine.status.membership);
      standing.set(id, { words, members });
    }
    return standing;
  }

  // Time and events

  /** Lets everything happen that needs no time. */
  settle(): void {
    for (let events = 0; this.#work.length > 0; events++) {
      if (events > maxEvents) throw new ScriptError(`${maxEvents} events, and they do not come to rest`);
      (this.#work.shift() as () => void)();
    }
  }

  wait(ms: number): void {
    const end = this.time + ms;
    while (this.time < end) {
      const tick = (Math.floor(this.time / tickMs) + 1) * tickMs;
      const wake = Math.min(...this.#wakes.map(({ at }) => at));
      this.time = Math.min(end, tick, Math.max(wake, this.time));
      for (const { id, life } of this.#dueWakes()) {
        if (this.member(id).life === life) this.#tick(id);
      }
      if (this.time === tick) for (const id of this.members.keys()) this.#tick(id);
    }
  }

  #dueWakes(): { readonly id: MemberId; readonly life: number }[] {
    const due = this.#wakes.filter(({ at }) => at <= this.time);
    if (due.length > 0) this.#wakes = this.#wakes.filter(({ at }) => at > this.time);
    return due;
  }

  #tick(id: MemberId): void {
    this.feed(id, { type: "tick" });
    this.settle();
  }

  /** Time passes, and only this member's process gets to notice, until it does something about it. */
  timeOut(id: MemberId): void {
    this.engine(id);
    const end = this.time + maxPatienceMs;
    this.#acted = false;
    while (!this.#acted) {
      this.time += tickMs;
      if (this.time > end) throw new ScriptError(`member ${id} does nothing for ${maxPatienceMs} ms`);
      this.feed(id, { type: "tick" });
    }
    this.settle();
  }

  feed(id: MemberId, input: Input): void {
    const member = this.member(id);
    try {
      member.feed(input, this.time, this.#events);
    } catch (error) {
      this.#halt(member, error);
    }
  }

  /** A member that finds its own state impossible stops; any other error is one of the test. */
  #halt(member: SimMember, error: unknown): void {
    if (!(error instanceof InvariantViolation)) throw error;
    this.transcript.say(`${member.id} stops: ${error.message}`);
    member.stop(0);
  }

  // Members

  start(id: MemberId): void {
    const member = this.member(id);
    if (member.up) throw new ScriptError(`member ${id} is running`);
    const options = {
      ...defaultEngine,
      ...this.#setup.engine,
      id,
      seed: Number(id) * 1000 + member.life,
    };
    this.#unapplied.set(id, []);
    member.start(this.#kind.create, options, this.time);
    member.drain(this.#events);
  }

  /** The process ends; the first `keeping` of the writes under way made it to the disk. */
  crash(id: MemberId, keeping = 0): void {
    const member = this.member(id);
    this.engine(id);
    const { underway } = member.disk;
    if (keeping > underway.length)
      throw new ScriptError(`member ${id} has ${underway.length} writes under way, not ${keeping}`);
    member.stop(keeping);
    this.clients.forget(id);
  }

  /** SIGSTOP: inputs wait. */
  pause(id: MemberId): void {
    this.member(id).paused = true;
  }

  /** SIGCONT: what waited comes in. */
  resume(id: MemberId): void {
    const member = this.member(id);
    member.paused = false;
    const inputs = member.waiting;
    member.waiting = [];
    for (const input of inputs) this.feed(id, input);
  }

  /** The member's clock goes on from where it is, at this rate of true time. */
  setClockRate(id: MemberId, rate: number): void {
    const member = this.member(id);
    member.offset = member.clock(this.time) - this.time * rate;
    member.rate = rate;
  }

  /** Completes writes under way, all or the first `count`. */
  sync(id: MemberId, count: number = Number.POSITIVE_INFINITY): void {
    const { underway } = this.member(id).disk;
    if (count !== Number.POSITIVE_INFINITY && count > underway.length)
      throw new ScriptError(`member ${id} has ${underway.length} writes under way, not ${count}`);
    const last = underway[Math.min(count, underway.length) - 1];
    if (last !== undefined) this.feed(id, { type: "durable", write: last.number });
  }

  holdApplying(id: MemberId): void {
    this.#applyingHeld.add(id);
  }

  releaseApplying(id: MemberId): void {
    this.#applyingHeld.delete(id);
    this.#apply(this.member(id));
  }

  /** The owner takes a snapshot of what is applied; the engine may forget all but the last `keep` entries of it. */
  takeSnapshot(id: MemberId, keep: number): void {
    const member = this.member(id);
    const meta = member.snapshotMeta;
    member.disk.publish({ meta, hash: member.hash });
    this.transcript.say(`${id} takes snapshot ${meta.epoch}/${meta.index}`);
    this.feed(id, { type: "compact", snapshot: meta, upTo: Math.max(0, meta.index - keep) });
    member.disk.release(meta.index);
  }

  /** A fault takes what was durable from the disk of a member that is down. */
  spoil(id: MemberId, harm: (disk: SimMember["disk"]) => void): void {
    const member = this.member(id);
    if (member.up) throw new ScriptError(`member ${id} is running: crash it first`);
    harm(member.disk);
    this.#properties?.lost(id);
    this.#lookAtDisks(false);
  }

  /** Whether the commit rule asks the disks, which must not lose anything then. */
  #lookAtDisks(look: boolean): void {
    if (this.#properties === null) return;
    const holds: DiskTruth = (id, { index, epoch }) => this.members.get(id)?.disk.holds(index, epoch) === true;
    this.#properties.diskTruth = look ? holds : null;
  }

  /** Brings a packet to its receiver. */
  deliver(packet: Packet): void {
    this.#work.push(packet.arrive);
  }

  // Carrying effects out

  readonly #events = {
    send: (member: SimMember, message: Outbound): void => this.#send(member, message),
    effects: (member: SimMember, effects: Effects): void => this.#carryOut(member, effects),
  };

  #send(member: SimMember, message: Outbound): void {
    const { to } = message;
    const from = member.id;
    this.#properties?.sent(from, message);
    const bytes = joined(message.pieces);
    const { type, words, routine } = this.wording.message(bytes);
    const arrive = (): void => this.feed(to, { type: "message", from, bytes });
    const fate = this.#offer({ from, to, type, words, arrive, lose: () => undefined });
    this.#acted = true;
    if (routine && fate !== "held" && this.transcript.detail === "news") return;
    this.#leaving.push(`${from} -> ${to} ${words}${fate === "sent" ? "" : ` (${fate})`}`);
  }

  #offer(packet: Packet): Fate {
    const fate = this.members.get(packet.to)?.up === true ? this.network.offer(packet) : "lost";
    if (fate === "sent") this.#work.push(packet.arrive);
    else if (fate === "lost") packet.lose();
    return fate;
  }

  #carryOut(member: SimMember, effects: Effects): void {
    const { id, life } = member;
    const { clients, transcript } = this;
    for (const { id: call, epoch, index } of effects.accepted) clients.byId(call).position = { epoch, index };
    for (const { id: call, reason } of effects.refused) clients.byId(call).refused = reason;
    for (const { id: call, index } of effects.reads) clients.byId(call).readIndex = index;
    const leaving = this.#leaving;
    this.#leaving = [];
    for (const line of wordEffects(id, effects, leaving, clients, this.wording)) transcript.say(line);
    if (effects.write !== null) {
      const { number } = effects.write;
      this.#acted = true;
      if (Number.isFinite(member.diskDelayMs)) {
        this.#work.push(() => member.life === life && this.feed(id, { type: "durable", write: number }));
      }
    }
    if (effects.wakeAt !== null) {
      const at = this.time + Math.max(0, (effects.wakeAt - member.clock(this.time)) / member.rate) + 1e-6;
      this.#wakes.push({ at, id, life });
    }
    if (effects.installSnapshot !== null) {
      this.#unapplied.set(id, []);
      member.install(effects.installSnapshot);
      this.#properties?.applied(id, member.applied, member.hash);
    }
    for (const entry of effects.committed) {
      clients.noteCommitted(entry);
      this.#unapplied.get(id)?.push(entry);
    }
    for (const { to, index } of effects.sendSnapshot) this.#sendSnapshot(member, to, index);
    this.#apply(member);
  }

  /** The owner's part: applies what was given out, then answers the reads that waited for it. */
  #apply(member: SimMember): void {
    const { id, life } = member;
    if (!this.#applyingHeld.has(id)) {
      const entries = this.#unapplied.get(id)?.splice(0) ?? [];
      for (const entry of entries) {
        const { index, epoch, kind, data } = entry;
        const hash = (Math.imul(member.hash, 0x01000193) ^ fingerprint(entry)) >>> 0;
        member.noteApplied(index, epoch, kind, data, hash);
        this.#properties?.applied(id, index, hash);
      }
      const { applied } = member;
      if (entries.length > 0) {
        this.#work.push(() => member.life === life && this.feed(id, { type: "applied", index: applied }));
      }
    }
    for (const call of this.clients.readable(id)) {
      if ((call.readIndex ?? 0) > member.applied) continue;
      call.answer = this.clients.valueAt(member.applied);
      this.transcript.say(`${id} answers ${call.name}: ${call.answer}`);
    }
  }

  #sendSnapshot(member: SimMember, to: MemberId, index: number): void {
    const { id: from, life } = member;
    const file = member.disk.snapshot;
    const report = (ok: boolean): void => {
      if (member.life === life) this.feed(from, { type: "snapshotSent", to, index, ok });
    };
    const lose = (): void => {
      this.#work.push(() => report(false));
    };
    if (file === null || file.meta.index < index) return lose();
    const arrive = (): void => {
      const target = this.member(to);
      if (!target.up) return report(false);
      target.disk.publish(file);
      target.received.set(file.meta.index, file.hash);
      this.feed(to, { type: "snapshotReceived", from, snapshot: file.meta });
      report(true);
    };
    const words = `snapshot ${file.meta.epoch}/${file.meta.index}`;
    const fate = this.#offer({ from, to, type: "snapshot", words, arrive, lose });
    this.transcript.say(`${from} -> ${to} ${words}${fate === "sent" ? "" : ` (${fate})`}`);
  }
}
