import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryWorld } from "../store/testing/memory-world.ts";
import { json } from "./codec.ts";
import { Kv } from "./kv.ts";

test("transfers of many clients keep the sum, whoever is quicker", async () => {
  const world = new MemoryWorld();
  const accounts = ["a", "b", "c"];
  const bank = (): Kv<number, number> => Kv.on(world.client().store).of(json<number>());
  const first = bank();
  for (const account of accounts) await world.play(first.put(account, 100));
  const transfers = [0, 1, 2, 3].map(async (client) => {
    const kv = bank();
    for (let n = 0; n < 5; n++) {
      const from = accounts[(client + n) % 3] ?? "";
      const to = accounts[(client + n + 1) % 3] ?? "";
      await kv.transaction(async (tx) => {
        tx.put(from, ((await tx.get(from))?.value ?? 0) - 10);
        tx.put(to, ((await tx.get(to))?.value ?? 0) + 10);
      });
    }
  });
  await world.play(Promise.all(transfers));
  let sum = 0;
  for (const account of accounts) sum += (await world.play(first.get(account)))?.value ?? 0;
  assert.equal(sum, 300);
  const { revision } = (await world.play(first.get("a"))) ?? { revision: 0 };
  assert.ok(revision > 4);
});

test("all reads are of one revision, also of work that will be run again", async () => {
  const world = new MemoryWorld();
  const kv = Kv.on(world.client().store);
  const both = async (value: string): Promise<void> => {
    await kv.transaction(async (tx) => {
      tx.put("x", value);
      tx.put("y", value);
    });
  };
  await world.play(both("1"));
  let runs = 0;
  const seen: string[] = [];
  const result = kv.transaction(async (tx) => {
    const x = (await tx.get("x"))?.value;
    if (runs++ === 0) await both("2");
    const y = (await tx.get("y"))?.value;
    seen.push(`${x}${y}`);
    tx.put("z", `${x}${y}`);
    return `${x}${y}`;
  });
  assert.equal(await world.play(result), "22");
  assert.deepEqual(seen, ["11", "22"]);
});

test("a key that comes into a range that was read, or leaves it, is a conflict", async () => {
  for (const disturb of ["put", "delete"] as const) {
    const world = new MemoryWorld();
    const kv = Kv.on(world.client().store);
    await world.play(kv.put("r/1", "1"));
    let runs = 0;
    const counted = kv.transaction(async (tx) => {
      const entries = await tx.range({ prefix: "r/" });
      if (runs++ === 0) await (disturb === "put" ? kv.put("r/2", "2") : kv.delete("r/1"));
      tx.put("count", `${entries.length}`);
    });
    await world.play(counted);
    assert.equal((await world.play(kv.get("count")))?.value, disturb === "put" ? "2" : "0");
    assert.equal(runs, 2);
  }
});

test("it reads what it has written, and writes nothing when its work fails", async () => {
  const world = new MemoryWorld();
  const kv = Kv.on(world.client().store);
  await world.play(kv.put("a/1", "old"));
  await world.play(
    kv.transaction(async (tx) => {
      tx.put("a/2", "new");
      tx.delete("a/1");
      assert.equal(await tx.get("a/1"), null);
      assert.deepEqual(
        (await tx.range({ prefix: "a/" })).map(({ key, value }) => `${key}=${value}`),
        ["a/2=new"],
      );
    }),
  );
  const failing = kv.transaction(async (tx) => {
    tx.put("a/3", "never");
    throw new Error("changed my mind");
  });
  await assert.rejects(world.play(failing), /changed my mind/);
  assert.equal(await world.play(kv.count({ prefix: "a/" })), 1);
});

test("it gives up after so many attempts, and tells an unknown outcome", async () => {
  const world = new MemoryWorld();
  const { store } = world.client();
  const kv = Kv.on(store);
  const disturbed = kv.transaction(
    async (tx) => {
      await tx.get("a");
      await kv.put("a", "quicker");
      tx.put("a", "slower");
    },
    { attempts: 3 },
  );
  await assert.rejects(world.play(disturbed), { code: "CONFLICT", message: /each of 3 attempts/ });
  store.faults.nextWrites("applied");
  const unknown = kv.transaction(async (tx) => tx.put("a", "1"));
  await assert.rejects(world.play(unknown), { code: "OUTCOME_UNKNOWN" });
  await assert.rejects(
    kv.transaction(async () => undefined, { attempts: 0 }),
    { code: "INVALID_ARGUMENT" },
  );
});

test("a transaction that is used after its end says so", async () => {
  const world = new MemoryWorld();
  const kv = Kv.on(world.client().store);
  const escaped = await world.play(kv.transaction(async (tx) => tx));
  assert.throws(() => escaped.put("a", "1"), /this transaction is over/);
});
