import { connect, QuorateError } from "quorate";

const endpoints = process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379";
await using one = await connect(endpoints);
await using two = await connect(endpoints);
const group = one.group("guide/workers");

// Each state is one that was true at a revision; the first is what is there now.
const states: string[] = [];
const enough = new AbortController();
const watching = (async () => {
  for await (const members of group.watch({ signal: enough.signal })) {
    states.push([...members.values()].map(({ name, value }) => `${name}=${value}`).join(" ") || "nobody");
    if (states.length > 1 && members.size === 0) enough.abort();
  }
})();
await until("nobody");

const a = await group.join("a", "idle");
await until("a=idle");
const b = await two.group("guide/workers").join("b", "idle");
await until("a=idle b=idle");
await a.update("busy");
await until("a=busy b=idle");

// A name is one member's at most.
await two
  .group("guide/workers")
  .join("a")
  .catch((error: unknown) => console.log("a second a:", error instanceof QuorateError ? error.code : error));

await a.leave();
await until("b=idle");
await b.leave();
await watching;
console.log(states.join("\n"));

async function until(state: string): Promise<void> {
  while (states.at(-1) !== state) await new Promise((resolve) => setTimeout(resolve, 10));
}
