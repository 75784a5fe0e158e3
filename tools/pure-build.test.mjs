import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { allOfThePureFloors, buildForBrowsers } from "./pure-build.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

test("the pure floors import nothing of Node, however deep", async () => {
  const source = allOfThePureFloors(root);
  assert.ok(source.split("\n").length > 100, "most of the pure floors were not found");
  const { problems, code } = await buildForBrowsers(root, source);
  assert.deepEqual(problems, []);
  assert.ok(code.length > 100_000, `all of it is ${code.length} bytes`);
});

test("an import of Node is noticed", async () => {
  for (const source of ['import "node:fs";', 'import { connect } from "./src/index.ts"; connect("a");']) {
    const { problems } = await buildForBrowsers(root, source);
    assert.match(problems[0] ?? "none", /Could not resolve "(node:)?\w+/);
  }
});

test("quorate/core runs where there is nothing but what browsers have", async () => {
  const { problems, code } = await buildForBrowsers(
    root,
    `
    import { Quorate } from "./src/core.ts";
    import { MemoryServer } from "./src/store/testing/memory-server.ts";
    import { MemoryStore } from "./src/store/testing/memory-store.ts";

    const clock = {
      now: () => performance.now(),
      wallClock: () => Date.now(),
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return { cancel: () => clearTimeout(timer) };
      },
      soon: (run) => void setTimeout(run, 0),
      afterEvent: queueMicrotask,
    };
    const words = () => crypto.getRandomValues(new BigUint64Array(1))[0];
    const random = { uint32: () => Number(words() & 0xffffffffn), uint64: words };

    async function use() {
      const store = new MemoryStore(new MemoryServer(clock), { clock, random });
      const q = new Quorate(store);
      await q.kv.put("greeting", "hällo");
      const text = await q.lock("a").run(async (lock) => {
        await q.guard(lock).put("b", String(await q.counter("c").add(2)));
        return (await q.kv.get("greeting"))?.value + " " + (await q.kv.get("b"))?.value;
      });
      await q.close();
      return text;
    }
    result = use();
  `,
  );
  assert.deepEqual(problems, []);
  // In a context of its own there is the language and what is put there: no process, no Buffer, no require.
  const web = { AbortController, AbortSignal, TextDecoder, TextEncoder, clearTimeout, crypto, performance };
  const context = createContext({ ...web, queueMicrotask, setTimeout, result: null });
  runInContext(code, context);
  assert.equal(await context.result, "hällo 2");
});
