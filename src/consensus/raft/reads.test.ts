import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maxForwardedReads } from "../parts/forwarded-reads.ts";
import { maxPeerReads } from "../parts/leader-reads.ts";
import { Cluster, type ClusterOptions } from "../testing/cluster.ts";
import { raftProtocol } from "../testing/raft-protocol.ts";
import { ofType, Solo, type SoloEffects } from "../testing/solo.ts";

const cluster = (options: Partial<ClusterOptions> = {}): Cluster =>
  new Cluster(raftProtocol, { seed: 5, voters: [1n, 2n, 3n], ...options });
const read = (solo: Solo, id = 1): SoloEffects => solo.step({ type: "read", id });
const answerRound = (solo: Solo, from: bigint, effects: SoloEffects, promiseMs = 0): SoloEffects => {
  const [heartbeat] = ofType(effects.sent, "heartbeat").filter(({ to, message }) => to === from && message.answer);
  assert.ok(heartbeat, "a round is under way");
  const { session, round, sentAt } = heartbeat.message;
  return solo.receive(from, { type: "heartbeatResponse", session, round, sentAt, promiseMs });
};
const leased = { leaseReads: true, electionTimeoutMs: 1000, clockDriftMs: 100 };

describe("read index", () => {
  it("takes a round of heartbeats that began after the read; all reads of a turn share it", () => {
    const solo = new Solo();
    solo.settle();
    const old = solo.tick(100);
    solo.engine.step({ type: "read", id: 1 }, solo.now);
    solo.engine.step({ type: "read", id: 2 }, solo.now);
    const effects = solo.take();
    assert.equal(ofType(effects.sent, "heartbeat").length, 2, "one round");
    assert.equal(answerRound(solo, 2n, old).reads.length, 0, "an answer to an earlier round says nothing");
    assert.deepEqual(answerRound(solo, 2n, effects).reads, [
      { id: 1, index: 2 },
      { id: 2, index: 2 },
    ]);
    assert.equal(answerRound(solo, 3n, effects).reads.length, 0, "once");
  });

  it("a lost round is made good by the next heartbeat", () => {
    const solo = new Solo();
    solo.settle();
    read(solo);
    assert.equal(answerRound(solo, 3n, solo.tick(100)).reads.length, 1);
  });

  it("alone, a leader answers at once", () => {
    const solo = new Solo({ voters: [1n] });
    solo.tick(1);
    solo.sync();
    solo.sync();
    assert.deepEqual(read(solo).reads, [{ id: 1, index: 2 }]);
  });

  it("learners and members under suspicion confirm nothing", () => {
    const solo = new Solo({ learners: [4n] });
    solo.settle();
    const effects = read(solo);
    assert.equal(answerRound(solo, 4n, effects).reads.length, 0);
    const [heartbeat] = ofType(effects.sent, "heartbeat");
    assert.ok(heartbeat);
    const { session, round, sentAt } = heartbeat.message;
    const answer = { type: "heartbeatResponse" as const, session, round, sentAt, promiseMs: 0 };
    assert.equal(solo.receive(2n, answer, { untrusted: true }).reads.length, 0);
    assert.equal(solo.receive(3n, answer).reads.length, 1);
  });
});

describe("reads on a follower", () => {
  it("get their index from the leader, one question for all of a turn", () => {
    const solo = new Solo();
    solo.append(2n, 2, { index: 1, epoch: 1 }, []);
    solo.engine.step({ type: "read", id: 1 }, solo.now);
    solo.engine.step({ type: "read", id: 2 }, solo.now);
    const asked = ofType(solo.take().sent, "readRequest");
    assert.deepEqual(
      asked.map(({ to }) => to),
      [2n],
    );
    const answer = { type: "readResponse" as const, token: asked[0]?.message.token ?? 0, index: 8, ok: true };
    assert.deepEqual(solo.receive(2n, answer).reads, [
      { id: 1, index: 8 },
      { id: 2, index: 8 },
    ]);
    assert.equal(solo.receive(2n, answer).reads.length, 0);

    const c = cluster();
    const leader = c.elect();
    c.run(300);
    c.propose(leader, new Uint8Array([1]));
    c.run(20);
    c.read(leader === 3n ? 2n : 3n);
    c.run(50);
    assert.equal(c.readsDone.at(-1)?.index, c.committed);
  });

  it("are refused while no leader is known, when it changes, and when no answer comes", () => {
    const solo = new Solo();
    assert.equal(read(solo).refused[0]?.reason, "no leader");
    solo.append(2n, 2, { index: 1, epoch: 1 }, []);
    assert.equal(ofType(read(solo, 2).sent, "readRequest")[0]?.to, 2n);
    const changed = solo.append(3n, 3, { index: 1, epoch: 1 }, []);
    assert.deepEqual(
      changed.refused.map(({ id, reason }) => [id, reason]),
      [[2, "leadership lost"]],
    );
    read(solo, 3);
    solo.append(3n, 3, { index: 1, epoch: 1 }, []);
    const late = Array.from({ length: 41 }, () => {
      solo.append(3n, 3, { index: 1, epoch: 1 }, []);
      return solo.tick(25).refused;
    }).flat();
    assert.deepEqual(
      late.map(({ id, reason }) => [id, reason]),
      [[3, "leadership lost"]],
    );
    assert.match(late[0]?.detail ?? "", /did not answer within 1000 ms/);
  });

  it("an answer to a question of a former life is not taken for one's own", () => {
    const question = (seed: number): number => {
      const solo = new Solo({ options: { seed } });
      solo.append(2n, 2, { index: 1, epoch: 1 }, []);
      const [request] = ofType(read(solo).sent, "readRequest");
      return request?.message.token ?? 0;
    };
    assert.notEqual(question(1), question(2));
    const solo = new Solo({ options: { seed: 2 } });
    solo.append(2n, 2, { index: 1, epoch: 1 }, []);
    read(solo);
    const late = solo.receive(2n, { type: "readResponse", token: question(1), index: 1, ok: true });
    assert.equal(late.reads.length, 0);
    assert.equal(solo.receive(2n, { type: "readResponse", token: question(2), index: 1, ok: true }).reads.length, 1);
  });

  it("are bounded: on the follower by number, on the leader by questions that wait", () => {
    const follower = new Solo();
    follower.append(2n, 2, { index: 1, epoch: 1 }, []);
    for (let id = 0; id <= maxForwardedReads; id++) follower.engine.step({ type: "read", id }, follower.now);
    const { refused, sent } = follower.take();
    assert.deepEqual(
      refused.map(({ id, reason }) => [id, reason]),
      [[maxForwardedReads, "no leader"]],
    );
    assert.equal(ofType(sent, "readRequest").length, 1);

    const leader = new Solo();
    leader.lead();
    for (let token = 1; token <= maxPeerReads; token++) leader.receive(2n, { type: "readRequest", token });
    const turnedAway = leader.receive(2n, { type: "readRequest", token: maxPeerReads + 1 });
    assert.equal(ofType(turnedAway.sent, "readResponse")[0]?.message.ok, false);
  });

  it("a member that does not lead turns them away, so that the asker need not wait", () => {
    const solo = new Solo();
    const { sent } = solo.receive(2n, { type: "readRequest", token: 44 });
    assert.deepEqual(ofType(sent, "readResponse")[0]?.message, {
      type: "readResponse",
      token: 44,
      index: 0,
      ok: false,
    });
  });
});

describe("lease reads", () => {
  const leader = (options = {}): Solo => {
    const solo = new Solo({ options: { ...leased, ...options } });
    solo.settle();
    return solo;
  };

  it("need a quorum's promise, which only members give that would remember it", () => {
    const solo = leader();
    answerRound(solo, 2n, solo.tick(100), 0);
    assert.equal(read(solo).reads.length, 0, "answered, but promised nothing");
    answerRound(solo, 2n, solo.tick(100), 1000);
    assert.equal(read(solo, 2).reads.length, 1);

    const heartbeat = {
      type: "heartbeat" as const,
      session: 1,
      toIncarnation: 0,
      round: 1,
      sentAt: 5,
      commitIndex: 1,
      commitEpoch: 1,
    };
    const hear = (follower: Solo): number | undefined =>
      ofType(
        follower.receive(2n, { ...heartbeat, answer: true, trusted: false }, { epoch: 2 }).sent,
        "heartbeatResponse",
      )[0]?.message.promiseMs;
    const follower = new Solo({ options: leased });
    assert.equal(hear(follower), 0, "not durable yet");
    follower.sync();
    assert.equal(hear(follower), 1000);
    assert.equal(hear(new Solo()), 0, "a member without lease reads promises nothing");
  });

  it("a promise is kept, whatever became of the link: an election waits for its end", () => {
    const c = cluster({ engine: leased, reportLinks: true });
    const old = c.elect();
    c.run(2000);
    const before = c.time;
    c.crash(old);
    c.elect();
    assert.ok(c.time - before > 850, `elected after ${c.time - before} ms, while the lease might have run`);
    assert.ok(c.time - before < 1300, `elected after ${c.time - before} ms: no longer than the promise`);
  });
});
