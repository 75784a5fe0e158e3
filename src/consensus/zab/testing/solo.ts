/** One Zab engine alone, its peers played by the test: every message and write is looked at by hand. */
import type { MemberId } from "../../../environment.ts";
import {
  type Effects,
  type EngineOptions,
  type EngineStart,
  type Entry,
  EntryKind,
  type Input,
  type Position,
} from "../../engine.ts";
import { createMembership, encodeMembershipEntry, type Membership } from "../../membership.ts";
import { defaultEngine, joined } from "../../testing/cluster.ts";
import { encodeHardState, type HardState, noHardState } from "../hard-state.ts";
import type { History } from "../history.ts";
import { decodeMessage, type Envelope, encodeMessage, type Message, type Propose } from "../messages.ts";
import { defaultLimits, type ZabLimits } from "../state.ts";
import { Zab } from "../zab.ts";

export interface Sent {
  readonly to: MemberId;
  readonly after: number;
  readonly envelope: Envelope;
  readonly message: Message;
}

export interface SoloEffects extends Effects {
  readonly sent: readonly Sent[];
}

export interface SoloSetup {
  readonly voters?: readonly MemberId[];
  readonly learners?: readonly MemberId[];
  readonly options?: Partial<EngineOptions>;
  readonly limits?: ZabLimits;
  readonly state?: Partial<HardState>;
  /** Epochs of the entries behind the first one. */
  readonly epochs?: readonly number[];
  readonly start?: Partial<EngineStart>;
}

/** An entry as peers would send it. */
export function command(epoch: number, index: number, text = `${epoch}/${index}`): Entry {
  return { epoch, index, kind: EntryKind.command, data: new TextEncoder().encode(text) };
}

export function membershipEntry(epoch: number, index: number, membership: Membership): Entry {
  const data = encodeMembershipEntry({ membership, context: new Uint8Array(0) });
  return { epoch, index, kind: EntryKind.membership, data };
}

/** A log by the epochs of its entries, the first of which names the voters. */
export function logOf(epochs: readonly number[], voters: readonly MemberId[] = [1n, 2n, 3n]): Entry[] {
  return epochs.map((epoch, i) =>
    i === 0 ? membershipEntry(epoch, 1, createMembership(voters)) : command(epoch, i + 1),
  );
}

/** Member 1 with peers; knows who is a voter from entry 1. */
export class Solo {
  readonly engine: Zab;
  now = 1000;
  #write = 0;
  #disk: Entry[];
  /** The newest state on the disk, or on its way there. */
  state: Uint8Array;
  /** Of the newest message with one, by peer: as that peer would echo it. */
  readonly sessions: Map<MemberId, number> = new Map();
  /** The incarnation that this member knows itself by, from what it sends. */
  incarnation = 0;

  constructor(setup: SoloSetup = {}) {
    const { voters = [1n, 2n, 3n], learners = [], epochs = [] } = setup;
    const entries = voters.length === 0 ? [] : [membershipEntry(1, 1, createMembership(voters, learners))];
    for (const epoch of epochs) entries.push(command(epoch, entries.length + 1));
    const last = entries.at(-1)?.epoch ?? 0;
    const known = { acceptedEpoch: last, currentEpoch: last, commit: Math.min(1, entries.length) };
    this.state = encodeHardState({ ...noHardState, ...known, ...setup.state });
    const options = { ...defaultEngine, id: 1n, seed: 1, ...setup.options };
    const start = { state: this.state, snapshot: null, entries, untrusted: false, ...setup.start };
    this.#disk = [...start.entries];
    this.engine = new Zab(options, start, this.now, setup.limits ?? defaultLimits);
  }

  /** The log with all that was written. */
  get disk(): readonly Entry[] {
    return this.#disk;
  }

  /** Feeds an input and takes the effects. */
  step(input: Input): SoloEffects {
    this.engine.step(input, this.now);
    return this.take();
  }

  take(): SoloEffects {
    const effects = this.engine.effects();
    const { write } = effects;
    if (write !== null) {
      this.#write = write.number;
      if (write.truncateFrom !== null) this.#disk = this.#disk.filter(({ index }) => index < (write.truncateFrom ?? 0));
      this.#disk.push(...write.entries);
      this.state = write.state ?? this.state;
    }
    const sent = effects.messages.map(({ to, after, pieces }) => ({ to, after, ...decodeMessage(joined(pieces)) }));
    for (const { to, message, envelope } of sent) {
      this.incarnation = envelope.incarnation;
      if ("session" in message) this.sessions.set(to, message.session);
    }
    return { ...effects, sent };
  }

  receive(from: MemberId, message: Message, envelope: Partial<Envelope> = {}): SoloEffects {
    const { epoch } = this.engine.status;
    const whole = { epoch, incarnation: 7, priority: 0, untrusted: false, stalled: false, leads: false, ...envelope };
    return this.step({ type: "message", from, bytes: joined(encodeMessage(whole, message)) });
  }

  /** Everything written so far is on disk. */
  sync(): SoloEffects {
    return this.step({ type: "durable", write: this.#write });
  }

  tick(ms: number): SoloEffects {
    this.now += ms;
    return this.step({ type: "tick" });
  }

  /** Lets time pass in small ticks until the member looks for a leader. */
  look(): SoloEffects {
    for (let i = 0; i < 200; i++) {
      const effects = this.tick(25);
      if (this.engine.status.role !== "follower") return effects;
    }
    throw new Error("it does not look for a leader");
  }

  /** A peer looks, too, and votes. */
  vote(from: MemberId, leader: MemberId, history: History, round = 1, envelope: Partial<Envelope> = {}): SoloEffects {
    const message = { type: "notification", round, vote: { leader, history, priority: 0 }, settled: false } as const;
    return this.receive(from, message, { epoch: history.epoch, ...envelope });
  }

  /** This member's history, as its votes say. */
  get history(): History {
    const { lastIndex, epoch } = this.engine.status;
    return { epoch: this.#adopted ?? epoch, last: { index: lastIndex, epoch: this.epochAt(lastIndex) } };
  }

  #adopted: number | null = null;

  epochAt(index: number): number {
    return this.engine.entryAt(index)?.epoch ?? 0;
  }

  /** Looks, and a peer votes for it: it prepares the next epoch, and its own acceptance is on disk. */
  prepare(yes: readonly MemberId[] = [2n]): SoloEffects {
    const { history } = this;
    if (this.engine.status.role === "follower") this.look();
    let effects: SoloEffects | null = null;
    for (const id of yes) if (this.engine.status.role === "preCandidate") effects = this.vote(id, 1n, history);
    if (this.engine.status.role !== "candidate") throw new Error(`${this.engine.status.role} after all votes`);
    this.#adopted = history.epoch;
    const synced = this.sync();
    return effects === null ? synced : { ...synced, sent: [...effects.sent, ...synced.sent] };
  }

  /** A peer accepts the epoch that is prepared, or asks to be let in. */
  accept(from: MemberId, history: History, rest: { counts?: boolean; incarnation?: number } = {}): SoloEffects {
    const { counts = true, incarnation = 7 } = rest;
    return this.receive(from, { type: "ackEpoch", session: this.session(from), history, counts }, { incarnation });
  }

  /** Has a quorum that has accepted and adopted the epoch: the effects of the moment it leads. */
  lead(yes: readonly MemberId[] = [2n]): SoloEffects {
    const before = this.history;
    this.prepare(yes);
    for (const id of yes) this.accept(id, before);
    this.#adopted = null;
    this.sync();
    let effects = this.take();
    for (const id of yes) if (this.engine.status.role !== "leader") effects = this.ack(id, before.last.index);
    if (this.engine.status.role !== "leader") throw new Error(`${this.engine.status.role} after all acknowledgements`);
    return effects;
  }

  /** Leads and has committed the first entry of its epoch. */
  settle(yes: readonly MemberId[] = [2n]): SoloEffects {
    this.lead(yes);
    const { lastIndex } = this.engine.status;
    let effects = this.sync();
    for (const id of yes) effects = this.ack(id, lastIndex);
    return effects;
  }

  session(peer: MemberId): number {
    return this.sessions.get(peer) ?? 1;
  }

  /** A peer acknowledges everything up to `index`. */
  ack(from: MemberId, index: number, rest: { adopted?: boolean; incarnation?: number } = {}): SoloEffects {
    const { adopted = true, incarnation = 7 } = rest;
    const position = { index, epoch: 0 };
    return this.receive(
      from,
      { type: "ack", session: this.session(from), ok: true, adopted, position },
      { incarnation },
    );
  }

  /** A peer misses something of its session. */
  missing(from: MemberId, position: Position): SoloEffects {
    return this.receive(from, { type: "ack", session: this.session(from), ok: false, adopted: false, position });
  }

  propose(text = "x"): SoloEffects {
    const { epoch } = this.engine.status;
    return this.step({ type: "propose", id: 1, epoch, data: new TextEncoder().encode(text) });
  }

  // As a follower.

  /** Somebody prepares an epoch, or leads it, and asks this member in. */
  invite(
    from: MemberId,
    epoch: number,
    rest: { leads?: boolean; session?: number; transfer?: boolean } = {},
  ): SoloEffects {
    const { leads = false, session = 1, transfer = false } = rest;
    return this.receive(from, { type: "leaderInfo", session, transfer }, { epoch, leads });
  }

  /** The next message of a host's session. */
  stream(from: MemberId, epoch: number, rest: Partial<Propose> & { readonly leads?: boolean }): SoloEffects {
    const { leads = false, ...message } = rest;
    const { toIncarnation = this.incarnation } = rest;
    const base = { session: 1, counter: 0, prevIndex: 0, prevEpoch: 0, commit: 0, newLeader: false, entries: [] };
    return this.receive(from, { ...base, ...message, type: "propose", toIncarnation }, { epoch, leads });
  }
}

/** The messages of one type among those sent, typed. */
export function ofType<T extends Message["type"]>(
  sent: readonly Sent[],
  type: T,
): (Sent & { readonly message: Extract<Message, { type: T }> })[] {
  return sent.filter(
    (each): each is Sent & { readonly message: Extract<Message, { type: T }> } => each.message.type === type,
  );
}
