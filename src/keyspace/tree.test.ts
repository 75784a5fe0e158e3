import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type KeyRecord, makeRecord, makeTombstone } from "./record.ts";
import { Tree } from "./tree.ts";

/** A tree and what it must hold, in order. */
interface Pair {
  readonly tree: Tree;
  readonly model: KeyRecord[];
}

function record(key: string, revision: number, deleted = false): KeyRecord {
  return deleted
    ? makeTombstone(key, revision, 0, null)
    : makeRecord(key, revision, revision, 1, "", 0n, 0, false, null);
}

function setIn(model: KeyRecord[], one: KeyRecord): void {
  const at = model.findIndex(({ key }) => key >= one.key);
  if (at < 0) model.push(one);
  else model.splice(at, model[at]?.key === one.key ? 1 : 0, one);
}

function collect(walk: (visitor: (one: KeyRecord) => boolean) => void): KeyRecord[] {
  const found: KeyRecord[] = [];
  walk((one) => found.push(one) > 0);
  return found;
}

function inRange(model: readonly KeyRecord[], from: string, to: string | null, living: boolean): KeyRecord[] {
  return model.filter(({ key, deleted }) => key >= from && (to === null || key < to) && !(living && deleted));
}

function requireSame({ tree, model }: Pair): void {
  tree.check();
  assert.equal(tree.size, model.length);
  assert.equal(tree.live, model.filter(({ deleted }) => !deleted).length);
  assert.deepEqual(
    collect((visit) => tree.visit("", null, false, visit)),
    model,
  );
  const cursor = tree.cursor();
  for (const one of model) assert.equal(cursor.next(), one);
  assert.equal(cursor.next(), null);
  assert.equal(cursor.next(), null);
}

/** Keys of up to 2 of 24 letters, some 600; with filling up there are enough for trees of three levels. */
const letter = fc.integer({ min: 0, max: 23 }).map((n) => String.fromCharCode(97 + n));
const key = fc.tuple(letter, letter).map(([a, b]) => (b === "a" ? a : a + b));
const to = fc.oneof(key, fc.constant(null));

const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ type: fc.constant("set" as const), key, deleted: fc.boolean(), via: fc.boolean() }),
  },
  { weight: 8, arbitrary: fc.record({ type: fc.constant("delete" as const), key }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("deleteRange" as const), from: key, to }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("fill" as const), from: letter }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("clone" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("switch" as const), to: fc.nat(7) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("look" as const), from: key, to, living: fc.boolean() }) },
);

test("any interleaving of changes in any number of clones: each tree holds what its own array does", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 150, size: "max" }), (steps) => {
      const pairs: Pair[] = [{ tree: new Tree(), model: [] }];
      let pair = pairs[0] as Pair;
      let revision = 1;
      for (const each of steps) {
        const { tree, model } = pair;
        switch (each.type) {
          case "set": {
            const one = record(each.key, ++revision, each.deleted);
            // As writers do: look, then replace.
            if (each.via)
              assert.equal(
                tree.get(each.key),
                model.find((other) => other.key === each.key),
              );
            tree.set(one);
            setIn(model, one);
            break;
          }
          case "fill":
            for (let i = 0; i < 400; i++) {
              const one = record(each.from + String((i * 77) % 400).padStart(3, "0"), ++revision, i % 7 === 0);
              tree.set(one);
              setIn(model, one);
            }
            break;
          case "delete": {
            const at = model.findIndex((other) => other.key === each.key);
            assert.equal(tree.delete(each.key), at >= 0);
            if (at >= 0) model.splice(at, 1);
            break;
          }
          case "deleteRange":
            for (const one of inRange(model, each.from, each.to, false)) {
              assert.equal(tree.delete(one.key), true);
              model.splice(model.indexOf(one), 1);
            }
            break;
          case "clone":
            if (pairs.length < 8) pairs.push({ tree: tree.clone(), model: [...model] });
            break;
          case "switch":
            pair = pairs[each.to % pairs.length] as Pair;
            break;
          case "look": {
            const { from, living } = each;
            const expected = inRange(model, from, each.to, living);
            assert.deepEqual(
              collect((visit) => tree.visit(from, each.to, living, visit)),
              expected,
            );
            assert.deepEqual(
              collect((visit) => tree.visitDescending(from, each.to, living, visit)),
              expected.toReversed(),
            );
            assert.equal(tree.count(from, each.to), inRange(model, from, each.to, true).length);
          }
        }
      }
      for (const one of pairs) requireSame(one);
    }),
    { numRuns: 150 },
  );
});

test("a tree built from sorted records equals one grown record by record, and can be changed", () => {
  fc.assert(
    fc.property(fc.nat(3000), fc.array(key, { maxLength: 40 }), (size, changes) => {
      const builder = Tree.builder();
      const model: KeyRecord[] = [];
      for (let i = 0; i < size; i++) {
        const one = record(`k${String(i).padStart(6, "0")}`, i + 2, i % 5 === 0);
        assert.equal(builder.push(one), true);
        assert.equal(builder.push(one), false);
        model.push(one);
      }
      const tree = builder.finish();
      requireSame({ tree, model });
      for (const changed of changes) {
        const one = record(changed, 9999);
        tree.set(one);
        setIn(model, one);
        const gone = model[model.length >> 1] as KeyRecord;
        tree.delete(gone.key);
        model.splice(model.length >> 1, 1);
      }
      requireSame({ tree, model });
    }),
    { numRuns: 30 },
  );
});

test("growing keys leave full nodes behind, and a tree can be emptied from either end", () => {
  for (const order of ["up", "down"] as const) {
    const tree = new Tree();
    const model: KeyRecord[] = [];
    for (let i = 0; i < 5000; i++) {
      const one = record(String(i).padStart(6, "0"), i + 2);
      tree.set(one);
      model.push(one);
    }
    requireSame({ tree, model });
    while (model.length > 0) {
      const gone = (order === "up" ? model.shift() : model.pop()) as KeyRecord;
      assert.equal(tree.delete(gone.key), true);
      if (model.length % 1000 === 0) requireSame({ tree, model });
    }
  }
});

test("walks end when the visitor says so, and pass over tombstones if told to", () => {
  const tree = new Tree();
  for (let i = 0; i < 20_000; i++) tree.set(record(String(i).padStart(6, "0"), i + 2, i < 19_990));
  const seen = collect((visit) => tree.visit("", null, true, (one) => visit(one) && one.key !== "019992"));
  assert.deepEqual(
    seen.map(({ key: found }) => found),
    ["019990", "019991", "019992"],
  );
  const last = collect((visit) => tree.visitDescending("", "019995", true, (one) => visit(one) && false));
  assert.deepEqual(
    last.map(({ key: found }) => found),
    ["019994"],
  );
});

test("a write right after a look finds its leaf also if that was split, joined or cloned in between", () => {
  for (const between of ["split", "join", "clone"] as const) {
    for (let looked = 0; looked < 60; looked++) {
      const tree = new Tree();
      const model: KeyRecord[] = [];
      const set = (name: string, revision: number): void => {
        const one = record(name, revision);
        tree.set(one);
        setIn(model, one);
      };
      for (let i = 0; i < 60; i++) set(`k${String(i).padStart(2, "0")}`, 2);
      const name = `k${String(looked).padStart(2, "0")}`;
      tree.get(name);
      if (between === "split") for (let i = 0; i < 40; i++) tree.set(record(`k${String(i).padStart(2, "0")}x`, 3));
      if (between === "join") {
        for (const one of model.filter(({ key: other }) => other !== name)) {
          tree.delete(one.key);
          tree.get(name);
          const again = record(name, one.modRevision + 1);
          tree.set(again);
          assert.equal(tree.get(name), again);
        }
        model.splice(0, model.length);
      }
      const clone = between === "clone" ? tree.clone() : null;
      const old = clone?.get(name);
      set(name, 4);
      assert.equal(tree.get(name)?.modRevision, 4);
      if (clone !== null) assert.equal(clone.get(name), old);
      tree.check();
    }
  }
});

test("a write of the key behind a deleted one reaches the tree also if its leaf was joined with another", () => {
  for (const step of [1, -1]) {
    const tree = new Tree();
    const names = Array.from({ length: 300 }, (_, i) => String(i).padStart(3, "0"));
    for (const name of names) tree.set(record(name, 2));
    if (step < 0) names.reverse();
    for (const [i, name] of names.slice(1).entries()) {
      tree.delete(names[i] as string);
      const one = record(name, i + 3);
      tree.set(one);
      assert.equal(tree.get(name), one);
    }
    tree.check();
  }
});

test("dead subtrees are not looked into: a queue's consumed head does not slow down reads of its front", () => {
  let looks = 0;
  const builder = Tree.builder();
  for (let i = 0; i < 20_000; i++) {
    const deleted = i < 19_990;
    const one = { ...record(String(i).padStart(6, "0"), i + 2) };
    Object.defineProperty(one, "deleted", {
      get() {
        looks++;
        return deleted;
      },
    });
    builder.push(one);
  }
  const tree = builder.finish();
  looks = 0;
  assert.equal(collect((visit) => tree.visit("", null, true, visit)).length, 10);
  assert.equal(collect((visit) => tree.visitDescending("", "019992", true, visit)).length, 2);
  assert.equal(tree.count("", "019992"), 2);
  assert.ok(looks < 200, `looked at ${looks} records`);
});

test("a tree that only grew at its end can be emptied from its end, whatever its size", () => {
  // Where the newest part is cut off alone, an inner node was left with one child, which then had no neighbour to join.
  for (let size = 1000; size < 1200; size++) {
    const tree = new Tree();
    const name = (i: number): string => `k${String(i).padStart(6, "0")}`;
    for (let i = 0; i < size; i++) tree.set(record(name(i), i + 2));
    tree.check();
    for (let i = size - 1; i >= size - 80; i--) assert.equal(tree.delete(name(i)), true);
    tree.check();
    assert.equal(tree.size, size - 80);
  }
});
