import { connect, get, json, put } from "quorate";

await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
const accounts = q.kv.namespace("guide/accounts/").of(json<number>());
await accounts.delete({ prefix: "" });

// One that reads like a sentence: everything at one revision, or the other branch.
async function open(name: string, amount: number): Promise<string> {
  const { succeeded, results } = await accounts
    .if({ key: name, exists: false })
    .then(put(name, amount))
    .else(get(name))
    .commit();
  if (succeeded) return `${name} is opened with ${amount}`;
  const [found] = results;
  return `${name} is there already, with ${found?.did === "get" ? found.entry?.value : "?"}`;
}
console.log(await open("ada", 100));
console.log(await open("bob", 20));
console.log(await open("ada", 7));

// One that reads, decides and writes: run again when what it has read was changed by somebody else meanwhile.
let runs = 0;
const moved = await accounts.transaction(async (tx) => {
  runs += 1;
  const [ada, bob] = [await tx.get("ada"), await tx.get("bob")];
  // Somebody else spends 50 at the worst moment: this run must not count.
  if (runs === 1) await accounts.put("ada", 50);
  const amount = Math.min(80, ada?.value ?? 0);
  tx.put("ada", (ada?.value ?? 0) - amount);
  tx.put("bob", (bob?.value ?? 0) + amount);
  return amount;
});
console.log(`moved ${moved} in ${runs} runs`);
for await (const { key, value } of accounts.range({ prefix: "" })) console.log(`${key}: ${value}`);

// Only if nobody changed it since it was read, even to the same value.
const seen = await accounts.get("bob");
await accounts.put("bob", 70);
const raise = await accounts
  .if({ key: "bob", revision: seen?.revision ?? 0 })
  .then(put("bob", 1_000_000))
  .commit();
console.log("raised:", raise.succeeded);
