/** One Raft engine alone, its peers played by the test: every message and write is looked at by hand. */
import type { MemberId } from "../../environment.ts";
import { type Effects, type EngineOptions, type EngineStart, type Entry, EntryKind, type Input } from "../engine.ts";
import { createMembership, emptyMembership, encodeMembershipEntry, type Membership } from "../membership.ts";
import { encodeHardState, type HardState, noHardState } from "../raft/hard-state.ts";
import { decodeMessage, type Envelope, encodeMessage, type Message } from "../raft/messages.ts";
import { Raft } from "../raft/raft.ts";
import { defaultEngine, joined } from "./cluster.ts";

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
  /** Epochs of the entries behind the first one. */
  readonly epochs?: readonly number[];
  readonly start?: Partial<EngineStart>;
}

/** An entry as peers would send it. */
export function command(epoch: number, index: number, text = `${epoch}/${index}`): Entry {
  return { epoch, index, kind: EntryKind.command, data: new TextEncoder().encode(text) };
}

export function membershipEntry(epoch: number, index: number, membership: Membership): Entry {
  return {
    epoch,
    index,
    kind: EntryKind.membership,
    data: encodeMembershipEntry({ membership, context: new Uint8Array(0) }),
  };
}

/** Member 1 with peers; knows who is a voter from entry 1, unless it joins with nothing (`voters: []`). */
export class Solo {
  readonly engine: Raft;
  now = 1000;
  #write = 0;

  constructor(setup: SoloSetup = {}) {
    const { voters = [1n, 2n, 3n], learners = [], epochs = [] } = setup;
    const entries: Entry[] = [];
    if (voters.length > 0) entries.push(membershipEntry(1, 1, createMembership(voters, learners)));
    for (const epoch of epochs) entries.push(command(epoch, entries.length + 1));
    const last = entries.at(-1)?.epoch ?? 0;
    const state = encodeHardState({ ...noHardState, epoch: last, commit: Math.min(1, entries.length), ...setup.state });
    const options = { ...defaultEngine, id: 1n, seed: 1, ...setup.options };
    const start = { state, snapshot: null, entries, untrusted: false, ...setup.start };
    this.engine = new Raft(options, start, this.now);
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
    const whole = { epoch: this.engine.status.epoch, incarnation: 7, priority: 0, untrusted: false, stalled: false };
    const pieces = encodeMessage({ ...whole, ...envelope }, message);
    return this.step({ type: "message", from, bytes: joined(pieces) });
  }

  /** Everything written so far is on disk. */
  sync(): SoloEffects {
    return this.step({ type: "durable", write: this.#write });
  }

  tick(ms: number): SoloEffects {
    this.now += ms;
    return this.step({ type: "tick" });
  }

  /** Lets time pass in small ticks until the member stands for (pre-)election. */
  timeOut(): SoloEffects {
    for (let i = 0; i < 200; i++) {
      const effects = this.tick(25);
      if (this.engine.status.role !== "follower") return effects;
    }
    throw new Error("it does not stand for election");
  }

  /** Time out and win the pre-vote: the effects in which it asks for votes. */
  stand(yes: readonly MemberId[] = [2n, 3n]): SoloEffects {
    let effects = this.timeOut();
    for (const from of yes) {
      if (this.engine.status.role !== "preCandidate") break;
      const proposedEpoch = this.engine.status.epoch + 1;
      effects = this.receive(from, { type: "preVoteResponse", proposedEpoch, granted: true });
    }
    return effects;
  }

  /** Becomes leader with the votes of these peers; the effects of the moment it wins. */
  lead(yes: readonly MemberId[] = [2n, 3n]): SoloEffects {
    this.stand(yes);
    this.sync();
    for (const from of yes) {
      const effects = this.receive(from, { type: "voteResponse", granted: true });
      if (this.engine.status.role === "leader") return effects;
    }
    if (this.engine.status.role === "leader") return this.take();
    throw new Error(`${this.engine.status.role} after all votes`);
  }

  /** A peer acknowledges everything up to `index`. */
  ack(from: MemberId, index: number, envelope: Partial<Envelope> = {}): SoloEffects {
    const rest = { session: this.session(from), hintIndex: 0, hintEpoch: 0, lastIndex: index };
    return this.receive(from, { type: "appendResponse", ok: true, index, ...rest }, envelope);
  }

  /** Leads and has committed an entry of its epoch. */
  settle(yes: readonly MemberId[] = [2n, 3n]): SoloEffects {
    this.lead(yes);
    const { lastIndex } = this.engine.status;
    this.sync();
    let effects = this.take();
    for (const from of yes) effects = this.ack(from, lastIndex);
    return effects;
  }

  /** The session this leader is in with a peer, as its last message said; tests that restart peers set it. */
  readonly sessions: Map<MemberId, number> = new Map();
  session(peer: MemberId): number {
    return this.sessions.get(peer) ?? 1;
  }

  propose(text = "x"): SoloEffects {
    const { epoch } = this.engine.status;
    return this.step({ type: "propose", id: 1, epoch, data: new TextEncoder().encode(text) });
  }

  /** An append of leader `from` in `epoch`. */
  append(
    from: MemberId,
    epoch: number,
    prev: { index: number; epoch: number },
    entries: readonly Entry[],
    commit = 0,
  ): SoloEffects {
    return this.receive(
      from,
      { type: "append", session: 1, prevIndex: prev.index, prevEpoch: prev.epoch, commit, entries },
      { epoch },
    );
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

export const nobody: Membership = emptyMembership;
