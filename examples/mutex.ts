import { connect, QuorateError } from "quorate";

const endpoints = process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379";
// Two programs, of which the first lets others wait four seconds when it dies.
await using one = await connect(endpoints, { sessionTtlMs: 4_000 });
await using two = await connect(endpoints, { sessionTtlMs: 30_000 });
const name = "guide/invoice/42";

/** Something outside the cluster that takes part: it remembers the largest fence it has seen. */
const ledger = {
  fence: 0n,
  write(text: string, fence: bigint): string {
    if (fence < this.fence) return `refused "${text}": somebody with a larger fence was here`;
    this.fence = fence;
    return `wrote "${text}"`;
  },
};

// The short form. `lock.signal` goes to everything that takes one, so that it stops when the lock is lost.
await one.lock(name).run(async (lock) => {
  console.log(ledger.write("paid by one", lock.fence));
  // Inside the store the check is part of the write itself.
  await one.guard(lock).put("guide/invoice/42/state", "paid");
});

// The holder stands still beyond its time to live, with a write on its mind.
const lost = await one.lock(name).acquire();
const next = two.lock(name, { label: "two" }).acquire();
while ((await two.lock(name).standing()).waiting.length === 0);
standStill(6_000);
console.log("still held:", lost.held, "because of", codeOf(lost.signal.reason));

// The other has it meanwhile, with a larger fence.
await using lock = await next;
console.log("the next fence is larger:", lock.fence > lost.fence);
console.log(ledger.write("paid by two", lock.fence));
// What one had already sent arrives late. No lock can call that back; the fence can.
console.log(ledger.write("paid by one", lost.fence));
await one
  .guard(lost)
  .put("guide/invoice/42/state", "paid twice")
  .catch((error: unknown) => console.log("the guarded write was refused:", codeOf(error)));

console.log("free while two holds it:", (await one.lock(name).tryAcquire()) !== null);

function codeOf(error: unknown): string {
  return error instanceof QuorateError ? error.code : String(error);
}

/** As a long collection of garbage, a busy machine or SIGSTOP do. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
