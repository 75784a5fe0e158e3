import { connect } from "quorate";

const endpoints = process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379";
await using one = await connect(endpoints);
await using two = await connect(endpoints);

const seen: string[] = [];
const tick = one.tasks.define("guide/tick", (_: null, { id }) => void seen.push(id));
await using _worker = tick.start();

// Any number of programs run schedules; each time is fired once.
const stop = new AbortController();
const running = [one, two].map((q) => q.schedules.run({ signal: stop.signal }));
await one.schedules.put("guide/often", { everyMs: 1_000, task: "guide/tick", input: null });
await one.schedules.put("guide/report", { cron: "0 9 * * 1-5", timeZone: "Europe/Berlin", task: "guide/tick" });

while (seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 50));
console.log("each once:", new Set(seen).size === seen.length);
for (const { name } of await two.schedules.list()) {
  console.log(name, "deleted:", await two.schedules.delete(name));
}
stop.abort();
await Promise.all(running);
