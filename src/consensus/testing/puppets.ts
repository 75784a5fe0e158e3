/** Engines that do as a test says, under the eyes of the properties: each violation can be acted out. */
import assert from "node:assert/strict";
import type { MemberId } from "../../environment.ts";
import type { Effects, Engine, EngineStart, Entry, Input, Outbound, SnapshotMeta, Status, Write } from "../engine.ts";
import { EntryKind } from "../engine.ts";
import { createMembership, type Membership } from "../membership.ts";
import { Properties } from "../properties/properties.ts";
import { SafetyViolation } from "../properties/violation.ts";
import { genesis } from "../raft/genesis.ts";
import { encodeHardState, type HardState, noHardState } from "../raft/hard-state.ts";
import { encodeMessage, type Message } from "../raft/messages.ts";
import { raftPeek } from "../raft/peek.ts";
import { defaultEngine, joined } from "./cluster.ts";

const noEffects: Effects = {
  write: null,
  messages: [],
  committed: [],
  reads: [],
  accepted: [],
  refused: [],
  sendSnapshot: [],
  installSnapshot: null,
  notices: [],
  statusChanged: false,
  wakeAt: null,
};

export const founders: Membership = createMembership([1n, 2n, 3n]);
const founding = genesis(founders, new Uint8Array(0)).entries[0] as Entry;

export class Puppet implements Engine {
  status: Status;
  log: Entry[];
  life: number;
  writes = 0;
  readonly base: number;

  constructor(id: MemberId, life: number, start: EngineStart) {
    this.life = life;
    this.log = [...start.entries];
    this.base = start.snapshot?.index ?? 0;
    this.status = {
      id,
      role: "follower",
      leader: 0n,
      epoch: this.log.at(-1)?.epoch ?? start.snapshot?.epoch ?? 0,
      commit: Math.max(this.base, Math.min(1, this.log.length)),
      applied: 0,
      lastIndex: this.base + this.log.length,
      durableIndex: 0,
      firstIndex: this.base + 1,
      membership: start.snapshot?.membership ?? founders,
      settled: false,
      transferee: 0n,
      untrusted: start.untrusted,
      diskStalled: false,
      peers: new Map(),
      droppedMessages: 0,
    };
  }

  entryAt(index: number): Entry | null {
    return this.log[index - this.base - 1] ?? null;
  }

  step(): void {}

  effects(): Effects {
    return noEffects;
  }
}

export class Theatre {
  readonly properties: Properties = new Properties({ name: "raft", peek: raftPeek });
  readonly puppets: Map<MemberId, Puppet> = new Map();
  /** What all clocks say, ms. */
  now = 0;

  /** Three members of a new group, which have given out its first entry, unless the test starts them by itself. */
  constructor(ids: readonly MemberId[] = [1n, 2n, 3n]) {
    for (const id of ids) {
      this.start(id, { entries: [founding], state: hardState({ epoch: 1 }) });
      this.drain(id, { committed: [founding] });
    }
  }

  puppet(id: MemberId): Puppet {
    return this.puppets.get(id) as Puppet;
  }

  start(id: MemberId, start: Partial<EngineStart>, status: Partial<Status> = {}): void {
    const whole = { state: null, snapshot: null, entries: [], untrusted: false, ...start };
    const puppet = new Puppet(id, (this.puppets.get(id)?.life ?? 0) + 1, whole);
    puppet.status = { ...puppet.status, ...status };
    this.puppets.set(id, puppet);
    this.properties.started(id, puppet.life, whole, puppet, { ...defaultEngine, id, seed: 1 });
  }

  /** The member takes an input, and its status is this afterwards. */
  step(id: MemberId, status: Partial<Status>, input: Input = { type: "tick" }): void {
    const puppet = this.puppet(id);
    puppet.status = { ...puppet.status, ...status };
    this.properties.stepped(id, puppet.life, input, this.now);
  }

  drain(id: MemberId, effects: Partial<Effects>): void {
    const puppet = this.puppet(id);
    this.properties.drained(id, puppet.life, { ...noEffects, ...effects }, puppet.status);
  }

  /** Entries are appended in memory and asked to be written, behind a truncation if one is named. */
  write(id: MemberId, entries: readonly Entry[], rest: Partial<Write> = {}): void {
    const puppet = this.puppet(id);
    const { truncateFrom = null } = rest;
    if (truncateFrom !== null) puppet.log.length = truncateFrom - puppet.base - 1;
    puppet.log.push(...entries);
    this.step(id, { lastIndex: puppet.base + puppet.log.length });
    this.drain(id, { write: { number: ++puppet.writes, snapshot: null, truncateFrom, entries, state: null, ...rest } });
  }

  /** All its writes are on disk. */
  sync(id: MemberId): void {
    this.step(id, {}, { type: "durable", write: this.puppet(id).writes });
  }

  /** Writes entries, and they are durable. */
  store(id: MemberId, entries: readonly Entry[], rest: Partial<Write> = {}): void {
    this.write(id, entries, rest);
    this.sync(id);
  }

  /** Time passes, in ticks of this member. */
  wait(id: MemberId, ms: number): void {
    const tickMs = defaultEngine.heartbeatIntervalMs / 2;
    for (const end = this.now + ms; this.now < end; ) {
      this.now += tickMs;
      this.step(id, {});
    }
  }

  /** Its disk holds its vote. */
  vote(id: MemberId, epoch: number, candidate: MemberId): void {
    this.store(id, [], { state: hardState({ epoch, vote: candidate }) });
  }

  /** It becomes the leader of an epoch, by the votes of those who have no later one on disk. */
  lead(id: MemberId, epoch: number, voters: readonly MemberId[] = [...this.puppets.keys()]): void {
    for (const voter of voters) if (this.#onDisk(voter) < epoch) this.vote(voter, epoch, id);
    this.step(id, { role: "leader", epoch, leader: id });
    this.drain(id, {});
  }

  #onDisk(id: MemberId): number {
    return this.properties.members.get(id)?.durableEpoch ?? 0;
  }

  /** Members 1 to 3 hold these entries, and the leader commits them. */
  commit(leader: MemberId, entries: readonly Entry[]): void {
    for (const id of this.puppets.keys()) this.store(id, entries);
    this.step(leader, { commit: entries.at(-1)?.index ?? 0 });
    this.drain(leader, { committed: entries });
  }

  /** A message arrives. */
  tell(from: MemberId, to: MemberId, epoch: number, message: Message): Uint8Array {
    const bytes = joined(this.message(to, epoch, message).pieces);
    this.step(to, {}, { type: "message", from, bytes });
    return bytes;
  }

  message(to: MemberId, epoch: number, message: Message, after = 0): Outbound {
    const envelope = { epoch, incarnation: 1, priority: 0, untrusted: false, stalled: false };
    return { to, pieces: encodeMessage(envelope, message), after, bulk: false };
  }
}

export function hardState(state: Partial<HardState>): Uint8Array {
  return encodeHardState({ ...noHardState, ...state });
}

export function snapshotAt(index: number, epoch: number, membership: Membership = founders): SnapshotMeta {
  return { index, epoch, membership };
}

/** A leader's first entry. */
export function noop(epoch: number, index: number): Entry {
  return { epoch, index, kind: EntryKind.noop, data: new Uint8Array(0) };
}

/** What is acted out violates this property, in such words. */
export function violates(property: string, what: RegExp, act: () => void): void {
  assert.throws(act, (error: unknown) => {
    assert.ok(error instanceof SafetyViolation, String(error));
    assert.equal(error.property, property);
    assert.match(error.message, what);
    return true;
  });
}
