import { connect, QuorateError } from "quorate";

await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
const key = "guide/sessions/worker-1";

// What hangs on a session is there as long as the program is.
const session = await q.session({ ttlMs: 10_000 });
await q.kv.put(key, "here", { lease: session });
console.log("alive:", session.check(), "- the key:", (await q.kv.get(key))?.value);
await session.close();
console.log("closed:", codeOf(session.signal.reason), "- the key:", (await q.kv.get(key))?.value ?? "gone");

// A program that stands still for too long has lost its session, and knows it with the first look at it.
const short = await q.session({ ttlMs: 4_000 });
const { revision } = await q.kv.put(key, "here", { lease: short });
standStill(6_000);
console.log("after standing still:", short.check() ? "alive" : codeOf(short.signal.reason));

// At the store the lease ends too; a moment later, never earlier.
for await (const change of q.kv.watch(key, { from: revision })) if (change.type === "delete") break;
console.log("the key:", (await q.kv.get(key))?.value ?? "gone");

function codeOf(reason: unknown): string {
  return reason instanceof QuorateError ? reason.code : String(reason);
}

/** As a long collection of garbage, a busy machine or SIGSTOP do. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
