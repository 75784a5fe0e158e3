import { connect, type Leadership } from "quorate";

const endpoints = process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379";
await using one = await connect(endpoints);
await using two = await connect(endpoints);
const name = "guide/scheduler";

// Somebody else looks on; it is told of each leader, in order.
const seen: string[] = [];
const enough = new AbortController();
const watching = (async () => {
  for await (const leader of one.election(name).observe({ signal: enough.signal })) {
    if (leader === null) continue;
    seen.push(leader.value);
    if (leader.value === "two: ready") enough.abort();
  }
})();

const first: Leadership = await one.election(name).campaign("one");
const candidate = two.election(name).campaign("two");
while ((await one.election(name).standing()).length < 2);
console.log("leads:", (await one.election(name).leader())?.value);

await until("one");
await first.resign();
const second = await candidate;
console.log("then leads:", (await one.election(name).leader())?.value, "- larger fence:", second.fence > first.fence);
// Work of a leader takes its signal, and its writes are guarded.
await two.guard(second).put("guide/scheduler/epoch", `${second.fence}`);
await until("two");
await second.proclaim("two: ready");
await watching;
console.log("seen:", seen.join(" | "));
await second.resign();

async function until(value: string): Promise<void> {
  while (seen.at(-1) !== value) await new Promise((resolve) => setTimeout(resolve, 10));
}
