import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { QuorateError } from "../errors.ts";
import { locateBounded } from "./bounded-load.ts";
import { bucketOf, jump } from "./jump.ts";
import { mixed, murmur3, murmur53 } from "./murmur3.ts";
import { type Placement, type PlacementNode, weightOf } from "./placement.ts";
import { rendezvous } from "./rendezvous.ts";
import { replicas } from "./replicas.ts";
import { ring } from "./ring.ts";

const KEYS = Array.from({ length: 20_000 }, (_, n) => `key/${n}`);
const named = (count: number): PlacementNode[] => Array.from({ length: count }, (_, n) => ({ id: `node-${n}` }));

function shares(placement: Placement, keys: readonly string[] = KEYS): Map<string, number> {
  const found = new Map(placement.nodes.map(({ id }) => [id, 0]));
  for (const key of keys) {
    const id = placement.locate(key)?.id ?? "";
    found.set(id, (found.get(id) ?? 0) + 1);
  }
  return found;
}

describe("MurmurHash3", () => {
  test("the published values (SMHasher and its users)", () => {
    const known: readonly (readonly [string, number, number])[] = [
      ["", 0, 0],
      ["", 1, 0x514e28b7],
      ["", 0xffffffff, 0x81f16f39],
      ["test", 0, 0xba6bd213],
      ["test", 0x9747b28c, 0x704b81dc],
      ["Hello, world!", 0, 0xc0363e43],
      ["Hello, world!", 0x9747b28c, 0x24884cba],
      ["The quick brown fox jumps over the lazy dog", 0, 0x2e4ff723],
      ["aaa", 0x9747b28c, 0x283e0130],
      ["ππππππππ", 0x9747b28c, 0xd58063c1],
    ];
    for (const [text, seed, value] of known) {
      assert.equal(murmur3(text, seed), value, `${text} with seed ${seed}`);
      assert.equal(murmur3(new TextEncoder().encode(text), seed), value);
    }
  });

  test("a mixed number has the hash of its four bytes", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (value, seed) => {
        const bytes = new Uint8Array(new Uint32Array([value]).buffer);
        assert.equal(mixed(value, seed), murmur3(bytes, seed));
      }),
    );
  });

  test("53 bits are a whole number below 2^53, for keys of any length", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 3_000 }), fc.nat(), (key, seed) => {
        const value = murmur53(key, seed);
        assert(Number.isSafeInteger(value) && value >= 0 && value < 2 ** 53);
      }),
    );
  });
});

const WAYS = { ring: (nodes: readonly PlacementNode[]) => ring(nodes), rendezvous, jump };
for (const [name, place] of Object.entries(WAYS)) {
  describe(name, () => {
    test("keys are spread evenly", () => {
      for (const count of [2, 3, 10, 50]) {
        const fair = KEYS.length / count;
        for (const [id, share] of shares(place(named(count)))) {
          assert(Math.abs(share - fair) < 0.3 * fair, `${id} of ${count} has ${share} keys instead of ${fair}`);
        }
      }
    });

    test("the last node that leaves takes at most its share and 5 % with it, and no key moves between those that stay", () => {
      for (const count of [2, 3, 10, 50]) {
        const before = place(named(count));
        const after = place(named(count - 1));
        const gone = `node-${count - 1}`;
        let moved = 0;
        for (const key of KEYS) {
          const from = before.locate(key)?.id;
          const to = after.locate(key)?.id;
          if (from === to) continue;
          assert.equal(from, gone, `${key} moved from ${from} to ${to}`);
          moved++;
        }
        assert(
          moved <= KEYS.length / count + 0.05 * KEYS.length,
          `${moved} of ${KEYS.length} keys moved from 1 of ${count}`,
        );
      }
    });

    test("the order of preference begins with the key's node and has each node once", () => {
      for (const count of [0, 1, 2, 7]) {
        const placement = place(named(count));
        for (const key of KEYS.slice(0, 200)) {
          const order = [...placement.preference(key)].map(({ id }) => id);
          assert.equal(order[0], placement.locate(key)?.id);
          assert.deepEqual([...order].sort(), placement.nodes.map(({ id }) => id).sort());
        }
      }
    });

    test("bytes are placed as the text they spell", () => {
      const placement = place(named(9));
      for (const key of KEYS.slice(0, 100)) {
        assert.equal(placement.locate(new TextEncoder().encode(key)), placement.locate(key));
      }
    });

    test("nobody has a key where there is nobody", () => {
      assert.equal(place([]).locate("a"), null);
      assert.deepEqual(replicas(place([]), "a", 3), []);
      assert.equal(
        locateBounded(place([]), "a", () => 0),
        null,
      );
    });

    test("what cannot be placed on is refused by name", () => {
      const refused = (nodes: PlacementNode[], text: RegExp): void =>
        assert.throws(
          () => place(nodes),
          (error) => error instanceof QuorateError && error.code === "INVALID_ARGUMENT" && text.test(error.message),
        );
      refused([{ id: "" }], /an id that is not empty/);
      refused([{ id: "a" }, { id: "a" }], /two nodes have the id "a"/);
      for (const weight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1_001]) {
        refused([{ id: "b", weight }], /the weight of node "b" is/);
      }
    });
  });
}

const ANY_ORDER = { ring: (nodes: readonly PlacementNode[]) => ring(nodes, { points: 2_048 }), rendezvous };
for (const [name, place] of Object.entries(ANY_ORDER)) {
  describe(`${name}, nodes of any order`, () => {
    test("the order of joins makes no difference", () => {
      fc.assert(
        fc.property(fc.shuffledSubarray(named(8), { minLength: 1 }), (nodes) => {
          const sorted = [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
          const [one, other] = [place(nodes), place(sorted)];
          for (const key of KEYS.slice(0, 300)) assert.equal(one.locate(key)?.id, other.locate(key)?.id);
        }),
        { numRuns: 30 },
      );
    });

    test("any node that leaves moves its own keys only, each to the next in its order", () => {
      const nodes = named(10);
      const before = place(nodes);
      for (const { id: gone } of nodes) {
        const after = place(nodes.filter(({ id }) => id !== gone));
        for (const key of KEYS.slice(0, 2_000)) {
          const order = [...before.preference(key)].map(({ id }) => id).filter((id) => id !== gone);
          assert.deepEqual(
            [...after.preference(key)].map(({ id }) => id),
            order,
          );
        }
      }
    });

    test("shares are as the weights", () => {
      const nodes = [1, 2, 3, 0.5].map((weight, n) => ({ id: `n${n}`, weight }));
      const found = shares(place(nodes));
      for (const { id, weight } of nodes) {
        const fair = (KEYS.length * weight) / 6.5;
        assert(
          Math.abs((found.get(id) ?? 0) - fair) < 0.25 * fair,
          `${id} has ${found.get(id)} keys instead of ${fair}`,
        );
      }
    });

    test("a weight that grows draws keys from the others, and moves none between them", () => {
      const before = place(named(6));
      const after = place(named(6).map((node) => (node.id === "node-2" ? { ...node, weight: 2 } : node)));
      for (const key of KEYS) {
        const to = after.locate(key)?.id;
        if (before.locate(key)?.id !== to) assert.equal(to, "node-2");
      }
    });
  });
}

describe("jump's buckets", () => {
  test("as the paper's function in 64 bits", () => {
    const paper = (key: bigint, buckets: number): number => {
      let [b, j, state] = [-1, 0, key];
      while (j < buckets) {
        b = j;
        state = BigInt.asUintN(64, state * 2862933555777941757n + 1n);
        j = Math.floor((b + 1) * (2 ** 31 / (Number(state >> 33n) + 1)));
      }
      return b;
    };
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 5_000 }), (key, buckets) => {
        assert.equal(bucketOf(Number(key & 0xffffffffn), Number(key >> 32n), buckets), paper(key, buckets));
      }),
    );
  });

  test("weights are refused", () => {
    assert.throws(() => jump([{ id: "a", weight: 2 }]), /jump hashing knows no weights: use ring/);
  });
});

describe("ring", () => {
  test("options that cannot be used are refused by name", () => {
    for (const points of [0, -1, 1.5, 10_001])
      assert.throws(() => ring(named(1), { points }), /^QuorateError: points is/);
    for (const seed of [-1, 0.5, 2 ** 32]) assert.throws(() => ring(named(1), { seed }), /^QuorateError: seed is/);
    const heavy = Array.from({ length: 40 }, (_, n) => ({ id: `${n}`, weight: 1_000 }));
    assert.throws(() => ring(heavy), /would have 10240000 points/);
  });

  test("another seed is another ring", () => {
    const [one, other] = [ring(named(10)), ring(named(10), { seed: 1 })];
    const same = KEYS.filter((key) => one.locate(key)?.id === other.locate(key)?.id).length;
    assert(same < KEYS.length / 5, `${same} of ${KEYS.length} keys are at the same node`);
  });
});

describe("replicas", () => {
  test("are on different nodes, in different zones while there are any", () => {
    const node = fc.record({ zone: fc.option(fc.constantFrom("x", "y", "z"), { nil: undefined }) });
    fc.assert(
      fc.property(
        fc.array(node, { maxLength: 9 }),
        fc.integer({ min: 1, max: 6 }),
        fc.string(),
        (zones, count, key) => {
          const nodes = zones.map(({ zone }, n) => (zone === undefined ? { id: `n${n}` } : { id: `n${n}`, zone }));
          const placement = ring(nodes, { points: 16 });
          const chosen = replicas(placement, key, count);
          const zonesThere = new Set(nodes.map(({ id, zone }) => zone ?? `alone ${id}`));
          assert.equal(chosen.length, Math.min(count, nodes.length));
          assert.equal(new Set(chosen).size, chosen.length);
          assert.equal(chosen[0], placement.locate(key) ?? undefined);
          const zonesChosen = new Set(chosen.map(({ id, zone }) => zone ?? `alone ${id}`));
          assert.equal(zonesChosen.size, Math.min(count, zonesThere.size));
        },
      ),
    );
  });

  test("a count that is none is refused", () => {
    for (const count of [0, -1, 1.5]) assert.throws(() => replicas(ring(named(2)), "a", count), /count of replicas is/);
  });
});

describe("bounded loads", () => {
  test("no node has more than its fill, and most keys are at home", () => {
    const nodes = named(10).map((node, n) => ({ ...node, weight: n < 5 ? 1 : 2 }));
    const placement = ring(nodes, { points: 8 });
    const loads = new Map<PlacementNode, number>();
    const load = (node: PlacementNode): number => loads.get(node) ?? 0;
    let atHome = 0;
    KEYS.slice(0, 5_000).forEach((key, n) => {
      const node = locateBounded(placement, key, load, { factor: 1.25 });
      assert(node !== null);
      if (node === placement.locate(key)) atHome++;
      loads.set(node, load(node) + 1);
      assert(
        load(node) <= Math.ceil((1.25 * (n + 1) * weightOf(node)) / 15),
        `${node.id} has ${load(node)} of ${n + 1}`,
      );
    });
    assert(atHome > 3_500, `${atHome} of 5000 are at home`);
  });

  test("who is excluded gets nothing, and a factor of 1 or less is refused", () => {
    const placement = ring(named(3));
    const chosen = locateBounded(placement, "a", () => 0, { isExcluded: ({ id }) => id !== "node-1" });
    assert.equal(chosen?.id, "node-1");
    assert.equal(
      locateBounded(placement, "a", () => 0, { isExcluded: () => true }),
      null,
    );
    for (const factor of [1, 0, Number.NaN]) {
      assert.throws(() => locateBounded(placement, "a", () => 0, { factor }), /factor is/);
    }
  });
});
