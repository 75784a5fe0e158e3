/** Each property is violated once, by members that only pretend. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Effects, type EngineStart, type Entry, EntryKind, type Write } from "../../engine.ts";
import { createMembership } from "../../membership.ts";
import { CommittedLog } from "../../properties/committed-log.ts";
import type { ObservedMember } from "../../properties/observed-member.ts";
import type { ObservedGroup } from "../../properties/property.ts";
import { SafetyViolation } from "../../properties/violation.ts";
import { encodeHardState, type HardState, noHardState } from "../hard-state.ts";
import { change, command, noop } from "../testing/paxos-solo.ts";
import { BallotsGrow } from "./ballots-grow.ts";
import { ChangesInTurn } from "./changes-in-turn.ts";
import { ChosenInOneBallot } from "./chosen-in-one-ballot.ts";
import { DecidedValuesStay } from "./decided-values-stay.ts";
import { Nontriviality } from "./nontriviality.ts";
import { OneValueABallot } from "./one-value-a-ballot.ts";
import { SlotConsistency } from "./slot-consistency.ts";

/** A member whose log is what the test says. */
class Pretender {
  readonly id: bigint;
  readonly life = 1;
  readonly loss = "none";
  durableState: Uint8Array | null = null;
  ledEpoch = 0;
  entries: Entry[] = [];
  readonly now = { role: "follower", epoch: 1, commit: 0, firstIndex: 1, lastIndex: 0 };
  readonly engine = {
    entryAt: (index: number): Entry | null => this.entries[index - 1] ?? null,
    status: { untrusted: false },
  };

  constructor(id: bigint) {
    this.id = id;
  }

  /** Holds these from slot 1 on, decided up to `commit`. */
  holds(entries: Entry[], commit = 0): ObservedMember {
    this.entries = entries;
    Object.assign(this.now, { lastIndex: entries.length, commit });
    return this.member;
  }

  get member(): ObservedMember {
    return this as unknown as ObservedMember;
  }
}

const state = (rest: Partial<HardState>): Uint8Array => encodeHardState({ ...noHardState, ...rest });
const start = (rest: Partial<EngineStart> = {}): EngineStart => {
  return { state: null, snapshot: null, entries: [], untrusted: false, ...rest };
};
/** What an acceptor has on its disk, accepted in this round from slot 2 on. */
const disk = (round: number, last: number): object => {
  return { durableState: state({ round, decided: 1, runs: [{ from: 2, round }] }), durable: { last } };
};
const writing = (rest: Partial<Write>): Effects => {
  const write = { number: 1, snapshot: null, truncateFrom: null, entries: [], state: null, ...rest };
  return { write, accepted: [], refused: [] } as unknown as Effects;
};

function group(entries: readonly Entry[] = []): ObservedGroup {
  const committed = new CommittedLog();
  for (const entry of entries) committed.add(entry, entry.epoch);
  return { members: new Map(), committed, latestLeaderEpoch: 0 };
}

function violates(property: { readonly name: string }, words: RegExp, act: () => void): void {
  assert.throws(act, (error: unknown) => {
    assert.ok(error instanceof SafetyViolation, String(error));
    assert.equal(error.property, property.name);
    assert.match(error.message, words);
    return true;
  });
}

describe("Paxos's properties", () => {
  it("slot consistency: two values are decided in a slot", () => {
    const property = new SlotConsistency();
    const [one, other] = [new Pretender(1n), new Pretender(2n)];
    const first = [command(1, 1), command(2, 2)];
    property.started(one.holds(first, 1), start());
    property.advanced(one.holds(first, 2), { from: 2, to: 2, news: 2 });
    property.advanced(other.holds(first, 2), { from: 1, to: 2, news: 3 });
    const wrong = other.holds([command(1, 1), noop(2, 2)], 2);
    violates(property, /decides another value in slot 2 than member 1 did/, () =>
      property.advanced(wrong, { from: 2, to: 2, news: 3 }),
    );
  });

  it("nontriviality: a value is decided that nobody proposed, or a hole", () => {
    const property = new Nontriviality(group());
    const leader = new Pretender(1n);
    const given = command(1, 1);
    property.started(leader.holds([given], 1));
    const value = command(2, 2);
    property.stepped(leader.member, { type: "propose", id: 5, epoch: 2, data: value.data });
    const accepted = { accepted: [{ id: 5, epoch: 2, index: 2 }] };
    property.drained(leader.member, { ...writing({}), ...accepted });
    property.advanced(leader.holds([given, value], 2), { from: 1, to: 2, news: 1 });
    violates(property, /decides a value of epoch 2 that nobody proposed in slot 3/, () =>
      property.advanced(leader.holds([given, value, command(2, 3, "made up")], 3), { from: 3, to: 3, news: 3 }),
    );
    const hole = { epoch: 2, index: 3, kind: EntryKind.hole, data: new Uint8Array(0) };
    violates(property, /decides a hole in slot 3/, () =>
      property.advanced(leader.holds([given, value, hole], 3), { from: 3, to: 3, news: 3 }),
    );
  });

  it("ballots only grow: an acceptor takes a promise back, or accepts above it", () => {
    const property = new BallotsGrow();
    const member = new Pretender(1n);
    property.started(member.member, start({ state: state({ round: 5 }) }));
    violates(property, /writes round 4 over 5/, () =>
      property.drained(member.member, writing({ state: state({ round: 4 }) })),
    );
    member.durableState = state({ round: 5 });
    violates(property, /comes back with round 3, its disk had promised 5/, () =>
      property.starting(member.member, start({ state: state({ round: 3 }) })),
    );
    const above = encodeHardState({ ...noHardState, round: 6, runs: [{ from: 2, round: 7 }] });
    violates(property, /writes what cannot be: .* round 7: promised is 6/, () =>
      property.drained(member.member, writing({ state: above })),
    );
  });

  it("one value a ballot and slot: two acceptors have two values of a round, or a hole that was accepted", () => {
    const property = new OneValueABallot();
    const [one, other] = [new Pretender(1n), new Pretender(2n)];
    const runs = [{ from: 1, round: 5 }];
    for (const each of [one, other]) property.started(each.member, start({ state: state({ round: 5, runs }) }));
    const a = command(5, 1, "a");
    property.drained(one.holds([a]), writing({ entries: [a] }));
    property.drained(other.holds([a]), writing({ entries: [a] }));
    const b = command(5, 1, "b");
    violates(property, /accepts another value in slot 1 in round 5/, () =>
      property.drained(other.holds([b]), writing({ entries: [b], state: state({ round: 6, runs }) })),
    );
    const hole = { epoch: 5, index: 1, kind: EntryKind.hole, data: new Uint8Array(0) };
    violates(property, /has a hole in slot 1, accepted in round 5/, () =>
      property.drained(one.holds([hole]), writing({ entries: [hole] })),
    );
  });

  it("chosen in one ballot: a leader decides what others accepted in an older round", () => {
    const property = new ChosenInOneBallot(group([command(1, 1)]));
    const membership = createMembership([1n, 2n, 3n]);
    const [leader, peer, late] = [1n, 2n, 3n].map((id) => Object.assign(new Pretender(id), disk(4, 3))) as [
      Pretender,
      Pretender,
      Pretender,
    ];
    const led = { role: "leader", epoch: 5, commit: 1, firstIndex: 1, lastIndex: 3, membership };
    Object.assign(leader, { before: led, options: {}, now: led });
    for (const each of [leader, peer, late]) property.started(each.member);
    // The leader and one other: a quorum, whatever the third has.
    for (const each of [leader, peer]) Object.assign(each, disk(5, 2));
    for (const each of [leader, peer]) property.stepped(each.member, { type: "durable", write: 1 });
    property.advanced(leader.member, { from: 2, to: 2, news: 2 });
    Object.assign(leader, disk(5, 3));
    violates(property, /decides slot 3 in round 5, accepted there on the disks of 1: no quorum/, () =>
      property.advanced(leader.member, { from: 3, to: 3, news: 3 }),
    );
  });

  it("decided values stay: an acceptor replaces one, or drops it behind a snapshot", () => {
    const entries = [command(1, 1), command(2, 2), command(2, 3)];
    const property = new DecidedValuesStay(group(entries));
    const member = new Pretender(1n);
    property.started(member.member, start({ entries }));
    // Written again as it was.
    property.drained(member.member, writing({ truncateFrom: 2, entries: entries.slice(1) }));
    violates(property, /replaces the value of epoch 2 in slot 2, which is decided/, () =>
      property.drained(member.member, writing({ truncateFrom: 2, entries: [noop(2, 2), command(2, 3)] })),
    );
    property.started(member.member, start({ entries }));
    const snapshot = { index: 2, epoch: 2, membership: createMembership([1n]) };
    violates(property, /in slot 3, which is decided/, () => property.drained(member.member, writing({ snapshot })));
  });

  it("changes in turn: a leader proposes behind a change, or begins one too early", () => {
    const three = createMembership([1n, 2n, 3n]);
    const property = new ChangesInTurn(group([command(1, 1)]));
    const leader = new Pretender(1n);
    leader.now.role = "leader";
    leader.now.epoch = 2;
    const entries = [command(1, 1), change(2, 2, three), noop(2, 3)];
    violates(property, /proposes slot 3 behind the change in slot 2, which is not decided/, () =>
      property.drained(leader.holds(entries, 1), writing({ entries: entries.slice(1) })),
    );
    leader.ledEpoch = 2;
    violates(property, /changes the membership in slot 2 before a value of its round 2 is decided/, () =>
      property.drained(leader.holds(entries.slice(0, 2), 1), writing({ entries: entries.slice(1, 2) })),
    );
  });
});
