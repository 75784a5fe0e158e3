import assert from "node:assert/strict";
import { test } from "node:test";
import { type MemoryClient, MemoryWorld } from "../store/testing/memory-world.ts";
import { bytes, json, type Schema } from "./codec.ts";
import { get, getAll, put, remove } from "./conditions.ts";
import { Kv } from "./kv.ts";

function connected(): { readonly world: MemoryWorld; readonly kv: Kv } & MemoryClient {
  const world = new MemoryWorld();
  const client = world.client();
  return { world, ...client, kv: Kv.on(client.store) };
}

/** All that an iterable gives, or its error's code at the end. */
async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of iterable) found.push(one);
  return found;
}

/** A number, as a schema library would say it. */
const numberSchema: Schema<number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      typeof value === "number" ? { value } : { issues: [{ message: "no number", path: ["a", { key: "b" }] }] },
  },
};

test("values are text unless a codec says otherwise", async () => {
  const { world, kv } = connected();
  await world.play(kv.put("a", "grüße"));
  const entry = await world.play(kv.get("a"));
  assert.equal(entry?.value, "grüße");
  assert.deepEqual(entry.bytes(), new TextEncoder().encode("grüße"));
  assert.deepEqual([entry.key, entry.version, entry.lease], ["a", 1, 0n]);
  assert.equal(await world.play(kv.get("b")), null);

  const binary = kv.of(bytes);
  await world.play(binary.put("b", Uint8Array.of(0, 255)));
  assert.deepEqual((await world.play(binary.get("b")))?.value, Uint8Array.of(0, 255));
  const foreign = await world.play(kv.get("b"));
  assert.throws(() => foreign?.value, { code: "NOT_TEXT" });

  const objects = kv.of(json<{ n: number }>());
  await world.play(objects.put("c", { n: 1 }));
  assert.deepEqual((await world.play(objects.get("c")))?.value, { n: 1 });
  assert.throws(() => entry.json(), { code: "NOT_JSON" });
});

test("a schema checks what is written and what is read, and says where it is wrong", async () => {
  const { world, kv } = connected();
  const numbers = kv.of(json(numberSchema));
  await world.play(numbers.put("n", 7));
  assert.equal((await world.play(numbers.get("n")))?.value, 7);
  await world.play(kv.put("n", '"seven"'));
  const entry = await world.play(numbers.get("n"));
  assert.throws(() => entry?.value, { code: "INVALID_VALUE", message: /a\.b: no number/ });
  await assert.rejects(numbers.put("n", "x" as unknown as number), { code: "INVALID_VALUE" });
  const later: Schema<number> = {
    "~standard": { version: 1, vendor: "slow", validate: async () => ({ value: 1 }) },
  };
  await assert.rejects(kv.of(json(later)).put("n", 1), {
    code: "INVALID_ARGUMENT",
    message: /slow checks asynchronously/,
  });
});

test("what cannot be a key or a value is refused with what to do", async () => {
  const { kv } = connected();
  await assert.rejects(kv.put("", "x"), { code: "INVALID_ARGUMENT" });
  await assert.rejects(kv.put("a", 1 as unknown as string), /a value is number: give text or a Uint8Array/);
  await assert.rejects(kv.get(1 as unknown as string), /a key is number/);
  await assert.rejects(kv.of(json()).put("a", undefined), { code: "INVALID_ARGUMENT" });
  await assert.rejects(kv.delete({ from: "b", to: "a" }), { code: "INVALID_ARGUMENT" });
});

test("a range comes in pages of one revision, in either order", async () => {
  const { world, kv } = connected();
  for (let n = 0; n < 10; n++) await world.play(kv.put(`p/${n}`, `${n}`));
  await world.play(kv.put("q", "x"));
  const keys = async (iterable: AsyncIterable<{ key: string }>): Promise<string> =>
    (await world.play(all(iterable))).map(({ key }) => key.slice(2)).join("");
  assert.equal(await keys(kv.range({ prefix: "p/" }, { pageSize: 3 })), "0123456789");
  assert.equal(await keys(kv.range({ prefix: "p/" }, { pageSize: 3, reverse: true })), "9876543210");
  assert.equal(await keys(kv.range({ prefix: "p/" }, { pageSize: 3, limit: 7 })), "0123456");
  assert.equal(await keys(kv.range({ from: "p/3", to: "p/6" })), "345");
  assert.equal(await keys(kv.range({ from: "p/8" })), "89");
  assert.equal(await keys(kv.range({ to: "p/2" })), "01");
  assert.equal(await keys(kv.range("p/5")), "5");
  assert.equal(await world.play(kv.count({ prefix: "p/" })), 10);

  const pages = kv.range({ prefix: "p/" }, { pageSize: 2 });
  await world.play(pages.next());
  await world.play(kv.delete({ prefix: "p/" }));
  assert.equal(await keys(pages), "123456789", "the rest of what was there when it began");
});

test("a namespace is a keyspace of its own", async () => {
  const { world, kv } = connected();
  const inner = kv.namespace("app/").namespace("x/");
  await world.play(inner.put("a", "1"));
  await world.play(kv.put("app/y", "2"));
  assert.equal((await world.play(kv.get("app/x/a")))?.text(), "1");
  assert.deepEqual(
    (await world.play(all(inner.range({})))).map(({ key }) => key),
    ["a"],
  );
  assert.deepEqual(
    (await world.play(all(inner.range({ prefix: "" })))).map(({ key }) => key),
    ["a"],
  );
  const { deleted } = await world.play(inner.delete({ from: "a" }, { previous: true }));
  assert.equal(deleted, 1);
  assert.equal(await world.play(kv.count({ prefix: "app/" })), 1);
});

test("puts and deletes tell what was there, and hang on leases", async () => {
  const { world, kv, store } = connected();
  const { id } = await world.play(store.grantLease(5));
  await world.play(kv.put("a", "1", { lease: { id } }));
  const { previous, revision } = await world.play(kv.put("a", "2", { previous: true, lease: id }));
  assert.equal(previous?.value, "1");
  const deleted = await world.play(kv.delete("a", { previous: true }));
  assert.deepEqual([deleted.revision, deleted.deleted, deleted.previous[0]?.value], [revision + 1, 1, "2"]);
  await world.play(kv.put("a", "3", { lease: id }));
  await world.pass(6_000);
  assert.equal(await world.play(kv.get("a")), null);
  assert.equal((await world.play(kv.get("a", { revision })))?.value, "2");
});

test("a watch tells every change once and in order, through whatever passes", async () => {
  const { world, kv, store } = connected();
  const told: string[] = [];
  const end = new AbortController();
  const watching = (async () => {
    for await (const change of kv.namespace("w/").watch({ prefix: "" }, { signal: end.signal, previous: true })) {
      told.push(`${change.type} ${change.key} ${change.text()} ${change.previous?.text() ?? "-"}`);
    }
  })();
  await world.pass(10);
  const other = Kv.on(world.client().store);
  for (let n = 0; n < 4; n++) {
    await world.play(other.put("w/a", `${n}`));
    store.faults.cutWatches();
  }
  await world.play(other.delete("w/a"));
  await world.pass(2_000);
  end.abort();
  await world.play(watching);
  assert.deepEqual(told, ["put a 0 -", "put a 1 0", "put a 2 1", "put a 3 2", "delete a null 3"]);
});

test("a watch whose past is compacted says so, and is not silently deaf", async () => {
  const { world, kv } = connected();
  for (const value of ["1", "2", "3"]) await world.play(kv.put("a", value));
  world.server.compact();
  await assert.rejects(world.play(all(kv.watch("a", { from: 2 }))), { code: "COMPACTED" });
});

test("if … then … else does all at once, or the other", async () => {
  const { world, kv } = connected();
  const create = kv
    .if({ key: "a", exists: false })
    .then(put("a", "1"), put("b", "1"))
    .else(get("a"), getAll({ prefix: "" }));
  assert.equal((await world.play(create.commit())).succeeded, true);
  const again = await world.play(create.commit());
  assert.equal(again.succeeded, false);
  const [one, many] = again.results;
  assert.ok(one?.did === "get" && one.entry?.value === "1");
  assert.ok(many?.did === "range" && many.entries.length === 2);

  const { revision } = (await world.play(kv.get("a"))) ?? { revision: 0 };
  const conditions = [
    { key: "a", revision },
    { key: "a", createRevision: revision + 1, is: "<" },
    { key: "a", version: 1 },
    { key: "a", value: "2", is: "!=" },
    { key: "a", lease: 0n },
    { key: "b", exists: true },
  ] as const;
  const { succeeded, results } = await world.play(
    kv
      .if(...conditions)
      .then(remove({ prefix: "" }))
      .commit(),
  );
  assert.ok(succeeded);
  assert.deepEqual(results, [{ did: "delete", deleted: 2 }]);
});

test("who awaits a transaction that was not committed is told", async () => {
  const { kv } = connected();
  const forgotten = async (): Promise<void> => {
    await (kv.if({ key: "a", exists: false }).then(put("a", "1")) as unknown as Promise<void>);
  };
  await assert.rejects(forgotten(), /end it with \.commit\(\)/);
});
