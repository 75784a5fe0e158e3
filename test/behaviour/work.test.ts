/**
 * Queues and tasks while the leader is killed. The same suite runs on clusters of each engine, on a real etcd
 * (`QUORATE_TEST_TARGET=etcd`), and on a member in a thread of this process (`embedded`): see `surroundings.ts`.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Quorate } from "../../src/coordination/quorate.ts";
import { json } from "../../src/kv/codec.ts";
import { ETCD, missing } from "../support/programs.ts";
import { type Surroundings, surroundingsFromEnvironment } from "./surroundings.ts";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const skip = process.env["QUORATE_TEST_TARGET"] === "etcd" && missing(ETCD);

describe("work on a cluster", { skip }, () => {
  let surroundings: Surroundings;
  let programs: readonly Quorate[] = [];

  before(async () => {
    surroundings = await surroundingsFromEnvironment();
    programs = surroundings.programs;
  });
  after(() => surroundings?.stop());

  const program = (at: number): Quorate => programs[at] as Quorate;

  test("every message is received, those of a key in their order, while the leader dies", async () => {
    const codec = json<{ key: string; n: number }>();
    const seen = new Map<string, number[]>();
    let total = 0;
    const { promise: complete, resolve } = Promise.withResolvers<void>();
    const workers = programs.slice(1).map((q) =>
      q.queue("mail", { codec }).process(
        async ({ value, attempt }) => {
          const numbers = seen.get(value.key) ?? [];
          // A message may come again; it must not come early.
          if (attempt === 1 || numbers.at(-1) !== value.n) numbers.push(value.n);
          seen.set(value.key, numbers);
          if (++total >= 240) resolve();
        },
        { concurrency: 4 },
      ),
    );
    const queue = program(0).queue("mail", { codec });
    const sending = Promise.all(
      ["a", "b", "c", "d"].map(async (key) => {
        for (let n = 0; n < 40; n++) {
          await queue.send({ key, n }, { key });
          if (n % 2 === 0) await queue.send({ key: "none", n }, { id: `${key}${n}` });
          await pause(20);
        }
      }),
    );
    await surroundings.disturb(sending);
    await complete;
    await Promise.all(workers.map((worker) => worker.drain()));
    const numbers = Array.from({ length: 40 }, (_, n) => n);
    for (const key of ["a", "b", "c", "d"]) assert.deepEqual([...new Set(seen.get(key))], numbers, key);
    assert.equal(seen.get("none")?.length, 80);
    const { ready, inLines, delayed, dead } = await queue.length();
    assert.deepEqual([ready, inLines, delayed, dead], [0, 0, 0, 0]);
  });

  test("large messages, delays, dead letters", async () => {
    const queue = program(0).queue("large", { attempts: 1 });
    const text = "x".repeat(700_000);
    await queue.send(text);
    const consumer = program(1).queue("large", { attempts: 1 }).consumer();
    const [large] = await consumer.receive({ timeoutMs: 30_000 });
    assert.equal(large?.value, text);
    await large?.ack();
    await queue.send("late", { delayMs: 300 });
    const [late] = await consumer.receive({ timeoutMs: 30_000 });
    assert.equal(late?.value, "late");
    await late?.reject("not wanted");
    const letters: string[] = [];
    for await (const { token, reason } of queue.deadLetters.list()) {
      letters.push(reason);
      assert.equal(await queue.deadLetters.replay(token), true);
    }
    assert.deepEqual(letters, ["not wanted"]);
    const [again] = await consumer.receive({ timeoutMs: 30_000 });
    await again?.ack();
    await consumer.close();
  });

  test("tasks end with their results, and effects are made once, while the leader dies", async () => {
    const workers = programs.slice(1).map((q) =>
      q.tasks
        .define(
          "square",
          async (n: number, context) => {
            await context.checkpoint({ n });
            await pause(10);
            context.effect(`square/${n}`, String(n * n));
            return n * n;
          },
          { retry: { baseMs: 50 }, attempts: 20 },
        )
        .start({ capacity: 4 }),
    );
    const type = program(0).tasks.type<number, number>("square");
    const numbers = Array.from({ length: 120 }, (_, n) => n);
    const results = surroundings.disturb(
      Promise.all(
        numbers.map(async (n) => {
          await pause(15 * n);
          return await (await type.submit(n, { id: `n${n}` })).result({ timeoutMs: 120_000 });
        }),
      ),
    );
    assert.deepEqual(
      await results,
      numbers.map((n) => n * n),
    );
    for (const n of numbers) {
      const entry = await program(0).kv.get(`square/${n}`);
      assert.deepEqual([entry?.value, entry?.version], [String(n * n), 1]);
    }
    await Promise.all(workers.map((worker) => worker.drain()));
  });
});
