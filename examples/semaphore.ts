import { connect, QuorateError } from "quorate";

await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
const connections = q.semaphore("guide/connections", { permits: 3 });
let open = 0;
let most = 0;

async function job(permits: number): Promise<void> {
  await connections.run(
    async (permit) => {
      open += permits;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 20));
      permit.assertHeld();
      open -= permits;
    },
    { permits, timeoutMs: 30_000 },
  );
}
await Promise.all([job(1), job(2), job(1), job(3), job(1), job(1)]);
console.log(`never more than ${most} at once, now ${open}`);

// First come, first served: one who wants many is not passed by those who want few.
const holder = await connections.acquire({ permits: 2 });
const many = connections.acquire({ permits: 2 });
while ((await connections.standing()).length < 2);
for (const { permits, holds } of await connections.standing()) console.log(permits, holds ? "held" : "waited for");
console.log("one is free, but somebody waits:", (await connections.tryAcquire()) === null);
await holder.release();
await (await many).release();

// All who use the name must agree on the number.
await q
  .semaphore("guide/connections", { permits: 4 })
  .acquire()
  .catch((error: unknown) => console.log(error instanceof QuorateError ? error.code : error));
