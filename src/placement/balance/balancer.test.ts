import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { PlacementNode } from "../placement.ts";
import { type BalancerOptions, balancer, type PolicyName } from "./balancer.ts";
import type { Balancer, Picked } from "./policy.ts";

const POLICIES: readonly PolicyName[] = ["roundRobin", "smoothWeighted", "leastLoaded", "peakEwma", "consistentHash"];
const named = (...ids: string[]): PlacementNode[] => ids.map((id) => ({ id }));

function made(instances: readonly PlacementNode[], options: BalancerOptions): Balancer<PlacementNode> {
  const made = balancer(options);
  made.update(instances, 0);
  return made;
}

function taken(picked: Picked<PlacementNode> | null): Picked<PlacementNode> {
  assert(picked !== null);
  return picked;
}

/** One call after the other, each over before the next. */
function sequence(calls: Balancer<PlacementNode>, count: number, key?: string): string[] {
  return Array.from({ length: count }, (_, now) => {
    const picked = taken(calls.pick(key === undefined ? { now } : { now, key }));
    picked.ended({ now, ok: true });
    return picked.instance.id;
  });
}

function counted(ids: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

describe("every policy", () => {
  for (const policy of POLICIES) {
    test(`${policy} picks what is there and not excluded, and ends with it`, () => {
      const calls = made([], { policy });
      assert.equal(calls.pick({ now: 0 }), null);
      calls.update(named("a", "b", "c"), 0);
      for (let now = 0; now < 60; now++) {
        const { instance } = taken(calls.pick({ now, key: `${now}`, isExcluded: ({ id }) => id === "b" }));
        assert.notEqual(instance.id, "b");
      }
      assert.equal(calls.pick({ now: 61, isExcluded: () => true }), null);
      calls.update(named("d"), 62);
      assert.equal(taken(calls.pick({ now: 62 })).instance.id, "d");
    });

    test(`${policy} leaves nobody out for long`, () => {
      const calls = made(named("a", "b", "c", "d"), { policy });
      const ids = Array.from({ length: 400 }, (_, now) => {
        const picked = taken(calls.pick({ now, key: `key ${now}` }));
        picked.ended({ now: now + 1, ok: true });
        return picked.instance.id;
      });
      for (const id of ["a", "b", "c", "d"]) assert((counted(ids)[id] ?? 0) > 40, `${id}: ${counted(ids)[id]} of 400`);
    });

    test(`${policy} gives an instance its new description`, () => {
      const calls = made([{ id: "a", zone: "x" }], { policy });
      calls.update([{ id: "a", zone: "y" }], 1);
      assert.equal(taken(calls.pick({ now: 2 })).instance.zone, "y");
    });
  }

  test("options that cannot be used are refused by name", () => {
    const refused = (options: BalancerOptions, text: RegExp): void => assert.throws(() => balancer(options), text);
    refused({ policy: "best" as PolicyName }, /no balancing policy is called "best"/);
    refused({ outliers: { failures: 0 } }, /outliers.failures is 0/);
    refused({ outliers: { baseMs: -1 } }, /outliers.baseMs is -1/);
    refused({ outliers: { mostMs: 1 } }, /outliers.mostMs is 1/);
    refused({ outliers: { mostPart: 2 } }, /outliers.mostPart is 2/);
    refused({ slowStart: { windowMs: 0 } }, /slowStart.windowMs is 0/);
    refused({ slowStart: { leastPart: 0 } }, /slowStart.leastPart is 0/);
    assert.throws(() => balancer().update([{ id: "a", weight: -1 }], 0), /the weight of node "a" is -1/);
  });
});

describe("round robin", () => {
  test("each in its turn, and who comes or goes does not begin the round anew", () => {
    const calls = made(named("c", "a", "b"), { policy: "roundRobin" });
    assert.deepEqual(sequence(calls, 4), ["a", "b", "c", "a"]);
    calls.update(named("a", "c", "d"), 9);
    assert.deepEqual(sequence(calls, 4), ["c", "d", "a", "c"]);
  });
});

describe("smooth weighted round robin", () => {
  test("nginx's sequence", () => {
    const calls = made([{ id: "a", weight: 5 }, { id: "b" }, { id: "c" }], { policy: "smoothWeighted" });
    assert.deepEqual(sequence(calls, 14).join(""), "aabacaaaabacaa");
  });

  test("in a round everybody has its weight's turns", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }), (weights) => {
        const calls = made(
          weights.map((weight, n) => ({ id: `${n}`, weight })),
          { policy: "smoothWeighted" },
        );
        const round = weights.reduce((sum, weight) => sum + weight, 0);
        for (let n = 0; n < 3; n++) {
          const counts = counted(sequence(calls, round));
          assert.deepEqual(
            weights.map((_, id) => counts[`${id}`]),
            weights,
          );
        }
      }),
    );
  });
});

describe("least loaded", () => {
  test("no two instances ever differ by more than one call for their weight", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 60 }), (steps) => {
        const calls = made(named("a", "b", "c"), { policy: "leastLoaded" });
        const open: Picked<PlacementNode>[] = [];
        const under = (id: string): number => open.filter(({ instance }) => instance.id === id).length;
        steps.forEach((step, now) => {
          if (step < 3 && open.length > 0) {
            open.splice(step % open.length, 1)[0]?.ended({ now, ok: true });
            return;
          }
          const least = Math.min(...["a", "b", "c"].map(under));
          const picked = taken(calls.pick({ now }));
          assert.equal(under(picked.instance.id), least);
          open.push(picked);
        });
      }),
    );
  });

  test("twice the weight bears twice the calls", () => {
    const calls = made([{ id: "a", weight: 2 }, { id: "b" }], { policy: "leastLoaded" });
    const ids = Array.from({ length: 30 }, (_, now) => taken(calls.pick({ now })).instance.id);
    assert.deepEqual(counted(ids), { a: 20, b: 10 });
  });

  test("a call that ended twice counts once", () => {
    const calls = made(named("a", "b"), { policy: "leastLoaded" });
    const first = taken(calls.pick({ now: 0 }));
    const second = taken(calls.pick({ now: 0 }));
    assert.notEqual(first.instance.id, second.instance.id);
    first.ended({ now: 1, ok: true });
    first.ended({ now: 1, ok: true });
    const third = taken(calls.pick({ now: 2 }));
    assert.equal(third.instance.id, first.instance.id);
    assert.equal(taken(calls.pick({ now: 2 })).instance.id, second.instance.id);
  });
});

describe("two choices by peak latency", () => {
  test("of two, the slower is left alone", () => {
    const calls = made(named("fast", "slow"), { policy: "peakEwma" });
    let now = 0;
    const counts = { fast: 0, slow: 0 };
    for (let n = 0; n < 500; n++) {
      const picked = taken(calls.pick({ now }));
      const id = picked.instance.id as keyof typeof counts;
      counts[id]++;
      picked.ended({ now: now + (id === "fast" ? 1 : 50), ok: true });
      now += 60;
    }
    assert(counts.fast > 480, JSON.stringify(counts));
  });

  test("who was slow is tried again when that is long ago", () => {
    const calls = made(named("a", "b"), { policy: "peakEwma" });
    for (let n = 0; n < 4; n++) {
      const picked = taken(calls.pick({ now: n }));
      picked.ended({ now: n + (picked.instance.id === "a" ? 200 : 2), ok: true });
    }
    const ids: string[] = [];
    for (let now = 1_000; now < 200_000; now += 100) {
      const picked = taken(calls.pick({ now }));
      ids.push(picked.instance.id);
      picked.ended({ now: now + 2, ok: true });
    }
    assert(ids.slice(0, 100).filter((id) => id === "a").length < 5);
    assert(ids.slice(-200).filter((id) => id === "a").length > 20);
  });

  test("calls under way count, so that nobody is flooded before it has answered once", () => {
    const calls = made(named("a", "b", "c", "d"), { policy: "peakEwma", seed: 3 });
    const counts = counted(Array.from({ length: 400 }, () => taken(calls.pick({ now: 0 })).instance.id));
    for (const id of ["a", "b", "c", "d"]) assert((counts[id] ?? 0) > 60, JSON.stringify(counts));
  });

  test("the same seed picks the same", () => {
    const ids = (seed: number): string[] => sequence(made(named("a", "b", "c"), { policy: "peakEwma", seed }), 30);
    assert.deepEqual(ids(5), ids(5));
    assert.notDeepEqual(ids(5), ids(6));
  });
});

describe("consistent hash", () => {
  test("a key stays where it is when others come and go", () => {
    const calls = made(named("a", "b", "c", "d"), { policy: "consistentHash" });
    const home = sequence(calls, 1, "user/7")[0] as string;
    assert.deepEqual(new Set(sequence(calls, 50, "user/7")), new Set([home]));
    calls.update(
      named("a", "b", "c", "d").filter(({ id }) => id === home || id !== (home === "a" ? "b" : "a")),
      9,
    );
    assert.deepEqual(new Set(sequence(calls, 50, "user/7")), new Set([home]));
  });

  test("a key that everybody wants spreads over the others", () => {
    const calls = made(named("a", "b", "c", "d"), { policy: "consistentHash" });
    const counts = counted(Array.from({ length: 100 }, (_, now) => taken(calls.pick({ now, key: "hot" })).instance.id));
    for (const count of Object.values(counts)) assert(count <= 32, JSON.stringify(counts));
  });
});

describe("the own zone", () => {
  const instances = [
    { id: "a1", zone: "a" },
    { id: "a2", zone: "a" },
    { id: "b1", zone: "b" },
  ];

  test("comes first, and is left when half of it cannot bear all calls", () => {
    const calls = made(instances, { policy: "roundRobin", zone: "a" });
    assert.deepEqual(counted(sequence(calls, 10)), { a1: 5, a2: 5 });
    const one = Array.from({ length: 6 }, () => taken(calls.pick({ now: 0, isExcluded: ({ id }) => id === "a1" })));
    assert.deepEqual(counted(one.map(({ instance }) => instance.id)), { a2: 6 });
    const many = [...instances, { id: "a3", zone: "a" }];
    calls.update(many, 1);
    const few = Array.from({ length: 6 }, () => taken(calls.pick({ now: 0, isExcluded: ({ id }) => id < "a3" })));
    assert.deepEqual(counted(few.map(({ instance }) => instance.id)), { a3: 3, b1: 3 });
  });

  test("a zone with nobody in it is no reason to pick nobody", () => {
    assert.equal(sequence(made(instances, { policy: "roundRobin", zone: "c" }), 3).length, 3);
  });
});

describe("outliers", () => {
  function fail(calls: Balancer<PlacementNode>, id: string, times: number, now: number): void {
    for (let n = 0; n < times; n++) {
      const picked = calls.pick({ now, isExcluded: (instance) => instance.id !== id });
      picked?.ended({ now, ok: false });
    }
  }

  test("who fails several times in a row is barred, longer each time, and let in again", () => {
    const calls = made(named("a", "b", "c", "d"), { policy: "roundRobin", outliers: { failures: 3, baseMs: 1_000 } });
    const has = (now: number): boolean =>
      Array.from({ length: 8 }, () => taken(calls.pick({ now })).instance.id).includes("b");
    fail(calls, "b", 2, 0);
    assert(has(0));
    fail(calls, "b", 1, 0);
    assert(!has(999));
    assert(has(1_000));
    fail(calls, "b", 3, 1_000);
    assert(!has(2_999));
    assert(has(3_000));
  });

  test("a success in between is a new beginning", () => {
    const calls = made(named("a", "b"), { policy: "roundRobin", outliers: { failures: 2 } });
    for (let n = 0; n < 10; n++) {
      fail(calls, "a", 1, n);
      taken(calls.pick({ now: n, isExcluded: ({ id }) => id !== "a" })).ended({ now: n, ok: true });
    }
    assert.deepEqual(counted(sequence(calls, 10)), { a: 5, b: 5 });
  });

  test("never more than the part allowed is barred, and the last one never", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.constantFrom(0, 0.3, 0.5, 1), (count, mostPart) => {
        const ids = Array.from({ length: count }, (_, n) => `n${n}`);
        const calls = made(named(...ids), { policy: "roundRobin", outliers: { failures: 1, mostPart } });
        for (const id of ids) fail(calls, id, 1, 0);
        const open = new Set(Array.from({ length: 40 }, () => taken(calls.pick({ now: 1 })).instance.id));
        const barred = Math.floor(count * mostPart);
        // Where all are barred, all are tried.
        assert.equal(open.size, barred === count ? count : count - barred);
      }),
    );
  });
});

describe("slow start", () => {
  test("who joins later gets little at first, and its share in the end; the first ones begin at once", () => {
    const calls = made(named("a"), { policy: "smoothWeighted", slowStart: { windowMs: 1_000 } });
    calls.update(named("a", "b"), 0);
    const share = (now: number): number =>
      counted(
        Array.from({ length: 220 }, () => {
          const picked = taken(calls.pick({ now }));
          picked.ended({ now, ok: true });
          return picked.instance.id;
        }),
      ).b ?? 0;
    assert(Math.abs(share(0) - 20) <= 2, `${share(0)}`);
    assert(Math.abs(share(500) - 73) <= 3, `${share(500)}`);
    assert(Math.abs(share(1_000) - 110) <= 2, `${share(1_000)}`);
  });
});
