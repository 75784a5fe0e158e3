import assert from "node:assert/strict";
import { test } from "node:test";
import { Listener } from "../store/testing/heard.ts";
import { MemoryWorld } from "../store/testing/memory-world.ts";
import { Mutex } from "./mutex.ts";
import { Session } from "./session.ts";

async function opened(listener: Listener) {
  const world = new MemoryWorld();
  const client = world.client();
  const store = Object.assign(client.store, { diagnostics: listener.diagnostics });
  const session = await world.play(Session.open(store, { ttlMs: 6_000 }));
  return { world, store, session, mutex: new Mutex(session, "a", { session }) };
}

test("a lock that is got and released is told of, with its fence", async () => {
  const listener = new Listener();
  const { world, store, session, mutex } = await opened(listener);
  const lock = await world.play(mutex.acquire());
  await world.play(lock.release());
  await world.play(session.close());
  assert.deepEqual(listener.names, [
    "quorate:session:opened",
    "quorate:hold:acquired",
    "quorate:hold:released",
    "quorate:session:closed",
  ]);
  const { fence, key } = lock;
  const told = { store, what: 'lock "a"', key, fence, lease: session.id };
  assert.deepEqual(listener.on("quorate:hold:acquired"), [{ ...told, error: null }]);
  assert.equal(listener.on("quorate:hold:released")[0]?.error?.code, "RELEASED");
});

test("what is lost with its session, or given up with it, is told of as that", async () => {
  for (const [way, told] of [
    ["lost", "SESSION_LOST"],
    ["released", "SESSION_CLOSED"],
  ] as const) {
    const listener = new Listener();
    const { world, store, session, mutex } = await opened(listener);
    const lock = await world.play(mutex.acquire());
    if (way === "lost") store.faults.refuse(20_000);
    else await world.play(session.close());
    await world.pass(10_000);
    assert.equal(lock.held, false);
    const [message, ...more] = listener.on(`quorate:hold:${way}`);
    assert.equal(message?.error?.code, told);
    assert.deepEqual(more, []);
    const [end] = listener.on(way === "lost" ? "quorate:session:lost" : "quorate:session:closed");
    assert.equal(end?.error?.code, told);
    assert.equal(listener.names.filter((name) => name.startsWith("quorate:hold:")).length, 2);
  }
});

test("nothing is told to nobody", async () => {
  const listener = new Listener("quorate:hold:acquired", "quorate:hold:released", "quorate:session:opened");
  const { world, mutex } = await opened(listener);
  await world.play((await world.play(mutex.acquire())).release());
  assert.deepEqual(listener.names, []);
});
