import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Cluster } from "../testing/cluster.ts";
import { compareVotes } from "./election.ts";
import { zabKind } from "./kind.ts";
import type { Notification, Vote } from "./messages.ts";
import { ofType, Solo, type SoloEffects } from "./testing/solo.ts";

const history = (epoch: number, lastEpoch: number, index: number) => ({ epoch, last: { epoch: lastEpoch, index } });
const told = (effects: SoloEffects): readonly [bigint, Notification][] =>
  ofType(effects.sent, "notification").map(({ to, message }) => [to, message]);

describe("votes", () => {
  const small = fc.nat(2);
  const votes: fc.Arbitrary<Vote> = fc
    .tuple(fc.constantFrom(0n, 1n, 2n), small, small, small, small)
    .map(([leader, epoch, lastEpoch, index, priority]) => ({
      leader,
      history: history(epoch, lastEpoch, index),
      priority: leader === 0n ? 0 : priority,
    }));

  it("go by current epoch, then last entry, then priority, then id", () => {
    const ranking: Vote[] = [
      { leader: 0n, history: history(9, 9, 9), priority: 9 },
      { leader: 3n, history: history(2, 2, 9), priority: 9 },
      { leader: 3n, history: history(3, 1, 2), priority: 9 },
      { leader: 3n, history: history(3, 2, 1), priority: 1 },
      { leader: 3n, history: history(3, 2, 2), priority: 1 },
      { leader: 1n, history: history(3, 2, 2), priority: 2 },
      { leader: 2n, history: history(3, 2, 2), priority: 2 },
    ];
    for (const [i, a] of ranking.entries()) {
      for (const [j, b] of ranking.entries()) assert.equal(Math.sign(compareVotes(a, b)), Math.sign(i - j));
    }
  });

  it("are in one order, so that all who exchange them end with the same", () => {
    fc.assert(
      fc.property(votes, votes, votes, (a, b, c) => {
        assert.equal(Math.sign(compareVotes(a, b)), -Math.sign(compareVotes(b, a)) + 0);
        if (compareVotes(a, b) >= 0 && compareVotes(b, c) >= 0) assert.ok(compareVotes(a, c) >= 0);
      }),
    );
  });
});

describe("a member that looks for a leader", () => {
  it("votes for itself first, then for the best it hears of, and tells everybody", () => {
    const solo = new Solo({ epochs: [1] });
    const first = told(solo.look());
    assert.deepEqual(
      first.map(([to, { vote }]) => [to, vote.leader]),
      [
        [2n, 1n],
        [3n, 1n],
      ],
    );
    const second = told(solo.vote(2n, 3n, history(1, 1, 2)));
    assert.deepEqual(
      second.map(([to, { vote }]) => [to, vote.leader]),
      [
        [2n, 3n],
        [3n, 3n],
      ],
    );
    assert.equal(told(solo.vote(2n, 3n, history(1, 1, 2))).length, 0, "nothing new");
  });

  it("does not vote for who knows less, and answers with a better vote", () => {
    const solo = new Solo({ epochs: [1, 1] });
    solo.look();
    assert.deepEqual(
      told(solo.vote(3n, 3n, history(1, 1, 2))).map(([to, { vote }]) => [to, vote.leader]),
      [[3n, 1n]],
    );
  });

  it("counts votes for itself only, of this round only, each voter once", () => {
    const solo = new Solo({ voters: [1n, 2n, 3n, 4n, 5n] });
    const own = solo.history;
    solo.look();
    solo.vote(2n, 1n, own);
    solo.vote(2n, 1n, own);
    solo.vote(3n, 1n, own, 0);
    assert.equal(solo.engine.status.role, "preCandidate");
    solo.vote(3n, 1n, own);
    assert.equal(solo.engine.status.role, "candidate");
  });

  it("goes to a later round with what it has, and brings others to its own", () => {
    const solo = new Solo();
    solo.look();
    const [ahead] = told(solo.vote(2n, 2n, history(1, 1, 1), 7));
    assert.deepEqual([ahead?.[1].round, ahead?.[1].vote.leader], [7, 2n]);
    const [behind] = told(solo.vote(3n, 3n, history(1, 1, 1), 6));
    assert.deepEqual([behind?.[0], behind?.[1].round], [3n, 7]);
  });

  it("does not vote for a member whose link is broken", () => {
    const solo = new Solo();
    solo.look();
    solo.step({ type: "linkLost", peer: 3n });
    assert.equal(told(solo.vote(2n, 3n, history(1, 1, 5)))[0]?.[1].vote.leader, undefined);
    solo.step({ type: "linkUp", peer: 3n });
    assert.equal(told(solo.vote(2n, 3n, history(1, 1, 5)))[0]?.[1].vote.leader, 3n);
  });

  it("asks a leader that others name to be let in", () => {
    const solo = new Solo();
    solo.look();
    const vote = { leader: 3n, history: history(4, 4, 9), priority: 0 };
    const { sent } = solo.receive(2n, { type: "notification", round: 9, vote, settled: true }, { epoch: 4 });
    assert.deepEqual(
      ofType(sent, "followerInfo").map(({ to, message }) => [to, message.refuses]),
      [[3n, false]],
    );
  });
});

describe("a member that has a leader", () => {
  it("says so to who looks, and votes for nobody", () => {
    const solo = new Solo();
    solo.invite(2n, 2, { leads: true });
    const answer = told(solo.vote(3n, 3n, history(1, 1, 9)));
    assert.deepEqual(
      answer.map(([to, { settled, vote }]) => [to, settled, vote.leader]),
      [[3n, true, 2n]],
    );
    assert.equal(solo.engine.status.role, "follower");
  });

  it("looks at once when the link to it breaks, or when it looks itself", () => {
    for (const input of ["linkLost", "looks"] as const) {
      const solo = new Solo();
      solo.invite(2n, 2, { leads: true });
      if (input === "linkLost") solo.step({ type: "linkLost", peer: 2n });
      else solo.vote(2n, 2n, history(2, 1, 1), 3, { epoch: 2 });
      assert.equal(solo.engine.status.role, "preCandidate", input);
    }
  });

  it("is not led astray by what its leader said before it led", () => {
    const solo = new Solo();
    solo.invite(2n, 2, { leads: true });
    solo.vote(2n, 2n, history(1, 1, 1), 3, { epoch: 1 });
    assert.equal(solo.engine.status.leader, 2n);
  });
});

describe("a member that may not stand", () => {
  it("votes for others while its disk stalls", () => {
    const solo = new Solo({ options: { diskStallMs: 100 } });
    solo.invite(2n, 2);
    for (let i = 0; i < 5; i++) solo.tick(100);
    assert.equal(solo.engine.status.diskStalled, true);
    const effects = solo.look();
    assert.equal(told(effects)[0]?.[1].vote.leader, 0n);
    assert.equal(told(solo.vote(3n, 3n, history(1, 1, 1), 1))[0]?.[1].vote.leader, 3n);
  });

  it("says whom it would help, if it does not know that it votes", () => {
    const solo = new Solo({ voters: [2n, 3n], learners: [1n] });
    assert.deepEqual(
      told(solo.vote(2n, 3n, history(1, 1, 1), 4)).map(([to, { round, vote }]) => [to, round, vote.leader]),
      [[2n, 4, 3n]],
    );
    assert.equal(told(solo.vote(2n, 3n, history(0, 0, 0), 4)).length, 0);
    assert.equal(solo.engine.status.role, "follower");
  });

  it("keeps silent while it cannot prove what it acknowledged", () => {
    const solo = new Solo({ start: { untrusted: true } });
    assert.equal(told(solo.vote(2n, 2n, history(1, 1, 1))).length, 0);
    for (let i = 0; i < 100; i++) assert.equal(told(solo.tick(50)).length, 0);
  });
});

describe("a group", () => {
  it("replaces a killed leader within a few round trips", () => {
    const cluster = new Cluster(zabKind, { seed: 3, voters: [1n, 2n, 3n, 4n, 5n], reportLinks: true });
    const leader = cluster.elect();
    cluster.run(500);
    const { time } = cluster;
    cluster.crash(leader);
    cluster.elect();
    assert.ok(cluster.time - time < 40, `${cluster.time - time} ms with links of 1 ms and disks of 1 ms`);
  });

  it("comes to be led by the member of highest priority", () => {
    const priority = (id: bigint): number => (id === 2n ? 5 : 0);
    const cluster = new Cluster(zabKind, {
      seed: 4,
      voters: [1n, 2n, 3n],
      perMember: (id) => ({ priority: priority(id) }),
    });
    cluster.runUntil(() => cluster.leader === 2n, 10_000, "the preferred member leads");
  });

  it("keeps its leader when a member comes back from a partition", () => {
    const cluster = new Cluster(zabKind, { seed: 5, voters: [1n, 2n, 3n] });
    const leader = cluster.elect();
    const away = leader === 1n ? 2n : 1n;
    cluster.isolate(away);
    cluster.run(20_000);
    const { epoch } = cluster.engine(leader).status;
    cluster.heal();
    cluster.run(2_000);
    assert.deepEqual([cluster.leader, cluster.engine(away).status.epoch], [leader, epoch]);
    assert.equal(cluster.engine(away).status.leader, leader);
  });
});
