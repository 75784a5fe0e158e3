import { connect } from "quorate";

await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
const balance = new Map([
  ["guide/account/ada", 100],
  ["guide/account/bob", 100],
]);

async function move(from: string, to: string, amount: number): Promise<void> {
  // Both or none; the order of the names does not matter.
  await q.multiLock([from, to]).run(async (locks) => {
    const [had, has] = [balance.get(from) ?? 0, balance.get(to) ?? 0];
    await new Promise((resolve) => setTimeout(resolve, 20));
    locks.assertHeld();
    balance.set(from, had - amount);
    balance.set(to, has + amount);
  });
}

// In opposite orders at the same time: with two plain locks each this ends in a deadlock sooner or later.
await Promise.all([
  move("guide/account/ada", "guide/account/bob", 30),
  move("guide/account/bob", "guide/account/ada", 10),
  move("guide/account/ada", "guide/account/bob", 5),
]);
console.log(`ada ${balance.get("guide/account/ada")}, bob ${balance.get("guide/account/bob")}`);

// Who holds one of them alone keeps away who wants all.
await using one = await q.lock("guide/account/ada").acquire();
const all = await q.multiLock(["guide/account/ada", "guide/account/bob"]).tryAcquire();
console.log("all while one is held:", all === null ? "no" : "yes");
const bob = await q.lock("guide/account/bob").tryAcquire();
console.log("bob was not kept:", bob !== null);
await bob?.release();
console.log("ada is held:", one.held);
