import { connect } from "quorate";

await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
const config = q.kv.namespace("guide/config/");
const { revision } = await config.delete({ prefix: "" });

// From a revision on, nothing is missed: neither what came before the watch began, nor while it was cut off.
await config.put("rate", "100");
await config.put("rate", "200");
await config.delete("rate");
let told = 0;
for await (const change of config.watch({ prefix: "" }, { from: revision + 1, previous: true })) {
  console.log(`${change.type} ${change.key}: ${change.previous?.text() ?? "nothing"} -> ${change.text() ?? "nothing"}`);
  told += 1;
  if (told === 3) break;
}

// A cache is a map that a watch keeps fresh: reads cost nothing, and are of the revision that it has reached.
await using cache = await config.cache({ prefix: "" });
console.log("entries:", cache.size);
await config.put("rate", "300");
await config.put("burst", "20");
// Now everything that anybody was told is written is in it.
await cache.refresh();
for (const { key, value } of cache.entries()) console.log(`${key} = ${value}`);

// A signal ends a watch; that is no error.
const enough = new AbortController();
const watching = (async () => {
  for await (const { key } of config.watch({ prefix: "" }, { from: revision + 1, signal: enough.signal })) {
    if (key === "last") enough.abort();
  }
  return "the watch has ended";
})();
await config.put("last", "");
console.log(await watching);
