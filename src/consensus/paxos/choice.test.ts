import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Entry, EntryKind } from "../engine.ts";
import { createMembership } from "../membership.ts";
import { SeededRandom } from "../random.ts";
import { choose, type Report, sameValue } from "./choice.ts";
import { type Accepted, withoutFalling } from "./rising.ts";
import { change, command, noop } from "./testing/paxos-solo.ts";

const at = (entry: Entry, round: number): Accepted => ({ entry, round });
const names = (entries: readonly Entry[]): string[] =>
  entries.map(({ epoch, index, kind }) => `${kind === EntryKind.noop ? "=" : ""}${epoch}/${index}`);

describe("a new leader's values", () => {
  it("are those of the highest rounds", () => {
    const reports: Report[] = [
      [at(command(2, 5), 4), at(command(3, 6), 3)],
      [at(command(1, 5), 3), at(command(3, 6), 5), at(command(4, 7), 4)],
    ];
    assert.deepEqual(names(choose(5, 1, reports)), ["2/5", "3/6", "4/7"]);
    assert.deepEqual(choose(5, 1, []), []);
  });

  it("have no-ops in gaps, of the epoch before", () => {
    const reports: Report[] = [[null, null, at(command(4, 7), 4)], [at(command(2, 5), 2)]];
    assert.deepEqual(names(choose(5, 1, reports)), ["2/5", "=2/6", "4/7"]);
    assert.deepEqual(names(choose(5, 1, [[null, at(command(3, 6), 3), null]])), ["=1/5", "3/6"]);
  });

  it("never fall in epochs: of two that would, the one of the lower round was not chosen", () => {
    // Slot 5 was proposed in round 6, slot 6 in round 4: leader 6 had something else, or nothing, in slot 6.
    assert.deepEqual(names(choose(5, 1, [[at(command(6, 5), 6)], [null, at(command(4, 6), 4)]])), ["6/5"]);
    // Slot 6 was accepted again in round 7, whose leader had nothing of epoch 6 in slot 5.
    assert.deepEqual(names(choose(5, 1, [[at(command(6, 5), 6), at(command(4, 6), 7)]])), ["=1/5", "4/6"]);
    // Behind what is decided nothing older can follow.
    assert.deepEqual(names(choose(5, 3, [[at(command(2, 5), 8), at(command(3, 6), 4)]])), ["=3/5", "3/6"]);
  });

  it("end with a change of membership", () => {
    const three = change(4, 6, createMembership([1n, 2n, 3n]));
    const reports: Report[] = [[at(command(4, 5), 4), at(three, 4), at(command(4, 7), 4)]];
    assert.deepEqual(names(choose(5, 1, reports)), ["4/5", "4/6"]);
  });

  it("cannot be two of one round", () => {
    const words = /slot 5 has two values of round 4/;
    assert.throws(() => choose(5, 1, [[at(command(2, 5), 4)], [at(command(3, 5), 4)]]), words);
    const falling = [at(command(4, 5), 4), at(command(3, 6), 4)];
    assert.throws(() => choose(5, 1, [falling]), /the list of one leader falls: 4\/5 of 4, 3\/6 of 4/);
    assert.equal(withoutFalling(falling, 0), null);
  });

  it("know the same value by its content", () => {
    assert.equal(sameValue(command(2, 5, "a"), command(2, 5, "a")), true);
    for (const other of [command(3, 5, "a"), command(2, 5, "b"), command(2, 5, "ab"), noop(2, 5)]) {
      assert.equal(sameValue(command(2, 5, "a"), other), false);
    }
  });

  it("hold all that was ever chosen, whoever was asked and whatever got lost", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(3, 4, 5), fc.integer({ min: 0, max: 3 }), (seed, size, phase2) => {
        new Synod(seed, size, phase2).run(60);
      }),
      { numRuns: 300 },
    );
  });
});

/**
 * Paxos over a few slots by the rules of choice.ts and rising.ts alone: acceptors that hear some of what leaders of growing
 * rounds say, in any order. Chosen is what enough acceptors accepted in one round without a gap before it.
 */
class Synod {
  readonly #random: SeededRandom;
  readonly #accepting: number;
  readonly #promising: number;
  readonly #promised: number[];
  readonly #slots: (Accepted | null)[][];
  /** What the leader of each round proposed so far. */
  readonly #lists = new Map<number, Entry[]>();
  readonly #chosen: (Entry | undefined)[] = [];
  #round = 0;

  constructor(seed: number, size: number, phase2: number) {
    this.#random = new SeededRandom(seed);
    this.#accepting = phase2 === 0 ? Math.floor(size / 2) + 1 : Math.min(phase2, size);
    this.#promising = Math.max(Math.floor(size / 2) + 1, size - this.#accepting + 1);
    this.#promised = Array.from({ length: size }, () => 0);
    this.#slots = Array.from({ length: size }, () => []);
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      const draw = this.#random.below(10);
      if (draw === 0) this.#lead();
      else if (draw <= 3) this.#propose();
      else this.#accept();
    }
  }

  /** Somebody's phase 1 with a quorum of acceptors. */
  #lead(): void {
    const round = ++this.#round;
    const acceptors = this.#promised.map((_, id) => id).sort(() => this.#random.fraction() - 0.5);
    const quorum = acceptors.slice(0, this.#promising);
    for (const id of quorum) this.#promised[id] = round;
    const list = choose(
      1,
      0,
      quorum.map((id) => this.#slots[id] as Report),
    );
    this.#chosen.forEach((value, place) => {
      if (value !== undefined) assert.equal(list[place], value, `round ${round} forgot slot ${place + 1}`);
    });
    list.reduce((epoch, entry) => {
      assert.ok(entry.epoch >= epoch, `the list of round ${round} falls at slot ${entry.index}`);
      return entry.epoch;
    }, 0);
    this.#lists.set(round, [...list, noop(round, list.length + 1)]);
  }

  /** Any leader that there was goes on: nobody has told it. */
  #propose(): void {
    const round = 1 + this.#random.below(Math.max(1, this.#round));
    const list = this.#lists.get(round);
    if (list !== undefined && list.length < 12) list.push(command(round, list.length + 1));
  }

  /** One message of one leader, new or late, reaches one acceptor. */
  #accept(): void {
    const rounds = [...this.#lists.keys()];
    if (rounds.length === 0) return;
    const round = rounds[Math.max(0, rounds.length - 1 - this.#random.below(3))] as number;
    const id = this.#random.below(this.#promised.length);
    if (round < (this.#promised[id] as number)) return;
    this.#promised[id] = round;
    const list = this.#lists.get(round) as Entry[];
    const from = this.#random.below(list.length);
    const to = Math.min(list.length, from + 1 + this.#random.below(3));
    const slots = [...(this.#slots[id] as (Accepted | null)[])];
    while (slots.length < from) slots.push(null);
    for (let place = from; place < to; place++) slots[place] = at(list[place] as Entry, round);
    const standing = withoutFalling(slots, 0);
    assert.ok(standing !== null, `what acceptor ${id} took of round ${round} falls`);
    this.#slots[id] = standing;
    this.#count(round, list);
  }

  #count(round: number, list: readonly Entry[]): void {
    const reach = this.#slots
      .map((slots) => slots.findIndex((slot) => slot?.round !== round))
      .map((gap, id) => (gap < 0 ? (this.#slots[id] as Report).length : gap))
      .sort((a, b) => b - a)[this.#accepting - 1] as number;
    for (let place = 0; place < reach; place++) {
      const value = list[place] as Entry;
      this.#chosen[place] ??= value;
      assert.equal(this.#chosen[place], value, `slot ${place + 1} has two chosen values`);
    }
  }
}
