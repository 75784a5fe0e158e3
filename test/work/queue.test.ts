import assert from "node:assert/strict";
import { test } from "node:test";
import { Quorate } from "../../src/coordination/quorate.ts";
import { bytes, json } from "../../src/kv/codec.ts";
import { type MemoryClient, MemoryWorld } from "../../src/store/testing/memory-world.ts";

interface Program extends MemoryClient {
  readonly q: Quorate;
}

function join(world: MemoryWorld): Program {
  const client = world.client();
  return { ...client, q: new Quorate(client.store, { sessionTtlMs: 4_000 }) };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test("what is sent is received once, and gone when it is acknowledged", async () => {
  const world = new MemoryWorld();
  const [one, two] = [join(world), join(world)];
  const sent = Array.from({ length: 100 }, (_, at) => `message ${at}`);
  await world.play(one.q.queue("mail").sendAll(sent));
  const consumer = two.q.queue("mail").consumer();
  const got: string[] = [];
  while (got.length < sent.length) {
    const batch = await world.play(consumer.receive({ max: 20, timeoutMs: 10_000 }));
    for (const message of batch) got.push(message.value);
    await world.play(Promise.all(batch.map((message) => message.ack())));
  }
  assert.deepEqual(got.sort(), sent.sort());
  await assert.rejects(world.play(consumer.receive({ timeoutMs: 5_000 })), { code: "TIMEOUT" });
  const length = await world.play(one.q.queue("mail").length());
  assert.deepEqual(length, { ready: 0, inLines: 0, delayed: 0, held: 0, dead: 0 });
  await world.play(consumer.close());
});

test("revisions and round trips are few for a message", async () => {
  const world = new MemoryWorld();
  const { q } = join(world);
  const queue = q.queue("mail");
  await world.play(queue.send("first"));
  const before = world.server.keyspace.revision;
  await world.play(queue.sendAll(Array.from({ length: 480 }, () => "x")));
  const afterSends = world.server.keyspace.revision;
  assert.ok(afterSends - before <= 11, `480 sends made ${afterSends - before} revisions`);
  let count = 0;
  const worker = queue.process(async () => void count++, { concurrency: 48 });
  await world.play(
    (async () => {
      while (count < 481) await new Promise<void>((done) => q.store.clock.after(5, done));
    })(),
  );
  await world.play(worker.drain());
  const used = world.server.keyspace.revision - afterSends;
  assert.ok(used < 481 / 4, `481 messages were worked off with ${used} revisions`);
});

test("several consumers share the work, and none gets another's message", async () => {
  const world = new MemoryWorld(3);
  const seen = new Map<string, number>();
  const shares: number[] = [];
  const programs = [1, 2, 3, 4].map(() => join(world));
  const workers = programs.map(({ q }, at) => {
    shares[at] = 0;
    return q.queue("mail").process(
      async ({ value }) => {
        seen.set(value, (seen.get(value) ?? 0) + 1);
        shares[at] = (shares[at] ?? 0) + 1;
        await new Promise<void>((done) => q.store.clock.after(3, done));
      },
      { concurrency: 4 },
    );
  });
  const { q } = join(world);
  await world.pass(2_000);
  await world.play(q.queue("mail").sendAll(Array.from({ length: 400 }, (_, at) => `${at}`)));
  await world.pass(20_000);
  assert.equal(seen.size, 400);
  assert.ok([...seen.values()].every((times) => times === 1));
  assert.ok(
    shares.every((share) => share > 30),
    `shares: ${shares.join()}`,
  );
  await world.play(Promise.all(workers.map((worker) => worker.drain())));
});

test("a dead consumer's message comes again, and what it does then is fenced", async () => {
  const world = new MemoryWorld();
  const [one, two] = [join(world), join(world)];
  await world.play(one.q.queue("mail").send("hello"));
  const [lost] = await world.play(one.q.queue("mail").consumer().receive());
  assert.equal(lost?.attempt, 1);
  one.process.pause();
  const [again] = await world.play(two.q.queue("mail").consumer().receive({ timeoutMs: 20_000 }));
  assert.deepEqual([again?.value, again?.attempt], ["hello", 2]);
  one.process.resume();
  assert.equal(lost?.held, false);
  await assert.rejects(world.play(lost?.ack() ?? Promise.resolve()), { code: "SESSION_LOST" });
  assert.ok((again?.fence ?? 0n) > (lost?.fence ?? 0n));
  await world.play(again?.ack() ?? Promise.resolve());
});

test("a message that is held too long is taken away", async () => {
  const world = new MemoryWorld();
  const { q } = join(world);
  const queue = q.queue("mail");
  await world.play(queue.send("slow"));
  const consumer = queue.consumer({ visibilityMs: 500 });
  const [first] = await world.play(consumer.receive());
  const [second] = await world.play(consumer.receive());
  await assert.rejects(first?.ack() ?? Promise.resolve(), { code: "FENCED" });
  assert.equal(second?.attempt, 2);
  await world.pass(400);
  second?.extend();
  await world.pass(400);
  await world.play(second?.ack() ?? Promise.resolve());
});

test("an acknowledgement whose answer is lost is made once, with what is beside it", async () => {
  for (const outcome of ["applied", "lost", { lateMs: 300 }] as const) {
    const world = new MemoryWorld();
    const { q, store } = join(world);
    const queue = q.queue("mail");
    await world.play(queue.send("hello"));
    const [message] = await world.play(queue.consumer().receive());
    store.faults.nextWrites(outcome);
    await world.play(message?.ack() ?? Promise.resolve());
    assert.deepEqual(await world.play(queue.length()), { ready: 0, inLines: 0, delayed: 0, held: 0, dead: 0 });
  }
});

test("a send whose answer is lost is there once", async () => {
  for (const outcome of ["applied", "lost", { lateMs: 300 }] as const) {
    const world = new MemoryWorld();
    const { q, store } = join(world);
    const queue = q.queue("mail");
    await world.play(queue.send("one"));
    store.faults.nextWrites(outcome, outcome);
    await world.play(
      Promise.all([queue.send("two"), queue.send("three", { key: "k" }), queue.send("four", { id: "4" })]),
    );
    await world.pass(1_000);
    const { ready, inLines } = await world.play(queue.length());
    assert.deepEqual([ready, inLines], [3, 1], JSON.stringify(outcome));
  }
});

test("messages of one key come one at a time and in order, with others beside", async () => {
  const world = new MemoryWorld(5);
  const programs = [1, 2, 3].map(() => join(world));
  const got = new Map<string, number[]>();
  const busy = new Set<string>();
  let failures = 0;
  const workers = programs.map(({ q }) =>
    q.queue("mail", { codec: json<{ key: string; n: number }>() }).process(
      async ({ value, attempt }) => {
        assert.ok(!busy.has(value.key), "two of one key at once");
        busy.add(value.key);
        await new Promise<void>((done) => q.store.clock.after(2, done));
        busy.delete(value.key);
        if (value.n % 7 === 3 && attempt === 1) {
          failures += 1;
          throw new Error("once");
        }
        got.set(value.key, [...(got.get(value.key) ?? []), value.n]);
      },
      { concurrency: 4, retry: { baseMs: 20 } },
    ),
  );
  const senders = ["a", "b", "c", "d", "e/f"].map(async (key, at) => {
    const { q } = programs[at % 3] as Program;
    const queue = q.queue("mail", { codec: json<{ key: string; n: number }>() });
    for (let n = 0; n < 30; n++) await queue.send({ key, n }, { key });
  });
  await world.play(Promise.all(senders));
  await world.pass(30_000);
  for (const [key, numbers] of got)
    assert.deepEqual(
      numbers,
      Array.from({ length: 30 }, (_, n) => n),
      key,
    );
  assert.equal(got.size, 5);
  assert.ok(failures > 10);
  await world.play(Promise.all(workers.map((worker) => worker.drain())));
  const marks = await world.play((programs[0] as Program).q.kv.count({ prefix: "queue/mail//s/" }));
  assert.equal(marks, 0);
});

test("priority, delay and ids", async () => {
  const world = new MemoryWorld();
  const { q } = join(world);
  const queue = q.queue("mail");
  await world.play(queue.send("last", { priority: 9 }));
  await world.play(queue.send("middle"));
  await world.play(queue.send("first", { priority: 0 }));
  await world.play(queue.send("later", { delayMs: 3_000 }));
  const sent = await world.play(queue.send("unique", { id: "42" }));
  const again = await world.play(queue.send("unique", { id: "42" }));
  assert.deepEqual([again.duplicate, again.token], [true, sent.token]);
  const consumer = queue.consumer({ prefetch: 1 });
  const order: string[] = [];
  for (let at = 0; at < 4; at++) {
    const [message] = await world.play(consumer.receive());
    order.push(message?.value ?? "");
    await world.play(message?.ack() ?? Promise.resolve());
  }
  assert.deepEqual(order, ["first", "middle", "unique", "last"]);
  const began = world.timeline.now;
  const [later] = await world.play(consumer.receive());
  assert.equal(later?.value, "later");
  assert.ok(world.timeline.now - began > 2_000 && world.timeline.now - began < 3_500);
});

test("what fails too often is a dead letter, and can be replayed", async () => {
  const world = new MemoryWorld();
  const { q } = join(world);
  const queue = q.queue("mail", { attempts: 3 });
  let isBroken = true;
  const done: number[] = [];
  const worker = queue.process(
    async ({ attempt }) => {
      if (isBroken) throw new Error("broken");
      done.push(attempt);
    },
    { retry: { baseMs: 100 } },
  );
  await world.play(queue.send("poison"));
  await world.pass(3_000);
  const [letter] = await world.play(all(queue.deadLetters.list()));
  assert.deepEqual([letter?.value, letter?.reason, letter?.attempts], ["poison", "Error: broken", 3]);
  isBroken = false;
  assert.equal(await world.play(queue.deadLetters.replay(letter?.token ?? "")), true);
  await world.pass(1_000);
  assert.deepEqual(done, [1]);
  await world.play(worker.drain());
});

test("a message that kills its consumers is a dead letter in the end", async () => {
  const world = new MemoryWorld();
  await world.play(join(world).q.queue("mail").send("poison"));
  for (let at = 0; at < 5; at++) {
    const victim = join(world);
    const [message] = await world.play(victim.q.queue("mail").consumer().receive());
    assert.equal(message?.attempt, at + 1);
    victim.process.kill();
    await world.pass(6_000);
  }
  const { q } = join(world);
  await assert.rejects(world.play(q.queue("mail").consumer().receive({ timeoutMs: 5_000 })), { code: "TIMEOUT" });
  const [letter] = await world.play(all(q.queue("mail").deadLetters.list()));
  assert.match(letter?.reason ?? "", /begun 5 times/);
});

test("a bounded queue refuses, or lets the sender wait", async () => {
  const world = new MemoryWorld();
  const { q } = join(world);
  const queue = q.queue("mail", { maxLength: 10 });
  for (let at = 0; at < 10; at++) await world.play(queue.send(`${at}`));
  await assert.rejects(world.play(queue.send("too much")), { code: "QUEUE_FULL" });
  const waiting = queue.send("patient", { timeoutMs: 60_000 });
  await world.pass(1_000);
  const [message] = await world.play(queue.consumer({ prefetch: 1 }).receive());
  await world.play(message?.ack() ?? Promise.resolve());
  await world.play(waiting);
});

test("large payloads go in chunks, and leave nothing behind", async () => {
  const world = new MemoryWorld();
  const { q } = join(world);
  const queue = q.queue("files", { codec: bytes });
  const file = Uint8Array.from({ length: 1_000_000 }, (_, at) => at % 251);
  await world.play(queue.send(file, { id: "f" }));
  await world.play(queue.send(file, { id: "f" }));
  const [message] = await world.play(queue.consumer().receive());
  assert.deepEqual(message?.value, file);
  await world.play(message?.ack() ?? Promise.resolve());
  assert.equal(await world.play(q.kv.count({ prefix: "queue/files//b/" })), 0);
  await assert.rejects(queue.send(new Uint8Array(20_000_000)), { code: "INVALID_ARGUMENT" });
});

test("a consumer that is closed gives back what nobody has used", async () => {
  const world = new MemoryWorld();
  const [one, two] = [join(world), join(world)];
  await world.play(one.q.queue("mail").sendAll(["a", "b", "c"]));
  const closing = one.q.queue("mail").consumer();
  const [used] = await world.play(closing.receive());
  await world.play(closing.close());
  const consumer = two.q.queue("mail").consumer();
  const began = world.timeline.now;
  const got = [...(await world.play(consumer.receive({ max: 2 })))];
  while (got.length < 2) got.push(...(await world.play(consumer.receive({ max: 2 }))));
  assert.ok(world.timeline.now - began < 2_000);
  assert.ok(got.every(({ attempt }) => attempt === 1));
  await world.play(used?.ack() ?? Promise.resolve());
});
