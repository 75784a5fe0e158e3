import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SharedSession } from "../../src/coordination/shared-session.ts";
import { certainlyNotArrived } from "../../src/discovery/registry/arrival.ts";
import type { CallerOptions } from "../../src/discovery/registry/caller.ts";
import { Services } from "../../src/discovery/registry/services.ts";
import { MemoryWorld } from "../../src/store/testing/memory-world.ts";

const refused = (): Error => Object.assign(new Error("connect"), { code: "ECONNREFUSED", syscall: "connect" });
const reset = (): Error => Object.assign(new Error("reset"), { code: "ECONNRESET", syscall: "read" });

/** Services in which `ids` are registered, and a caller that knows them. */
async function shop(ids: readonly string[], options: CallerOptions = {}) {
  const world = new MemoryWorld();
  const { store, process } = world.client();
  const services = new Services(new SharedSession(store));
  const open = (id: string) => services.register({ service: "shop", id, address: "h", port: 1 });
  const registered = new Map<string, Awaited<ReturnType<typeof open>>>();
  for (const id of ids) registered.set(id, await world.play(open(id)));
  const caller = services.caller("shop", { policy: "roundRobin", ...options });
  await world.pass(50);
  return { world, store, process, services, registered, caller, open };
}

describe("calls", () => {
  test("go to instances in turn, and to no one that drains", async () => {
    const { world, caller, registered } = await shop(["a", "b", "c"]);
    const ask = () => world.play(caller.call(async ({ id }) => id));
    assert.deepEqual([await ask(), await ask(), await ask(), await ask()], ["a", "b", "c", "a"]);
    await world.play(registered.get("b")?.drain() ?? Promise.reject(new Error("b is not there")));
    await world.pass(10);
    assert.deepEqual([await ask(), await ask()], ["c", "a"]);
  });

  test("that did not arrive are made elsewhere; others only if they may be made twice", async () => {
    const { world, caller } = await shop(["a", "b", "c"]);
    const run = async (error: () => Error, idempotent: boolean) => {
      const asked: string[] = [];
      const call = caller.call(
        async ({ id }, { number }) => {
          asked.push(id);
          if (number < 3) throw error();
          return number;
        },
        { idempotent },
      );
      const result = await world.play(call).catch((failure: Error) => failure.message);
      return { result, instances: new Set(asked).size };
    };
    assert.deepEqual(await run(refused, false), { result: 3, instances: 3 });
    assert.deepEqual(await run(reset, false), { result: "reset", instances: 1 });
    assert.deepEqual(await run(reset, true), { result: 3, instances: 3 });
  });

  test("are made as often as there are attempts, also at the only instance", async () => {
    const { world, caller } = await shop(["a"], { attempts: 4 });
    let made = 0;
    const call = caller.call(async () => {
      made++;
      throw refused();
    });
    await assert.rejects(world.play(call), { code: "ECONNREFUSED" });
    assert.equal(made, 4);
    await assert.rejects(async () => (await shop([], { attempts: 0 })).caller, /attempts is 0/);
  });

  test("leave an instance alone that fails again and again", async () => {
    const { world, caller } = await shop(["a", "b"], { outliers: { failures: 2 } });
    const asked: string[] = [];
    for (let i = 0; i < 20; i++) {
      const call = caller.call(async ({ id }) => {
        asked.push(id);
        if (id === "b") throw reset();
      });
      await world.play(call).catch(() => undefined);
    }
    assert.equal(asked.filter((id) => id === "b").length, 2);
  });

  test("wait for an instance, and end in time if none comes", async () => {
    const { world, caller, open } = await shop([]);
    const waiting = caller.call(async ({ id }) => id);
    await world.pass(1_000);
    await world.play(open("late"));
    assert.equal(await world.play(waiting), "late");
    const { world: empty, caller: alone } = await shop([]);
    await assert.rejects(empty.play(alone.call(async () => 1, { timeoutMs: 500 })), {
      code: "NO_INSTANCE",
      retryable: true,
    });
  });

  test("go on with the instances seen last while the store cannot be reached", async () => {
    const { world, caller, store } = await shop(["a"]);
    store.faults.refuse(60_000);
    store.faults.cutWatches();
    await world.pass(5_000);
    assert.equal(await world.play(caller.call(async ({ id }) => id)), "a");
  });

  test("that are given up end at once, and do not speak against the instance", async () => {
    const { world, caller } = await shop(["a"]);
    const { signal, abort } = ((it) => ({ signal: it.signal, abort: () => it.abort() }))(new AbortController());
    const call = caller.call(() => new Promise(() => undefined), { signal });
    call.catch(() => undefined);
    await world.pass(10);
    abort();
    await assert.rejects(world.play(call), { code: "ABORTED" });
    await assert.rejects(world.play(caller.call(() => new Promise(() => undefined), { timeoutMs: 50 })), {
      code: "TIMEOUT",
    });
  });

  test("an instance picked by hand counts until it has ended; a closed caller picks none", async () => {
    const { world, caller } = await shop(["a", "b"], { policy: "leastLoaded" });
    const first = await world.play(caller.pick());
    const second = await world.play(caller.pick());
    assert.notEqual(first.instance.id, second.instance.id);
    first.ended({ now: 1, ok: true });
    assert.equal((await world.play(caller.pick())).instance.id, first.instance.id);
    await world.play(caller.close());
    await assert.rejects(caller.pick(), { code: "CLOSED" });
  });
});

test("what certainly did not arrive", () => {
  const cases: readonly (readonly [unknown, boolean])[] = [
    [refused(), true],
    [new TypeError("fetch failed", { cause: refused() }), true],
    [new AggregateError([refused(), refused()]), true],
    [new AggregateError([refused(), reset()]), false],
    [Object.assign(new Error("late"), { code: "ETIMEDOUT", syscall: "connect" }), true],
    [Object.assign(new Error("late"), { code: "ETIMEDOUT", syscall: "read" }), false],
    [Object.assign(new Error("late"), { code: "UND_ERR_CONNECT_TIMEOUT" }), true],
    [reset(), false],
    ["text", false],
    [null, false],
  ];
  for (const [error, expected] of cases) assert.equal(certainlyNotArrived(error), expected, String(error));
});
