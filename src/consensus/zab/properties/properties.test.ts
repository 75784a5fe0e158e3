import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MemberId } from "../../../environment.ts";
import type { Effects, EngineStart, Entry, Status } from "../../engine.ts";
import { EntryKind } from "../../engine.ts";
import { createMembership } from "../../membership.ts";
import { CommittedLog } from "../../properties/committed-log.ts";
import { ObservedMember } from "../../properties/observed-member.ts";
import type { Property } from "../../properties/property.ts";
import { defaultEngine } from "../../testing/cluster.ts";
import { Puppet, violates } from "../../testing/puppets.ts";
import { genesis } from "../genesis.ts";
import { encodeHardState, noHardState } from "../hard-state.ts";
import { zabPeek } from "../peek.ts";
import { command } from "../testing/solo.ts";
import { specifiedProperties } from "./properties.ts";

const founding = genesis(createMembership([1n, 2n, 3n]), new Uint8Array(0)).entries[0] as Entry;
const noEffects: Effects = new Puppet(1n, 1, { state: null, snapshot: null, entries: [], untrusted: false }).effects();

/** Members that do as a test says; only Zab's own properties look on. */
class Theatre {
  readonly properties: readonly Property[];
  readonly #members = new Map<MemberId, ObservedMember>();
  readonly #puppets = new Map<MemberId, Puppet>();
  #writes = 0;

  /** @param only whose properties look on beside the first, which keeps the account of proposals; nobody named: all. */
  constructor(only: string | null = null) {
    const group = { members: this.#members, committed: new CommittedLog(), latestLeaderEpoch: 0 };
    this.properties = specifiedProperties(group).filter(({ name }, i) => only === null || i === 0 || name === only);
    for (const id of [1n, 2n, 3n]) this.start(id, { entries: [founding] });
  }

  start(id: MemberId, rest: Partial<EngineStart>): void {
    const start = { state: null, snapshot: null, entries: [], untrusted: false, ...rest };
    const member = this.#members.get(id) ?? new ObservedMember(id, zabPeek);
    this.#members.set(id, member);
    const puppet = new Puppet(id, member.life + 1, start);
    this.#puppets.set(id, puppet);
    member.start(member.life + 1, start, puppet, { ...defaultEngine, id, seed: 1 });
    for (const property of this.properties) property.started?.(member, start);
  }

  #of(id: MemberId): { member: ObservedMember; puppet: Puppet } {
    return { member: this.#members.get(id) as ObservedMember, puppet: this.#puppets.get(id) as Puppet };
  }

  step(id: MemberId, status: Partial<Status>): void {
    const { member, puppet } = this.#of(id);
    puppet.status = { ...puppet.status, ...status };
    const input = { type: "tick" } as const;
    member.step(input, 0);
    const { before, now } = member;
    if (now.commit > before.commit) {
      const advance = { from: before.commit + 1, to: now.commit, news: before.commit + 1 };
      for (const property of this.properties) property.advanced?.(member, advance);
    }
    for (const property of this.properties) property.stepped?.(member, input);
  }

  append(id: MemberId, entries: readonly Entry[], status: Partial<Status> = {}): void {
    const { puppet } = this.#of(id);
    puppet.log.push(...entries);
    this.step(id, { lastIndex: puppet.base + puppet.log.length, ...status });
  }

  /** Becomes the leader of an epoch, with these proposals; what it commits by that. */
  lead(id: MemberId, epoch: number, entries: readonly Entry[] = [], commit?: number): void {
    this.step(id, { role: "candidate", epoch, leader: 0n });
    this.save(id, epoch);
    const last = commit ?? this.#of(id).puppet.log.length;
    this.append(id, entries, { role: "leader", leader: id, commit: last });
  }

  save(id: MemberId, epoch: number): void {
    const state = encodeHardState({ ...noHardState, acceptedEpoch: epoch, acceptedFrom: id, currentEpoch: epoch });
    const write = { number: ++this.#writes, snapshot: null, truncateFrom: null, entries: [], state };
    this.drain(id, { write });
  }

  deliver(id: MemberId, ...entries: readonly Entry[]): void {
    this.drain(id, { committed: entries });
  }

  drain(id: MemberId, effects: Partial<Effects>): void {
    const { member } = this.#of(id);
    const whole = { ...noEffects, ...effects };
    for (const property of this.properties) property.drained?.(member, whole);
    member.drain(whole);
  }

  say(id: MemberId, to: MemberId, type: string, epoch: number): void {
    const message = { type, epoch, vote: null, lastEntry: 0, holds: 0, holdsEpoch: null, promiseMs: 0 };
    for (const property of this.properties) property.said?.(this.#of(id).member, to, message);
  }
}

const noop = (epoch: number, index: number): Entry => ({ epoch, index, kind: EntryKind.noop, data: new Uint8Array(0) });

describe("the ten properties of Zab's specification", () => {
  it("are ten, each with its source, and hold for what Zab does", () => {
    const theatre = new Theatre();
    assert.equal(theatre.properties.length, 10);
    for (const { source } of theatre.properties) assert.match(source, /Zab\.tla/);
    for (const id of [1n, 2n, 3n]) theatre.deliver(id, founding);
    const proposed = [noop(2, 2), command(2, 3)];
    theatre.lead(1n, 2, proposed);
    theatre.say(1n, 2n, "propose", 2);
    theatre.say(2n, 1n, "ack", 2);
    theatre.append(2n, proposed);
    for (const id of [1n, 2n]) {
      theatre.step(id, { commit: 3 });
      theatre.deliver(id, ...proposed);
    }
    theatre.lead(2n, 3, [noop(3, 4)]);
    theatre.start(3n, { entries: [founding, ...proposed] });
    theatre.deliver(3n, founding, ...proposed);
    theatre.step(2n, { commit: 4 });
    theatre.deliver(2n, noop(3, 4));
  });

  it("should not be triggered: another transaction by a zxid, a hole, a part that is another's", () => {
    const twice = new Theatre();
    twice.lead(1n, 2, [command(2, 2, "a")]);
    violates("should not be triggered", /was another/, () =>
      twice.append(2n, [command(2, 2, "b")], { role: "leader", epoch: 2, leader: 2n }),
    );
    const hole = new Theatre();
    hole.lead(1n, 2, [command(2, 2)]);
    hole.append(2n, [command(1, 2), command(1, 3), command(1, 4)]);
    violates("should not be triggered", /not the next/, () =>
      hole.append(2n, [command(2, 5)], { role: "leader", epoch: 2, leader: 2n }),
    );
    const parts = new Theatre();
    parts.say(1n, 2n, "propose", 2);
    violates("should not be triggered", /sends 3 propose of epoch 2, which member 1 leads/, () =>
      parts.say(2n, 3n, "propose", 2),
    );
    violates("should not be triggered", /sends 2 ack of epoch 2/, () => parts.say(1n, 2n, "ack", 2));
  });

  it("leadership 1: two lead an epoch at a time", () => {
    const theatre = new Theatre();
    theatre.step(1n, { role: "leader", epoch: 2, leader: 1n });
    violates("leadership 1", /leads epoch 2, which member 1 leads/, () =>
      theatre.step(2n, { role: "leader", epoch: 2, leader: 2n }),
    );
  });

  it("leadership 2: two take an epoch up, however far apart", () => {
    const theatre = new Theatre();
    theatre.step(1n, { role: "candidate", epoch: 2 });
    theatre.save(1n, 2);
    theatre.step(1n, { role: "follower" });
    theatre.step(2n, { role: "candidate", epoch: 2 });
    violates("leadership 2", /in epoch 2, as member 1 did/, () => theatre.save(2n, 2));
  });

  it("prefix consistency: two commit different entries at an index", () => {
    const theatre = new Theatre();
    theatre.append(1n, [command(2, 2, "a")], { commit: 2 });
    theatre.append(2n, [command(2, 2, "b")]);
    violates("prefix consistency", /another entry 2/, () => theatre.step(2n, { commit: 2 }));
  });

  it("integrity: what nobody proposed is delivered", () => {
    violates("integrity", /no leader proposed/, () => new Theatre().deliver(1n, command(2, 2)));
    const bent = new Theatre();
    bent.lead(1n, 2, [command(2, 2, "a")]);
    violates("integrity", /no leader proposed/, () => bent.deliver(1n, command(2, 2, "b")));
  });

  it("agreement: two deliver what the other will not", () => {
    const theatre = new Theatre("agreement");
    theatre.lead(1n, 2, [command(2, 2)]);
    theatre.lead(2n, 3, [command(3, 2)]);
    theatre.deliver(1n, founding, command(2, 2));
    violates("agreement", /another delivered one of epoch 2/, () => theatre.deliver(2n, founding, command(3, 2)));
  });

  it("total order: an entry is delivered behind another one", () => {
    const theatre = new Theatre();
    theatre.lead(1n, 2, [command(2, 2), command(2, 3)]);
    theatre.deliver(1n, founding, command(2, 2), command(2, 3));
    const [, , , , , , order] = theatre.properties;
    assert.equal(order?.name, "total order");
    violates("total order", /delivers 2\/3 behind 1\/1; another delivered it behind 2\/2/, () =>
      theatre.deliver(2n, founding, command(2, 3)),
    );
  });

  it("local primary order: a leader's proposal is left out", () => {
    const theatre = new Theatre();
    theatre.lead(1n, 2, [command(2, 2), command(2, 3)]);
    violates("local primary order", /delivers proposal 1 of epoch 2 where 0 was due/, () =>
      theatre.deliver(2n, founding, command(2, 3)),
    );
  });

  it("global primary order: an earlier epoch's entry comes after a later one's", () => {
    const theatre = new Theatre();
    theatre.lead(1n, 2, [command(2, 3)]);
    theatre.lead(2n, 3, [command(3, 2)]);
    violates("global primary order", /delivers 2\/3 behind 3\/2/, () =>
      theatre.deliver(1n, founding, command(3, 2), command(2, 3)),
    );
  });

  it("primary integrity: a leader proposes without what is delivered of earlier epochs, before or after", () => {
    const before = new Theatre();
    before.lead(1n, 2, [command(2, 2)]);
    before.deliver(1n, founding, command(2, 2));
    violates("primary integrity", /entry 2 of epoch 2 is delivered; the leader of 3 proposed with 1/, () =>
      before.lead(2n, 3, [command(3, 2)], 1),
    );
    const after = new Theatre();
    after.lead(1n, 2, [command(2, 2)]);
    after.lead(2n, 3, [command(3, 2)], 1);
    violates("primary integrity", /entry 2 of epoch 2 is delivered/, () => after.deliver(1n, founding, command(2, 2)));
  });
});
