import { connect } from "quorate";

await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
for (const prefix of ["counter/guide/", "sharded/guide/"]) await q.kv.delete({ prefix });

// Each add is a transaction of its own, and tells what the counter was just then.
const orders = q.counter("guide/orders");
console.log(await orders.add(), await orders.add(5), await orders.add(-2));
const numbers = await Promise.all(Array.from({ length: 10 }, () => orders.add()));
console.log("ten at once, all different:", new Set(numbers).size === 10, "- now", await orders.get());

// For a program that adds often: what comes while an add is under way is added by the next one.
const requests = q.highRateCounter("guide/requests");
const { revision: before } = await q.kv.put("guide/mark", "");
const counted = await Promise.all(Array.from({ length: 1_000 }, () => requests.add()));
const { revision: after } = await q.kv.put("guide/mark", "");
console.log("a thousand adds, all different:", new Set(counted).size === 1_000, "- now", await requests.get());
console.log("in fewer than ten writes:", after - before < 10);

// For many programs that add at once: spread over keys, so that few get in each other's way.
const visits = q.shardedCounter("guide/visits", { shards: 4 });
await Promise.all(Array.from({ length: 20 }, () => visits.add(2)));
console.log("visits:", await visits.get());
