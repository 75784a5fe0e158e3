import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MemberId } from "../../../environment.ts";
import type { Entry } from "../../engine.ts";
import { createMembership } from "../../membership.ts";
import { CommittedLog } from "../../properties/committed-log.ts";
import { ObservedMember } from "../../properties/observed-member.ts";
import { defaultEngine } from "../../testing/cluster.ts";
import { Puppet, violates } from "../../testing/puppets.ts";
import { genesis } from "../genesis.ts";
import { encodeHardState, noHardState } from "../hard-state.ts";
import { zabPeek } from "../peek.ts";
import { command } from "../testing/solo.ts";
import { CommittedByAdoption } from "./committed-by-adoption.ts";

const founding = genesis(createMembership([1n, 2n, 3n]), new Uint8Array(0)).entries[0] as Entry;
const entry = command(2, 2);

const options = (id: MemberId) => ({ ...defaultEngine, id, seed: 1 });

/** All hold the entry that member 1, the leader of epoch 2, proposed; some have adopted the epoch. */
class Group {
  readonly members: Map<MemberId, ObservedMember> = new Map();
  readonly property = new CommittedByAdoption({
    members: this.members,
    committed: new CommittedLog(),
    latestLeaderEpoch: 0,
  });

  constructor(...adopters: readonly MemberId[]) {
    for (const id of [1n, 2n, 3n]) {
      const member = new ObservedMember(id, zabPeek);
      this.members.set(id, member);
      const currentEpoch = adopters.includes(id) ? 2 : 1;
      const state = encodeHardState({ ...noHardState, acceptedEpoch: 2, acceptedFrom: 1n, currentEpoch });
      const start = { state, snapshot: null, entries: [founding, entry], untrusted: false };
      const puppet = new Puppet(id, 1, start);
      puppet.status = { ...puppet.status, role: id === 1n ? "leader" : "follower" };
      member.start(1, start, puppet, options(id));
    }
  }

  member(id: MemberId): ObservedMember {
    return this.members.get(id) as ObservedMember;
  }

  /** Its disk is empty when it comes back. */
  lose(id: MemberId): void {
    const start = { state: null, snapshot: null, entries: [], untrusted: true };
    this.member(id).loss = "shows";
    this.property.starting(this.member(id), start);
    this.member(id).start(2, start, new Puppet(id, 2, start), options(id));
  }

  commit(): void {
    this.property.advanced(this.member(1n), { from: 2, to: 2, news: 2 });
  }
}

describe("committed by adoption", () => {
  it("those who hold an entry and have not adopted its epoch are no quorum", () => {
    violates("committed by adoption", /entry 2 in epoch 2, held and the epoch adopted by 1: no quorum/, () =>
      new Group(1n).commit(),
    );
  });

  it("a quorum that has adopted is enough, and was, although one loses its disk before it is counted", () => {
    const group = new Group(1n, 2n);
    group.commit();
    group.lose(2n);
    assert.doesNotThrow(() => group.commit());
  });
});
