import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MemberId } from "../../environment.ts";
import type { MemberRole, MembershipChange } from "../membership.ts";
import { Cluster } from "../testing/cluster.ts";
import { zabKind } from "./kind.ts";
import { ofType, Solo, type SoloEffects } from "./testing/solo.ts";

const change = (set: readonly [MemberId, MemberRole][], remove: readonly MemberId[] = []): MembershipChange => ({
  set: set.map(([id, role]) => ({ id, role })),
  remove,
});
const reconfigure = (solo: Solo, wish: MembershipChange): SoloEffects =>
  solo.step({ type: "reconfigure", id: 4, change: wish, context: new Uint8Array(0) });

describe("a change of membership", () => {
  it("is refused while it must not or cannot be", () => {
    const solo = new Solo({ learners: [4n] });
    const reason = (wish: MembershipChange): string | undefined => reconfigure(solo, wish).refused[0]?.reason;
    const grow = change([[5n, "voter"]]);
    assert.equal(reason(grow), "not leader");
    solo.lead();
    assert.equal(reason(grow), "not settled");
    solo.sync();
    solo.ack(2n, 2);
    assert.equal(reason(change([], [9n])), "unknown member");
    assert.equal(reason(change([[5n, "voter"]], [5n])), "invalid change");
    assert.equal(reason(change([[4n, "voter"]])), "learner not ready");
    assert.equal(reason(grow), undefined);
    assert.equal(reason(grow), "change in progress");
  });

  it("is in force from its entry on: the new quorum counts", () => {
    const solo = new Solo({ voters: [1n, 2n] });
    solo.settle();
    const { sent } = reconfigure(
      solo,
      change([
        [3n, "voter"],
        [4n, "voter"],
      ]),
    );
    assert.deepEqual(solo.engine.status.membership.outgoing, [1n, 2n]);
    const invited = ofType(sent, "leaderInfo").map(({ to, envelope }) => [to, envelope.leads]);
    assert.deepEqual(invited, [
      [3n, true],
      [4n, true],
    ]);
    solo.sync();
    assert.equal(solo.ack(2n, 3).committed.length, 0, "two of four are no quorum of the new voters");
    solo.accept(3n, { epoch: 0, last: { epoch: 0, index: 0 } }, { counts: false });
    assert.deepEqual(
      solo.ack(3n, 3).committed.map(({ index }) => index),
      [3],
    );
    assert.deepEqual(solo.engine.status.membership.outgoing, [], "the joint membership is left by itself");
  });

  it("goes through in whole groups: one, several at once, learners, and back", () => {
    const cluster = new Cluster(zabKind, { seed: 31, voters: [1n, 2n, 3n], joiners: [4n, 5n] });
    const steps: [MembershipChange, MemberId[]][] = [
      [change([[4n, "learner"]]), [1n, 2n, 3n]],
      [
        change([
          [4n, "voter"],
          [5n, "voter"],
        ]),
        [1n, 2n, 3n, 4n, 5n],
      ],
      [change([], [1n, 2n]), [3n, 4n, 5n]],
      [change([[3n, "learner"]]), [4n, 5n]],
      [change([[1n, "voter"]]), [1n, 4n, 5n]],
    ];
    for (const [wish, voters] of steps) {
      cluster.run(300);
      cluster.reconfigure(cluster.elect(), wish);
      const done = (): boolean => {
        const { leader } = cluster;
        if (leader === 0n) return false;
        const { membership } = cluster.engine(leader).status;
        return membership.outgoing.length === 0 && membership.voters.join() === voters.join();
      };
      cluster.runUntil(done, 10_000, `voters ${voters.join()}`);
      const call = cluster.propose(cluster.elect(), new Uint8Array([1]));
      cluster.run(500);
      assert.ok(cluster.isCommitted(call) || cluster.proposals.get(call) === null);
      assert.ok(cluster.agree(voters));
    }
  });

  it("left half done is finished by the next leader", () => {
    const cluster = new Cluster(zabKind, { seed: 32, voters: [1n, 2n, 3n], joiners: [4n, 5n], reportLinks: true });
    const leader = cluster.elect();
    cluster.reconfigure(
      leader,
      change([
        [4n, "voter"],
        [5n, "voter"],
      ]),
    );
    cluster.run(1.5);
    cluster.crash(leader);
    const next = cluster.elect();
    cluster.run(500);
    cluster.start(leader);
    cluster.run(1_000);
    const { outgoing } = cluster.engine(next).status.membership;
    assert.equal(outgoing.length, 0);
  });
});
