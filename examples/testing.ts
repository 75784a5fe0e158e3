import assert from "node:assert/strict";
import { type Quorate, QuorateError } from "quorate";
import { testCluster } from "quorate/testing";

/** The program under test: prints pages as long as it holds the printer, and says how it ended. */
async function print(q: Quorate, pages: number, printed: string[]): Promise<void> {
  await q.lock("printer").run(async (lock) => {
    for (let page = 1; page <= pages; page++) {
      await q.guard(lock).put("printer/page", `${page}`);
      printed.push(`page ${page}`);
    }
  });
}

// Three members in this process, in virtual time: an hour takes a moment, and the same seed is the same run.
await using cluster = await testCluster({ members: 3 });

// All goes well, also when the leader dies in the midst.
const good: string[] = [];
const q = await cluster.connect();
await q.kv.put("printer/page", "0");
cluster.leader?.crash();
await print(q, 3, good);
console.log(good.join(", "));

// The lock is lost in the midst: nothing may be printed afterwards, and the program has to say so.
const printed: string[] = [];
const lock = await q.lock("printer").acquire();
const waiting = (await cluster.connect()).lock("printer").acquire();
await cluster.expire(lock);
await assert.rejects(q.guard(lock).put("printer/page", "4"), QuorateError);
console.log("told:", lock.signal.aborted, "- the next one has it:", (await waiting).fence > lock.fence);
await (await waiting).release();
await print(q, 1, printed);
console.log("and on it goes:", printed.join(", "));

// A program that is cut off loses its lock by its own clock, before anybody else can have it.
const cut = await cluster.connect({ sessionTtlMs: 5_000 });
const held = await cut.lock("printer").acquire();
cluster.isolate(cut);
await cluster.advance(5_000);
console.log("held without the cluster:", held.held);
