/** One Paxos engine alone, its peers played by the test: every message and write is looked at by hand. */
import type { MemberId } from "../../../environment.ts";
import { type Effects, type EngineOptions, type EngineStart, type Entry, EntryKind, type Input } from "../../engine.ts";
import { createMembership, encodeMembershipEntry, type Membership } from "../../membership.ts";
import { defaultEngine, joined } from "../../testing/cluster.ts";
import { decodeMessage, encodeMessage } from "../codec.ts";
import { encodeHardState, type HardState, noHardState } from "../hard-state.ts";
import type { Envelope, Message, ReportedSlot } from "../messages.ts";
import { Paxos } from "../paxos.ts";

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
  readonly state?: Partial<HardState>;
  /** What is in the slots behind the first one: `[epoch, round accepted in]`; null: a hole. */
  readonly slots?: readonly (readonly [number, number] | null)[];
  readonly start?: Partial<EngineStart>;
}

export function command(epoch: number, index: number, text = `${epoch}/${index}`): Entry {
  return { epoch, index, kind: EntryKind.command, data: new TextEncoder().encode(text) };
}

export function noop(epoch: number, index: number): Entry {
  return { epoch, index, kind: EntryKind.noop, data: new Uint8Array(0) };
}

export function change(epoch: number, index: number, membership: Membership): Entry {
  const data = encodeMembershipEntry({ membership, context: new Uint8Array(0) });
  return { epoch, index, kind: EntryKind.membership, data };
}

/** What a disk holds of these slots, from slot 2 on: the entries, and the rounds they were accepted in. */
export function storedSlots(slots: readonly (readonly [number, number] | null)[]): {
  entries: Entry[];
  runs: HardState["runs"];
} {
  const entries: Entry[] = [];
  const runs: { from: number; round: number }[] = [];
  let epoch = 1;
  slots.forEach((slot, at) => {
    const index = at + 2;
    const round = slot?.[1] ?? 0;
    epoch = slot?.[0] ?? epoch;
    if (runs.at(-1)?.round !== round) runs.push({ from: index, round });
    entries.push(
      slot === null ? { epoch, index, kind: EntryKind.hole, data: new Uint8Array(0) } : command(epoch, index),
    );
  });
  return { entries, runs };
}

/** Member 1 with peers; knows who votes from slot 1, unless it joins with nothing (`voters: []`). */
export class Solo {
  readonly engine: Paxos;
  now = 1000;
  #write = 0;

  constructor(setup: SoloSetup = {}) {
    const { voters = [1n, 2n, 3n], learners = [], slots = [] } = setup;
    const first = voters.length > 0 ? [change(1, 1, createMembership(voters, learners))] : [];
    const { entries, runs } = storedSlots(slots);
    const round = Math.max(first.length, ...slots.map((slot) => slot?.[1] ?? 0));
    const state = encodeHardState({ ...noHardState, phase2: 0, round, decided: first.length, runs, ...setup.state });
    const options = { ...defaultEngine, id: 1n, seed: 1, ...setup.options };
    const start = { state, snapshot: null, entries: [...first, ...entries], untrusted: false, ...setup.start };
    this.engine = new Paxos(options, start, this.now);
  }

  /** Feeds an input and takes the effects. */
  step(input: Input): SoloEffects {
    this.engine.step(input, this.now);
    return this.take();
  }

  take(): SoloEffects {
    const effects = this.engine.effects();
    if (effects.write !== null) this.#write = effects.write.number;
    const sent = effects.messages.map(({ to, after, pieces }) => ({ to, after, ...decodeMessage(joined(pieces)) }));
    return { ...effects, sent };
  }

  receive(from: MemberId, message: Message, envelope: Partial<Envelope> = {}): SoloEffects {
    const round = this.engine.status.epoch;
    const phase2 = envelope.phase2 ?? 0;
    const whole = { round, incarnation: 7, priority: 0, untrusted: false, stalled: false, ...envelope, phase2 };
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

  /** Lets time pass in small ticks until the member surveys or prepares. */
  timeOut(): SoloEffects {
    for (let i = 0; i < 200; i++) {
      const effects = this.tick(25);
      if (this.engine.status.role !== "follower") return effects;
    }
    throw new Error("it does not stand for election");
  }

  /** Times out and is let through by these: the effects in which it prepares. */
  stand(yes: readonly MemberId[] = [2n, 3n], envelope: Partial<Envelope> = {}): SoloEffects {
    let effects = this.timeOut();
    for (const from of yes) {
      if (this.engine.status.role !== "preCandidate") break;
      const asked = this.engine.status.epoch + 1;
      effects = this.receive(from, { type: "surveyResponse", asked, granted: true }, envelope);
    }
    return effects;
  }

  /** A whole promise in one part. */
  promise(
    from: MemberId,
    report: { first?: number; decided?: number; slots?: readonly ReportedSlot[] } = {},
    envelope: Partial<Envelope> = {},
  ): SoloEffects {
    const { slots = [], decided = 1 } = report;
    const first = report.first ?? this.engine.status.commit + 1;
    return this.receive(
      from,
      { type: "promise", first, decided, reply: 1, part: 0, parts: 1, from: first, slots },
      envelope,
    );
  }

  /** Becomes leader with the empty promises of these peers; the effects of the moment it wins. */
  lead(yes: readonly MemberId[] = [2n, 3n], envelope: Partial<Envelope> = {}): SoloEffects {
    this.stand(yes, envelope);
    this.sync();
    const first = this.engine.status.commit + 1;
    for (const from of yes) {
      const effects = this.promise(from, { first }, envelope);
      if (this.engine.status.role === "leader") return effects;
    }
    throw new Error(`${this.engine.status.role} after all promises`);
  }

  /** A peer holds everything up to `held`. */
  accepted(from: MemberId, held: number, envelope: Partial<Envelope> = {}, session = 1): SoloEffects {
    return this.receive(from, { type: "accepted", session, held }, envelope);
  }

  /** Leads and has decided a value of its round. */
  settle(yes: readonly MemberId[] = [2n, 3n], envelope: Partial<Envelope> = {}): SoloEffects {
    this.lead(yes, envelope);
    this.sync();
    let effects = this.take();
    for (const from of yes) effects = this.accepted(from, this.engine.status.lastIndex, envelope);
    return effects;
  }

  propose(text = "x"): SoloEffects {
    const { epoch } = this.engine.status;
    return this.step({ type: "propose", id: 1, epoch, data: new TextEncoder().encode(text) });
  }

  /** Leader `from` of a round sends values. */
  accept(from: MemberId, round: number, entries: readonly Entry[], decided = 0): SoloEffects {
    const first = entries[0]?.index ?? 1;
    return this.receive(from, { type: "accept", session: 1, first, decided, entries }, { round });
  }

  prepare(from: MemberId, round: number, first: number, transfer = false): SoloEffects {
    return this.receive(from, { type: "prepare", first, transfer }, { round });
  }

  /** What the slots hold: `epoch/index`, `-` for a hole, with `=` in front of what is a no-op. */
  get slots(): string[] {
    const { engine } = this;
    const words: string[] = [];
    for (let index = 2; index <= engine.status.lastIndex; index++) {
      const entry = engine.entryAt(index);
      if (entry === null) continue;
      const mark = entry.kind === EntryKind.noop ? "=" : entry.kind === EntryKind.membership ? "+" : "";
      words.push(entry.kind === EntryKind.hole ? "-" : `${mark}${entry.epoch}/${index}`);
    }
    return words;
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

/** An acceptor's report of one slot. */
export function reported(entry: Entry, round: number): ReportedSlot {
  return { entry, round };
}
