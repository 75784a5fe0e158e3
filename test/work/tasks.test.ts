import assert from "node:assert/strict";
import { test } from "node:test";
import { Quorate } from "../../src/coordination/quorate.ts";
import { type MemoryClient, MemoryWorld } from "../../src/store/testing/memory-world.ts";

interface Program extends MemoryClient {
  readonly q: Quorate;
  readonly sleep: (ms: number) => Promise<void>;
}

function join(world: MemoryWorld): Program {
  const client = world.client();
  const { store } = client;
  return {
    ...client,
    q: new Quorate(store, { sessionTtlMs: 4_000 }),
    sleep: (ms) => new Promise((done) => store.clock.after(ms, done)),
  };
}

test("a task is done by another program, and its result comes back", async () => {
  const world = new MemoryWorld();
  const [one, two] = [join(world), join(world)];
  const double = two.q.tasks.define("double", (n: number) => n * 2);
  const worker = double.start({ capacity: 4 });
  const submitting = one.q.tasks.type<number, number>("double");
  const tasks = await world.play(Promise.all([1, 2, 3].map((n) => submitting.submit(n))));
  const results = await world.play(Promise.all(tasks.map((task) => task.result())));
  assert.deepEqual(results, [2, 4, 6]);
  assert.equal(
    await world.play(
      two.q.tasks
        .type<number, number>("double")
        .handle(tasks[1]?.id ?? "")
        .result(),
    ),
    4,
  );
  assert.deepEqual(await world.play(submitting.length()), { waiting: 0, running: 0 });
  await world.play(worker.drain());
});

test("there is one task of an id, however often it is submitted, and also when it is done", async () => {
  const world = new MemoryWorld();
  const { q } = join(world);
  let runs = 0;
  const type = q.tasks.define("count", () => ++runs);
  const worker = type.start();
  const [first, second] = await world.play(
    Promise.all([type.submit(null, { id: "a/1" }), type.submit(null, { id: "a/1" })]),
  );
  assert.deepEqual(
    [first?.duplicate, second?.duplicate].toSorted((a, b) => Number(a) - Number(b)),
    [false, true],
  );
  assert.equal(await world.play(first?.result() ?? Promise.resolve(0)), 1);
  const third = await world.play(type.submit(null, { id: "a/1" }));
  assert.deepEqual([third.duplicate, await world.play(third.result())], [true, 1]);
  await world.play(worker.drain());
});

test("another worker goes on from the last checkpoint, and the dead one's writes are fenced", async () => {
  const world = new MemoryWorld();
  const programs = [join(world), join(world)];
  const steps: string[] = [];
  const late: (string | undefined)[] = [];
  const workers = programs.map(({ q, sleep }, at) =>
    q.tasks
      .define<string, number, { done: number }>("walk", async (_, context) => {
        let { done } = context.state ?? { done: 0 };
        while (done < 6) {
          await sleep(300);
          done += 1;
          try {
            await context.guard.put("walked", `${at}:${done}`);
            await context.checkpoint({ done });
          } catch (error) {
            late.push((error as { code?: string }).code);
            throw error;
          }
          steps.push(`${at}:${done}`);
          await context.progress(done / 6);
          if (done === 3 && context.attempt === 1) (programs[at] as Program).process.pause();
        }
        context.effect("effect", `${at}`);
        return done;
      })
      .start(),
  );
  const watcher = join(world);
  const task = await world.play(watcher.q.tasks.type<string, number>("walk").submit("north"));
  const told: unknown[] = [];
  const telling = (async () => {
    for await (const value of task.progress()) told.push(value);
  })();
  assert.equal(await world.play(task.result()), 6);
  await world.play(telling);
  for (const { process } of programs) process.resume();
  await world.pass(10_000);
  const owners = steps.map((step) => step[0]);
  assert.equal(steps.length, 6, steps.join());
  assert.notEqual(owners[0], owners[5]);
  assert.equal(await world.play(watcher.q.kv.get("effect")).then((entry) => entry?.value), owners[5]);
  assert.ok(told.length >= 3);
  assert.ok(
    late.every((code) => code === "SESSION_LOST" || code === "FENCED"),
    late.join(),
  );
  const status = await world.play(task.status());
  assert.deepEqual([status.state, status.state === "done" && status.attempts], ["done", 2]);
  assert.equal(await world.play(watcher.q.kv.count({ prefix: "task/walk//h/" })), 0);
  await world.play(Promise.all(workers.map((worker) => worker.drain())));
});

test("a task that waits is cancelled at once, one at work by its signal", async () => {
  const world = new MemoryWorld();
  const { q } = join(world);
  const type = q.tasks.define("sleep", async (_: null, { signal }) => {
    await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
  });
  const waiting = await world.play(type.submit(null));
  assert.equal((await world.play(waiting.status())).state, "waiting");
  assert.equal(await world.play(waiting.cancel()), true);
  await assert.rejects(world.play(waiting.result()), { code: "TASK_CANCELLED" });
  assert.equal(await world.play(waiting.cancel()), false);
  const worker = type.start({ capacity: 2 });
  const running = await world.play(type.submit(null));
  await world.pass(200);
  assert.equal((await world.play(running.status())).state, "running");
  assert.equal(await world.play(running.cancel()), true);
  await assert.rejects(world.play(running.result()), { code: "TASK_CANCELLED" });
  const delayed = await world.play(type.submit(null, { delayMs: 2_000 }));
  await world.play(delayed.cancel());
  await assert.rejects(world.play(delayed.result()), { code: "TASK_CANCELLED" });
  assert.equal(await world.play(q.kv.count({ prefix: "task/sleep//z/" })), 0);
  await world.play(worker.drain());
});

test("an attempt that fails is made again; after the last one the task fails", async () => {
  const world = new MemoryWorld();
  const { q } = join(world);
  const type = q.tasks.define(
    "flaky",
    (failures: number, { attempt }) => {
      if (attempt <= failures) throw new Error(`attempt ${attempt}`);
      return attempt;
    },
    { attempts: 3, retry: { baseMs: 50 } },
  );
  const worker = type.start();
  const good = await world.play(type.submit(2));
  assert.equal(await world.play(good.result()), 3);
  const bad = await world.play(type.submit(3));
  await assert.rejects(world.play(bad.result()), { code: "TASK_FAILED", message: /attempt 3/ });
  await world.play(worker.drain());
});

test("timeouts: of the queue, of a run, of signs of life", async () => {
  const world = new MemoryWorld();
  const { q, sleep } = join(world);
  const type = q.tasks.define(
    "slow",
    async (how: "hangs" | "beats" | "checks", context) => {
      for (let at = 0; at < 40; at++) {
        await sleep(how === "hangs" ? 100_000 : 100);
        if (how === "checks") await context.checkpoint(at);
      }
      return how;
    },
    { attempts: 1, heartbeatMs: 1_000, runMs: 5_000 },
  );
  const late = await world.play(type.submit("checks", { queueMs: 500 }));
  await world.pass(1_000);
  const worker = type.start({ capacity: 3 });
  await assert.rejects(world.play(late.result()), { code: "TASK_FAILED", message: /queue timeout/ });
  const [hangs, checks] = await world.play(Promise.all([type.submit("hangs"), type.submit("checks")]));
  await assert.rejects(world.play(hangs?.result() ?? Promise.resolve("")), { message: /heartbeat timeout/ });
  assert.equal(await world.play(checks?.result() ?? Promise.resolve("")), "checks");
  const long = q.tasks.define("long", () => sleep(10_000), { attempts: 1, runMs: 500 });
  const other = long.start();
  const task = await world.play(long.submit(null));
  await assert.rejects(world.play(task.result()), { message: /run timeout/ });
  await world.play(Promise.all([worker.drain(), other.drain()]));
});

test("a worker that drains ends its tasks, and leaves the others; in time it gives up", async () => {
  const world = new MemoryWorld();
  const [one, two] = [join(world), join(world)];
  const type = one.q.tasks.define("job", async (ms: number) => {
    await one.sleep(ms);
    return "one";
  });
  const worker = type.start({ capacity: 1 });
  const first = await world.play(type.submit(800));
  await world.pass(100);
  const second = await world.play(type.submit(60_000));
  await world.play(worker.drain());
  assert.equal(await world.play(first.result()), "one");
  assert.equal((await world.play(second.status())).state, "waiting");
  const impatient = type.start();
  await world.pass(1_500);
  await assert.rejects(world.play(impatient.drain({ timeoutMs: 500 })), { code: "TIMEOUT" });
  const other = two.q.tasks.define("job", (_: number, { attempt }) => `two, ${attempt}`).start();
  assert.equal(await world.play(second.result()), "two, 1");
  await world.play(other.drain());
});

test("tasks are spread over workers that have room", async () => {
  const world = new MemoryWorld();
  const programs = [1, 2, 3].map(() => join(world));
  const counts = [0, 0, 0];
  const workers = programs.map(({ q, sleep }, at) =>
    q.tasks
      .define("job", async () => {
        // One is slow: it must not hold back what others could do.
        await sleep(at === 0 ? 2_000 : 20);
        counts[at] = (counts[at] ?? 0) + 1;
      })
      .start({ capacity: 2 }),
  );
  await world.pass(1_500);
  const type = join(world).q.tasks.type<null, void>("job");
  const tasks = await world.play(Promise.all(Array.from({ length: 90 }, () => type.submit(null))));
  const began = world.timeline.now;
  await world.play(Promise.all(tasks.map((task) => task.result())));
  assert.ok(world.timeline.now - began < 5_000, `${world.timeline.now - began} ms`);
  assert.ok((counts[1] ?? 0) > 20 && (counts[2] ?? 0) > 20, counts.join());
  await world.play(Promise.all(workers.map((worker) => worker.drain())));
});
