import { connect } from "quorate";

await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
await q.kv.delete({ prefix: "latch/guide/loaded//" });

// A barrier is closed or open.
const gate = q.barrier("guide/maintenance");
await gate.close({ label: "upgrade" });
let through = false;
const waiting = gate.wait({ timeoutMs: 30_000 }).then(() => {
  through = true;
});
console.log("closed:", await gate.isClosed(), "- through:", through);
await gate.open();
await waiting;
console.log("open: through:", through);

// A latch opens for good when it was counted down to zero; each count counts once.
const loaded = q.latch("guide/loaded");
await loaded.set(3);
const ready = loaded.wait({ timeoutMs: 30_000 });
for (let part = 1; part <= 3; part++) console.log("left:", await loaded.countDown());
await ready;
console.log("all parts are loaded; one more changes nothing:", await loaded.countDown());

// A double barrier: so many begin together, and end together.
const inside = new Set<number>();
const together: boolean[] = [];
await Promise.all(
  [1, 2, 3].map(async (worker) => {
    const round = await q.doubleBarrier("guide/round", { parties: 3 }).enter({ timeoutMs: 30_000 });
    inside.add(worker);
    await round.leave({ timeoutMs: 30_000 });
    together.push(inside.size === 3);
  }),
);
console.log("each left after all had come:", together.every(Boolean));
