import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maxPeerReads } from "../parts/leader-reads.ts";
import { Cluster } from "../testing/cluster.ts";
import { zabKind } from "./kind.ts";
import { ofType, Solo, type SoloEffects } from "./testing/solo.ts";

const read = (solo: Solo, id = 1): SoloEffects => solo.step({ type: "read", id });
const answer = (solo: Solo, from: bigint, effects: SoloEffects, promiseMs = 0, untrusted = false): SoloEffects => {
  const [ping] = ofType(effects.sent, "ping").filter(({ to, message }) => to === from && message.answer);
  assert.ok(ping, "a round is under way");
  const { session, round, sentAt } = ping.message;
  return solo.receive(from, { type: "pong", session, round, sentAt, promiseMs }, { untrusted });
};
const leased = { leaseReads: true, electionTimeoutMs: 1000, clockDriftMs: 100 };

describe("read index", () => {
  it("takes a round of pings that began after the read; all reads of a turn share it", () => {
    const solo = new Solo();
    solo.settle();
    const old = solo.tick(100);
    solo.engine.step({ type: "read", id: 1 }, solo.now);
    solo.engine.step({ type: "read", id: 2 }, solo.now);
    const effects = solo.take();
    assert.equal(answer(solo, 2n, old).reads.length, 0, "an answer to an earlier round says nothing");
    assert.deepEqual(answer(solo, 2n, effects).reads, [
      { id: 1, index: 2 },
      { id: 2, index: 2 },
    ]);
  });

  it("waits until the leader has committed an entry of its own epoch", () => {
    const solo = new Solo();
    solo.lead();
    assert.equal(ofType(read(solo).sent, "ping").length, 0);
    solo.sync();
    const settled = solo.ack(2n, 2);
    assert.deepEqual(answer(solo, 2n, settled).reads, [{ id: 1, index: 2 }]);
  });

  it("is given by a leader that is alone at once, and by nobody who prepares an epoch", () => {
    const alone = new Solo({ voters: [1n] });
    alone.tick(1);
    for (let i = 0; i < 3; i++) alone.sync();
    assert.deepEqual(read(alone).reads, [{ id: 1, index: 2 }]);
    const candidate = new Solo();
    candidate.prepare();
    assert.equal(read(candidate).refused[0]?.reason, "no leader");
  });

  it("is confirmed by no learner and no member under suspicion", () => {
    const solo = new Solo({ learners: [4n] });
    solo.settle();
    solo.accept(4n, solo.history, { counts: false });
    solo.ack(4n, 2);
    const effects = read(solo);
    assert.equal(answer(solo, 4n, effects).reads.length, 0);
    assert.equal(answer(solo, 2n, effects, 0, true).reads.length, 0);
  });

  it("is not given any more when the leadership ends", () => {
    const solo = new Solo();
    solo.settle();
    read(solo);
    const { refused } = solo.invite(3n, 9, { leads: true });
    assert.deepEqual(
      refused.map(({ id, reason }) => [id, reason]),
      [[1, "leadership lost"]],
    );
  });

  it("is bounded for peers", () => {
    const solo = new Solo();
    solo.lead();
    for (let token = 0; token < maxPeerReads; token++) solo.receive(2n, { type: "readRequest", token });
    const { sent } = solo.receive(2n, { type: "readRequest", token: maxPeerReads });
    assert.equal(ofType(sent, "readResponse")[0]?.message.ok, false);
  });
});

describe("a follower's read", () => {
  it("is asked of the leader, and given back when no answer comes", () => {
    const solo = new Solo();
    assert.equal(read(solo).refused[0]?.reason, "no leader");
    solo.invite(2n, 2, { leads: true });
    const [request] = ofType(read(solo, 5).sent, "readRequest");
    assert.ok(request);
    const { token } = request.message;
    const foreign = solo.receive(3n, { type: "readResponse", token, index: 9, ok: true });
    assert.equal(foreign.reads.length, 0, "not from a leader");
    assert.deepEqual(solo.receive(2n, { type: "readResponse", token, index: 4, ok: true }).reads, [
      { id: 5, index: 4 },
    ]);
    read(solo, 6);
    solo.tick(400);
    solo.tick(400);
    assert.deepEqual(solo.tick(400).refused[0]?.reason, "leadership lost");
  });
});

describe("a lease", () => {
  it("answers at once, from the sending of the ping on, less the drift; not a moment longer", () => {
    const solo = new Solo({ options: leased });
    solo.settle();
    const effects = solo.tick(100);
    const sent = solo.now;
    solo.now += 50;
    answer(solo, 2n, effects, 1000);
    solo.now = sent + 899;
    assert.deepEqual(read(solo).reads, [{ id: 1, index: 2 }]);
    solo.now = sent + 900;
    assert.deepEqual(read(solo, 2).reads, []);
  });

  it("is over for the epoch once somebody was told to take over", () => {
    const solo = new Solo({ options: leased });
    solo.settle();
    answer(solo, 2n, solo.tick(100), 1000);
    solo.step({ type: "transfer", id: 1, to: 2n });
    assert.deepEqual(read(solo).reads, []);
  });

  it("holds in whole groups whatever happens to links, clocks and members", () => {
    const cluster = new Cluster(zabKind, { seed: 21, voters: [1n, 2n, 3n], engine: leased, reportLinks: true });
    const leader = cluster.elect();
    cluster.run(500);
    cluster.isolate(leader);
    for (const id of [1n, 2n, 3n]) if (id !== leader) cluster.feed(id, { type: "linkLost", peer: leader });
    for (let i = 0; i < 100; i++) {
      if (cluster.engine(leader).status.role === "leader") cluster.read(leader);
      if (cluster.leader !== 0n) cluster.propose(cluster.leader, new Uint8Array(1));
      cluster.run(25);
    }
    assert.notEqual(cluster.leader, leader);
    assert.ok(cluster.readsDone.length > 10);
  });
});
