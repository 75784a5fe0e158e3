/**
 * What a program calls, while the leader is killed. The same suite runs on clusters of each engine, on a real etcd
 * (`QUORATE_TEST_TARGET=etcd`), and on a member in a thread of this process (`embedded`), which cannot be killed alone:
 * there the programs stand still for a while.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Quorate } from "../../src/coordination/quorate.ts";
import { QuorateError } from "../../src/errors.ts";
import { ETCD, missing } from "../support/programs.ts";
import { type Surroundings, surroundingsFromEnvironment } from "./surroundings.ts";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const skip = process.env["QUORATE_TEST_TARGET"] === "etcd" && missing(ETCD);

describe("recipes on a cluster", { skip }, () => {
  let surroundings: Surroundings;
  let programs: readonly Quorate[] = [];

  before(async () => {
    surroundings = await surroundingsFromEnvironment();
    programs = surroundings.programs;
  });
  after(() => surroundings?.stop());

  const whileLeaderDies = <T>(work: Promise<T>): Promise<T> => surroundings.disturb(work);
  const program = (at: number): Quorate => programs[at] as Quorate;

  test("keys, pages, conditions and transactions", async () => {
    const { kv } = program(0);
    for (let i = 0; i < 25; i++) await kv.put(`page/${String(i).padStart(2, "0")}`, String(i));
    const seen: string[] = [];
    for await (const entry of kv.range({ prefix: "page/" })) seen.push(entry.value);
    assert.deepEqual(
      seen,
      Array.from({ length: 25 }, (_, i) => String(i)),
    );
    assert.equal(await kv.count({ prefix: "page/" }), 25);

    await kv.put("from", "100");
    await kv.put("to", "0");
    // All move money at once; none may be lost or made.
    await Promise.all(
      programs.map((q) =>
        Promise.all(
          Array.from({ length: 5 }, () =>
            q.kv.transaction(
              async (tx) => {
                const [from, to] = [await tx.get("from"), await tx.get("to")];
                tx.put("from", String(Number(from?.value) - 1));
                tx.put("to", String(Number(to?.value) + 1));
              },
              { timeoutMs: 30_000 },
            ),
          ),
        ),
      ),
    );
    assert.deepEqual([(await kv.get("from"))?.value, (await kv.get("to"))?.value], ["80", "20"]);
  });

  test("a watch tells everything once and in order, while the leader dies", async () => {
    const { kv } = program(0);
    const first = await kv.put("seen/start", "");
    const told: string[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const change of program(1).kv.watch(
        { prefix: "seen/" },
        { from: first.revision + 1, signal: stop.signal },
      )) {
        told.push(change.key);
        if (change.key === "seen/end") return;
      }
    })();
    const written: string[] = [];
    const writing = (async () => {
      for (let i = 0; i < 200; i++) {
        const key = `seen/${i}`;
        try {
          await kv.put(key, "", { timeoutMs: 20_000 });
        } catch (error) {
          // It may be there or not: whoever cares looks.
          if (!(error instanceof QuorateError && error.code === "OUTCOME_UNKNOWN")) throw error;
          if ((await kv.get(key, { timeoutMs: 20_000 })) === null) continue;
        }
        written.push(key);
        await pause(10);
      }
      await kv.put("seen/end", "", { timeoutMs: 20_000 });
    })();
    await whileLeaderDies(writing);
    await watching;
    assert.deepEqual(told, [...written, "seen/end"]);
    stop.abort();
  });

  test("a lock has one holder at a time, with growing fences, while the leader dies", async () => {
    let holders = 0;
    const fences: bigint[] = [];
    const holding = Promise.all(
      programs.flatMap((q) =>
        Array.from({ length: 5 }, () =>
          q.lock("one").run(
            async (lock) => {
              assert.equal(++holders, 1, "two hold it");
              fences.push(lock.fence);
              await pause(40);
              holders--;
            },
            { timeoutMs: 60_000 },
          ),
        ),
      ),
    );
    await whileLeaderDies(holding);
    assert.equal(fences.length, 20);
    for (let i = 1; i < fences.length; i++)
      assert.ok((fences[i] as bigint) > (fences[i - 1] as bigint), fences.join(" "));
  });

  test("a guarded write is refused when the lock has gone on to another", async () => {
    const lock = await program(0).lock("guarded").acquire({ timeoutMs: 10_000 });
    await program(0).guard(lock).put("under-guard", "mine");
    await lock[Symbol.asyncDispose]();
    await program(1)
      .lock("guarded")
      .run(async () => {});
    await assert.rejects(program(0).guard(lock).put("under-guard", "too late"), QuorateError);
    assert.equal((await program(1).kv.get("under-guard"))?.value, "mine");
  });

  test("permits are never more than there are", async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      programs.flatMap((q) =>
        Array.from({ length: 5 }, () =>
          q.semaphore("three", { permits: 3 }).run(
            async () => {
              most = Math.max(most, ++inside);
              await pause(15);
              inside--;
            },
            { timeoutMs: 60_000 },
          ),
        ),
      ),
    );
    assert.ok(most <= 3 && most > 0, `${most} at once`);
  });

  test("each add counts exactly once, while the leader dies", async () => {
    const adding = Promise.all(
      programs.map(async (q) => {
        for (let i = 0; i < 50; i++) {
          await q.counter("hits").add(1, { timeoutMs: 60_000 });
          await pause(5);
        }
      }),
    );
    await whileLeaderDies(adding);
    assert.equal(await program(0).counter("hits").get(), 200n);
  });

  test("an office goes from one to the next, and everybody can see who has it", async () => {
    const office = await program(0).election("office").campaign("zero", { timeoutMs: 10_000 });
    const next = program(1).election("office").campaign("one", { timeoutMs: 30_000 });
    assert.equal((await program(2).election("office").leader())?.value, "zero");
    await office.resign();
    const second = await next;
    assert.ok(second.fence > office.fence);
    assert.equal((await program(2).election("office").leader())?.value, "one");
    await second.resign();
  });

  test("readers share, a writer is alone", async () => {
    let readers = 0;
    let writers = 0;
    const use = async (q: Quorate, writes: boolean): Promise<void> => {
      const lock = q.readWriteLock("book");
      const held = await (writes
        ? lock.write.acquire({ timeoutMs: 60_000 })
        : lock.read.acquire({ timeoutMs: 60_000 }));
      if (writes) writers++;
      else readers++;
      assert.ok(writers === 0 || (writers === 1 && readers === 0), `${writers} writers, ${readers} readers`);
      await pause(10);
      if (writes) writers--;
      else readers--;
      await held[Symbol.asyncDispose]();
    };
    await Promise.all(programs.flatMap((q) => Array.from({ length: 6 }, (_, i) => use(q, i % 3 === 0))));
  });
});
