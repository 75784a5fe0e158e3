import { connect } from "quorate";

await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
const lock = q.readWriteLock("guide/catalogue", { label: "example" });
const order: string[] = [];

// Readers hold it together.
const first = await lock.read.acquire();
const second = await lock.read.acquire();
console.log("two readers:", first.held && second.held);
console.log("a writer at once:", (await lock.write.tryAcquire()) === null ? "no" : "yes");

// A writer waits for both; a reader who comes later waits for the writer, so that writers are not starved.
const writing = lock.write.run(async (hold) => {
  order.push("writer");
  await q.guard(hold).put("guide/catalogue/version", "2");
});
await untilThereAre(3);
const reading = lock.read.run(async () => {
  order.push("late reader");
});
await untilThereAre(4);
console.log("a reader at once, behind a writer:", (await lock.read.tryAcquire()) === null ? "no" : "yes");

await first.release();
order.push("first reader left");
await second.release();
order.push("second reader left");
await Promise.all([writing, reading]);
console.log(order.filter((who) => !who.endsWith("left")).join(", then "));
console.log("in line:", (await lock.standing()).length);

/** So many hold it or wait for it. */
async function untilThereAre(many: number): Promise<void> {
  while ((await lock.standing()).length < many);
}
