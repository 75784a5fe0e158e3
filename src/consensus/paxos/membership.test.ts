/** Named cases of changing who takes part: the rules of docs/internals/paxos.md, one by one. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMembership } from "../membership.ts";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { paxosKind } from "./kind.ts";
import { change, command, ofType, reported, Solo } from "./testing/paxos-solo.ts";

function cluster(options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster(paxosKind, { seed: 7, voters: [1n, 2n, 3n], ...options });
}

const text = (words: string): Uint8Array => new TextEncoder().encode(words);

describe("membership", () => {
  it("everybody is replaced in one step, and writes go on", () => {
    const c = cluster({ joiners: [4n, 5n, 6n] });
    const leader = c.elect();
    c.propose(leader, text("before"));
    const set = [4n, 5n, 6n].map((id) => ({ id, role: "voter" as const }));
    const call = c.reconfigure(leader, { set, remove: [1n, 2n, 3n] });
    const after = c.propose(leader, text("after"));
    c.runUntil(() => c.isCommitted(call) && c.isCommitted(after), 5_000, "both are decided");
    c.runUntil(() => [4n, 5n, 6n].includes(c.leader), 5_000, "one of the new ones leads");
    c.runUntil(() => c.agree([4n, 5n, 6n]), 5_000, "the new ones agree");
    assert.deepEqual(c.engine(c.leader).status.membership, createMembership([4n, 5n, 6n]));
    // The old ones know that they are out, and are quiet.
    for (const id of [1n, 2n, 3n]) assert.deepEqual(c.member(id).membership, createMembership([4n, 5n, 6n]));
    const { epoch } = c.engine(c.leader).status;
    c.run(10_000);
    assert.equal(c.engine(c.leader).status.epoch, epoch);
  });

  it("a change whose leader falls before the new members know is finished by an old one", () => {
    for (const survivors of ["none", "some"] as const) {
      const c = cluster({ joiners: [4n, 5n, 6n] });
      const leader = c.elect();
      for (const id of [4n, 5n, 6n]) c.isolate(id);
      const set = [4n, 5n, 6n].map((id) => ({ id, role: "voter" as const }));
      const call = c.reconfigure(leader, { set, remove: [1n, 2n, 3n] });
      c.runUntil(() => c.isCommitted(call), 1_000, "the old ones decide it");
      c.crash(leader, survivors);
      c.heal();
      c.runUntil(() => c.leader !== 0n && c.engine(c.leader).status.settled, 10_000, "somebody leads");
      const wanted = createMembership([4n, 5n, 6n]);
      c.runUntil(() => [4n, 5n, 6n].every((id) => c.member(id).membership.voters.length > 0), 5_000, "they know");
      assert.deepEqual(c.engine(4n).status.membership, wanted);
      c.runUntil(() => [4n, 5n, 6n].includes(c.leader), 10_000, "a new one leads");
    }
  });

  it("nothing is proposed behind a change that is not decided; proposals have their slots already", () => {
    const solo = new Solo();
    solo.settle();
    const reconfigured = solo.step({
      type: "reconfigure",
      id: 5,
      change: { set: [{ id: 4n, role: "voter" }], remove: [] },
      context: new Uint8Array(0),
    });
    const proposed = solo.propose("later");
    assert.deepEqual([reconfigured.accepted[0]?.index, proposed.accepted[0]?.index], [3, 5]);
    assert.equal(solo.engine.status.lastIndex, 3);
    const refused = solo.step({
      type: "reconfigure",
      id: 6,
      change: { set: [], remove: [3n] },
      context: new Uint8Array(0),
    });
    assert.equal(refused.refused[0]?.reason, "change in progress");
    solo.sync();
    // Decided by the old ones: two of three, although they are no quorum of four.
    solo.accepted(2n, 3);
    assert.deepEqual([solo.engine.status.commit, solo.slots.slice(2)], [3, ["=2/4", "2/5"]]);
    solo.sync();
    solo.accepted(2n, 5);
    assert.equal(solo.engine.status.commit, 3);
    solo.accepted(3n, 5);
    assert.equal(solo.engine.status.commit, 5);
  });

  it("a leader that finds a change needs the promises of those it brings, too", () => {
    const others = change(1, 2, createMembership([1n, 4n, 5n]));
    const solo = new Solo();
    solo.stand();
    solo.sync();
    const effects = solo.promise(2n, { slots: [reported(others, 1), reported(command(1, 3), 1)] });
    assert.equal(solo.engine.status.role, "candidate");
    assert.deepEqual(
      ofType(effects.sent, "prepare").map(({ to }) => to),
      [4n, 5n],
    );
    solo.promise(5n);
    assert.equal(solo.engine.status.role, "leader");
    // What is behind a change that is not decided was proposed by nobody who could have had it chosen.
    assert.deepEqual(solo.slots, ["+1/2"]);
    solo.sync();
    const decided = solo.accepted(2n, 2);
    assert.deepEqual([decided.committed.at(-1)?.index, solo.slots], [2, ["+1/2", "=2/3"]]);
  });

  it("a proposer that learns of newer members begins again: its promises may be older than the change", () => {
    const others = change(1, 2, createMembership([1n, 4n, 5n]));
    const solo = new Solo({ slots: [[1, 1]] });
    solo.stand();
    solo.sync();
    const { epoch } = solo.engine.status;
    solo.promise(2n, { decided: 2, slots: [reported(others, 0)] });
    assert.deepEqual(
      [solo.engine.status.role, solo.engine.status.membership],
      ["follower", createMembership([1n, 4n, 5n])],
    );
    const surveyed = solo.tick(200).sent;
    assert.deepEqual(
      ofType(surveyed, "survey").map(({ to }) => to),
      [4n, 5n],
    );
    solo.receive(4n, { type: "surveyResponse", asked: epoch + 1, granted: true });
    assert.equal(solo.engine.status.epoch, epoch + 1);
  });

  it("a removed member does not learn of it before those that stay have decided something", () => {
    const solo = new Solo();
    solo.settle();
    solo.step({ type: "reconfigure", id: 5, change: { set: [], remove: [3n] }, context: new Uint8Array(0) });
    solo.sync();
    const told = (): number[] => {
      const sent = solo.tick(120).sent;
      return ofType(sent, "heartbeat")
        .filter(({ to }) => to === 3n)
        .map(({ message }) => message.decided);
    };
    solo.accepted(2n, 3);
    assert.deepEqual([solo.engine.status.commit, told()], [3, [2]]);
    solo.sync();
    solo.accepted(2n, 4);
    assert.deepEqual([solo.engine.status.commit, told()], [4, [4]]);
  });

  it("who is voted out brings those forward who do not know that they vote", () => {
    const c = cluster({ voters: [1n], joiners: [2n] });
    c.elect();
    c.isolate(2n);
    const call = c.reconfigure(1n, { set: [{ id: 2n, role: "voter" }], remove: [1n] });
    c.runUntil(() => c.isCommitted(call), 1_000, "decided by member 1 alone");
    // It gives its removal out only when it is not needed any more.
    assert.deepEqual(c.member(1n).membership, createMembership([1n]));
    c.run(5_000);
    assert.equal(c.leader, 0n);
    c.heal();
    c.runUntil(() => c.leader === 2n, 10_000, "member 2 leads");
    c.runUntil(() => c.member(1n).membership.voters[0] === 2n, 5_000, "member 1 knows that it may go");
  });
});
