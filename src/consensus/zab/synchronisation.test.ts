import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EntryLog } from "../parts/entry-log.ts";
import { joined } from "../testing/cluster.ts";
import { decodeHardState } from "./hard-state.ts";
import { encodeMessage } from "./messages.ts";
import { commonPoint } from "./synchronisation.ts";
import { command, logOf, ofType, Solo, type SoloEffects } from "./testing/solo.ts";

/** Two histories that a group can come to: what they share, then what each has alone. An epoch has one leader's run. */
interface Pair {
  readonly common: readonly number[];
  readonly leader: readonly number[];
  readonly follower: readonly number[];
}

const pairs: fc.Arbitrary<Pair> = fc
  .record({
    common: fc.array(fc.nat(2), { minLength: 1, maxLength: 6 }),
    // Who goes on in the last common epoch; both would still be common.
    goesOn: fc.constantFrom("leader", "follower", "nobody"),
    more: fc.nat(3),
    // Later epochs, each with one leader: which of the two has it, and how many entries.
    later: fc.array(fc.record({ mine: fc.boolean(), entries: fc.integer({ min: 1, max: 4 }) }), { maxLength: 6 }),
  })
  .map(({ common: steps, goesOn, more, later }) => {
    let epoch = 1;
    const common = steps.map((step, i) => (i === 0 ? epoch : (epoch += step)));
    const tails: Record<"leader" | "follower", number[]> = { leader: [], follower: [] };
    if (goesOn !== "nobody") tails[goesOn].push(...Array.from({ length: more }, () => epoch));
    for (const { mine, entries } of later) {
      epoch++;
      tails[mine ? "leader" : "follower"].push(...Array.from({ length: entries }, () => epoch));
    }
    return { common, leader: [...common, ...tails.leader], follower: [...common, ...tails.follower] };
  });

const epochsOf = (entries: readonly { readonly epoch: number }[]): number[] => entries.map(({ epoch }) => epoch);

/** What a leader and one follower say to each other, delivered until nothing is left; every write is durable at once. */
class Pairing {
  readonly leader: Solo;
  readonly follower: Solo;
  /** Messages with entries, or asking for the base. */
  streamed = 0;
  readonly #watch: (effects: SoloEffects) => void;

  constructor({ leader, follower }: Pair, watch: (effects: SoloEffects) => void = () => {}) {
    const newest = Math.max(...leader, ...follower);
    const state = (log: readonly number[]): { acceptedEpoch: number; currentEpoch: number } => ({
      acceptedEpoch: newest,
      currentEpoch: log.at(-1) ?? 0,
    });
    this.#watch = watch;
    this.leader = new Solo({ state: state(leader), start: { entries: logOf(leader) } });
    this.follower = new Solo({ state: state(follower), start: { entries: logOf(follower) }, options: { id: 2n } });
    this.follower.take();
  }

  /** The leader's epoch is accepted by a third; then the follower comes, whatever it holds. */
  run(): void {
    const history = { epoch: 0, last: { epoch: 1, index: 1 } };
    const asked = this.#lead(history);
    this.#deliver(asked);
  }

  #lead(history: { epoch: number; last: { epoch: number; index: number } }): SoloEffects[] {
    this.leader.look();
    const own = {
      epoch: decodeHardState(this.leader.state).currentEpoch,
      last: { index: this.leader.disk.length, epoch: this.leader.disk.at(-1)?.epoch ?? 0 },
    };
    const first = this.leader.vote(3n, 1n, own, 1, { epoch: 1 });
    const second = this.leader.sync();
    return [first, second, this.leader.accept(3n, history), this.leader.sync()];
  }

  #deliver(effects: readonly SoloEffects[]): void {
    let toFollower = effects.flatMap(({ sent }) => sent.filter(({ to }) => to === 2n));
    for (let turn = 0; toFollower.length > 0; turn++) {
      assert.ok(turn < 100, "they never come to rest");
      const answers: SoloEffects[] = [];
      for (const { envelope, message } of toFollower) {
        if (message.type === "propose") this.streamed++;
        const bytes = joined(encodeMessage(envelope, message));
        const step = this.follower.step({ type: "message", from: 1n, bytes });
        this.#watch(step);
        answers.push(step, this.follower.sync());
      }
      toFollower = [];
      for (const { envelope, message, to } of answers.flatMap(({ sent }) => sent)) {
        if (to !== 1n) continue;
        const bytes = joined(encodeMessage(envelope, message));
        for (const step of [this.leader.step({ type: "message", from: 2n, bytes }), this.leader.sync()]) {
          toFollower.push(...step.sent.filter((each) => each.to === 2n));
        }
      }
    }
  }
}

describe("the common point of two histories", () => {
  it("is the last entry they share whenever it is sure, and never before it", () => {
    fc.assert(
      fc.property(pairs, ({ common, leader, follower }) => {
        const start = { epoch: 0, index: 0 };
        const ours = new EntryLog(start, logOf(leader));
        const theirs = new EntryLog(start, logOf(follower));
        const shared = leader.findIndex((epoch, i) => follower[i] !== epoch);
        const last = shared < 0 ? Math.min(leader.length, follower.length) : shared;
        assert.ok(last >= common.length);
        const point = commonPoint(ours, { index: theirs.lastIndex, epoch: theirs.lastEpoch });
        assert.ok(point !== null);
        if (point.sure) assert.equal(point.index, last);
        else assert.ok(point.index >= last, `${point.index} is asked for, ${last} is shared`);
      }),
    );
  });

  it("is out of reach where the leader has forgotten what the peer needs", () => {
    const log = new EntryLog({ epoch: 3, index: 10 }, [command(3, 11), command(5, 12)]);
    assert.equal(commonPoint(log, { epoch: 3, index: 9 }), null);
    assert.deepEqual(commonPoint(log, { epoch: 3, index: 10 }), { index: 10, sure: true });
    assert.equal(commonPoint(log, { epoch: 2, index: 11 }), null);
    assert.deepEqual(commonPoint(log, { epoch: 4, index: 14 }), { index: 11, sure: false });
    assert.deepEqual(commonPoint(log, { epoch: 5, index: 14 }), { index: 12, sure: true });
  });

  it("is the beginning where nothing else is", () => {
    const log = new EntryLog({ epoch: 0, index: 0 }, [command(3, 1)]);
    assert.deepEqual(commonPoint(log, { epoch: 0, index: 0 }), { index: 0, sure: true });
    assert.deepEqual(commonPoint(log, { epoch: 2, index: 7 }), { index: 0, sure: true });
  });
});

describe("synchronisation", () => {
  it("brings a follower with any history to the leader's, and drops nothing that they share", () => {
    fc.assert(
      fc.property(pairs, (pair) => {
        const pairing: Pairing = new Pairing(pair, () => {
          const kept = pairing.follower.disk.slice(0, pair.common.length);
          assert.deepEqual(epochsOf(kept), pair.common);
        });
        pairing.run();
        const { leader, follower } = pairing;
        assert.deepEqual(epochsOf(follower.disk), epochsOf(leader.disk));
        assert.deepEqual(
          follower.disk.map(({ data }) => data),
          leader.disk.map(({ data }) => data),
        );
        assert.equal(follower.engine.status.leader, 1n);
        const epochs = new Set([...pair.leader, ...pair.follower]).size;
        assert.ok(pairing.streamed <= epochs + 3, `${pairing.streamed} messages for ${epochs} epochs`);
      }),
    );
  });

  it("makes the history durable before the current epoch, or with it", () => {
    fc.assert(
      fc.property(pairs, (pair) => {
        let adopted = false;
        const pairing: Pairing = new Pairing(pair, ({ write, sent }) => {
          const { currentEpoch, acceptedEpoch } = decodeHardState(pairing.follower.state);
          if (currentEpoch === acceptedEpoch && write !== null && !adopted) {
            adopted = true;
            assert.deepEqual(epochsOf(pairing.follower.disk).slice(0, pair.leader.length), pair.leader);
          }
          for (const { message, after } of ofType(sent, "ack")) {
            if (message.ok && message.adopted) assert.ok(adopted && (write === null || after === write.number));
          }
        });
        pairing.run();
        assert.ok(adopted);
      }),
    );
  });

  it("needs one message where the histories are equal", () => {
    const solo = new Solo({ epochs: [1, 1] });
    solo.prepare();
    const { sent } = solo.accept(2n, { epoch: 1, last: { epoch: 1, index: 3 } });
    const stream = ofType(sent, "propose").map(({ message }) => message);
    assert.equal(stream.length, 1);
    const { counter, prevIndex, newLeader, entries, commit } = stream[0] as (typeof stream)[0];
    assert.deepEqual([counter, prevIndex, newLeader, entries.length, commit], [0, 3, true, 0, 0]);
  });

  it("sends NEWLEADER between the history and what is proposed behind it", () => {
    const solo = new Solo({ options: { maxMessageBytes: 1 } });
    solo.settle([2n]);
    for (let i = 0; i < 3; i++) solo.propose();
    solo.accept(3n, { epoch: 1, last: { epoch: 1, index: 1 } }, { counts: false });
    const { sent } = solo.propose();
    const late = ofType([...solo.take().sent, ...sent], "propose").filter(({ to }) => to === 3n);
    const flags = late.map(({ message }) => [message.prevIndex, message.newLeader]);
    assert.ok(
      flags.every(([index, flag]) => flag === (index === 4)),
      JSON.stringify(flags),
    );
  });

  it("asks for a snapshot where the entries are forgotten, and goes on behind it", () => {
    const solo = new Solo({ epochs: [1, 1, 1] });
    solo.settle([2n]);
    const { status } = solo.engine;
    const snapshot = { index: 5, epoch: 2, membership: status.membership };
    solo.step({ type: "applied", index: 5 });
    solo.step({ type: "compact", snapshot, upTo: 5 });
    const { sendSnapshot } = solo.accept(3n, { epoch: 1, last: { epoch: 1, index: 1 } }, { counts: false });
    assert.deepEqual(sendSnapshot, [{ to: 3n, index: 5 }]);
    assert.equal(solo.engine.status.peers.get(3n)?.state, "snapshot");
    const { sent } = solo.step({ type: "snapshotSent", to: 3n, index: 5, ok: true });
    assert.equal(ofType(sent, "leaderInfo")[0]?.to, 3n);
    const stream = solo.accept(3n, { epoch: 1, last: { epoch: 2, index: 5 } }, { counts: false });
    assert.equal(ofType(stream.sent, "propose")[0]?.message.prevIndex, 5);
  });
});
