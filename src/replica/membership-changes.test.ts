import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PeerProgress, Status } from "../consensus/engine.ts";
import { createMembership } from "../consensus/membership.ts";
import type { MemberId } from "../environment.ts";
import type { Member, MemberRegistry } from "../keyspace/members.ts";
import type { MemberChange } from "./face.ts";
import { changeMembership } from "./membership-changes.ts";

const sound: PeerProgress = {
  learner: false,
  state: "replicate",
  match: 10,
  next: 11,
  inflightMessages: 0,
  inflightBytes: 0,
  active: true,
  lostData: false,
  untrusted: false,
};

/** What the leader 1 of three voters says to a change, its peers being like this; null: it proposes it. */
async function answer(
  change: MemberChange,
  peers: Readonly<Record<string, Partial<PeerProgress>>>,
  phase2Quorum?: number,
): Promise<unknown> {
  const ids = [1n, 2n, 3n];
  const member = (id: MemberId): Member => ({
    id,
    name: `m${id}`,
    peerUrls: [`http://10.0.0.${id}:2380`],
    clientUrls: [],
    isLearner: false,
  });
  const status: Partial<Status> = {
    id: 1n,
    membership: createMembership(ids),
    phase2Quorum,
    peers: new Map([2n, 3n].map((id) => [id, { ...sound, ...peers[String(id)] }])),
  };
  const registry: Partial<MemberRegistry> = {
    list: () => ids.map(member),
    get: () => null,
    wasRemoved: () => false,
  };
  try {
    await changeMembership(change, {
      random: { uint32: () => 1, uint64: () => 9n },
      status: () => status as Status,
      members: () => registry as MemberRegistry,
      strict: true,
      reconfigure: (plan, done) => {
        try {
          plan();
          done(null);
        } catch (error) {
          done(error as Parameters<typeof done>[0]);
        }
      },
    });
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("a change that would leave no working majority is refused", () => {
  const remove: MemberChange = { type: "remove", id: 3n };
  const add: MemberChange = { type: "add", peerUrls: ["http://10.0.0.9:2380"], learner: false };

  test("all voters are sound: it is proposed", async () => {
    assert.equal(await answer(remove, {}), null);
    assert.equal(await answer(add, {}), null);
  });

  test("one that stays, or is needed beside a new one, is silent", async () => {
    const code = await answer(remove, { 2: { active: false } });
    assert.match(String(code), /UNHEALTHY/);
    assert.equal(await answer(add, { 2: { active: false } }), code);
    assert.equal(await answer(remove, { 3: { active: false } }), null);
  });

  test("where one copy commits, all who stay must be there to elect; where all must, too", async () => {
    const lone: MemberChange = { type: "remove", id: 2n };
    for (const phase2Quorum of [1, 3]) {
      assert.equal(await answer(lone, {}, phase2Quorum), null);
      assert.match(String(await answer(lone, { 3: { untrusted: true } }, phase2Quorum)), /UNHEALTHY/);
      // It has not started, and would be needed.
      assert.match(String(await answer(add, {}, phase2Quorum)), phase2Quorum === 1 ? /STARTED/ : /null/);
    }
  });

  // Its vote counts for nothing, so without the one that goes nobody could be elected: seed 1000237 of the simulator.
  test("it answers, but cannot prove that it kept what it acknowledged", async () => {
    const code = await answer(remove, { 2: { untrusted: true } });
    assert.match(String(code), /UNHEALTHY/);
    assert.equal(await answer(add, { 3: { untrusted: true } }), code);
    assert.equal(await answer(remove, { 3: { untrusted: true } }), null);
  });
});
