import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EntryKind } from "../engine.ts";
import { createMembership, decodeMembershipEntry, type MembershipChange } from "../membership.ts";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { raftProtocol } from "../testing/raft-protocol.ts";
import { ofType, Solo, type SoloEffects } from "../testing/solo.ts";

const cluster = (options: Partial<ClusterOptions> = {}): Cluster =>
  new Cluster(raftProtocol, { seed: 5, voters: [1n, 2n, 3n], ...options });
const add = (...ids: bigint[]): MembershipChange => ({ set: ids.map((id) => ({ id, role: "voter" })), remove: [] });
const learn = (...ids: bigint[]): MembershipChange => ({ set: ids.map((id) => ({ id, role: "learner" })), remove: [] });
const remove = (...ids: bigint[]): MembershipChange => ({ set: [], remove: ids });
const change = (solo: Solo, wish: MembershipChange, context = new Uint8Array([7])): SoloEffects =>
  solo.step({ type: "reconfigure", id: 3, change: wish, context });
const voters = (c: Cluster, id: bigint): readonly bigint[] => c.engine(id).status.membership.voters;

describe("membership changes", () => {
  it("are in force from the entry on; the entry carries the context and comes out as committed", () => {
    const solo = new Solo();
    solo.settle();
    const { write, accepted, sent } = change(solo, add(4n));
    assert.deepEqual(solo.engine.status.membership, createMembership([1n, 2n, 3n, 4n]));
    const [entry] = write?.entries ?? [];
    assert.equal(entry?.kind, EntryKind.membership);
    assert.deepEqual([...decodeMembershipEntry(entry?.data ?? new Uint8Array()).context], [7]);
    assert.deepEqual(accepted, [{ id: 3, epoch: 2, index: 3 }]);
    assert.ok(ofType(sent, "append").some(({ to }) => to === 4n));
    solo.sync();
    solo.ack(2n, 3);
    assert.equal(solo.engine.status.commit, 2, "three of four are needed now");
    assert.deepEqual(
      solo.ack(3n, 3).committed.map(({ kind }) => kind),
      [EntryKind.membership],
    );
  });

  it("that change nothing still carry their context", () => {
    const solo = new Solo();
    solo.settle();
    assert.equal(change(solo, add(1n)).write?.entries.length, 1);
  });

  it("that cannot work are refused by name", () => {
    const solo = new Solo();
    solo.settle();
    const unknown = change(solo, remove(9n)).refused[0];
    assert.deepEqual([unknown?.reason, unknown?.detail], ["unknown member", "9 is no member: voters 1,2,3"]);
    const nobody = change(solo, remove(1n, 2n, 3n)).refused[0];
    assert.equal(nobody?.reason, "invalid change");
    assert.match(nobody?.detail ?? "", /no voter would be left/);
  });

  it("a learner is promoted only when it has caught up", () => {
    const c = cluster({ joiners: [4n] });
    const leader = c.elect();
    c.isolate(4n);
    c.reconfigure(leader, learn(4n));
    c.run(500);
    c.reconfigure(leader, add(4n));
    assert.equal(c.refusals.at(-1)?.reason, "learner not ready");
    c.heal();
    c.run(500);
    c.reconfigure(leader, add(4n));
    c.run(500);
    assert.deepEqual(voters(c, 4n), [1n, 2n, 3n, 4n]);
  });

  it("a group grows from one to three, and every step commits", () => {
    const c = cluster({ voters: [1n], joiners: [2n, 3n] });
    c.elect();
    for (const id of [2n, 3n]) {
      c.reconfigure(c.elect(), learn(id));
      c.run(500);
      c.reconfigure(c.elect(), add(id));
      c.run(500);
    }
    assert.deepEqual(voters(c, 3n), [1n, 2n, 3n]);
    c.crash(1n);
    c.elect();
  });

  it("several voters at once go through a joint membership, left by itself", () => {
    const c = cluster({ joiners: [4n, 5n] });
    const leader = c.elect();
    const gone = leader === 3n ? 2n : 3n;
    c.reconfigure(leader, learn(4n, 5n));
    c.run(500);
    const before = c.engine(leader).status.lastIndex;
    c.reconfigure(leader, {
      set: [
        { id: 4n, role: "voter" },
        { id: 5n, role: "voter" },
      ],
      remove: [gone],
    });
    assert.deepEqual(c.engine(leader).status.membership.outgoing, [1n, 2n, 3n]);
    c.run(500);
    const { membership, lastIndex } = c.engine(leader).status;
    assert.deepEqual(
      [membership, lastIndex],
      [createMembership([1n, 2n, 3n, 4n, 5n].filter((id) => id !== gone)), before + 2],
    );
    assert.deepEqual(voters(c, gone), membership.voters, "the removed member was told");
    const rest = c.engine(gone).status.epoch;
    c.run(10_000);
    assert.equal(c.engine(gone).status.epoch, rest, "and stands no more");
  });
});
