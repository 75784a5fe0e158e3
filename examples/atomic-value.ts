import { connect, json } from "quorate";

interface Route {
  readonly to: string;
  readonly weight: number;
}

await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
await q.kv.delete({ prefix: "value/guide/route//" });
const route = q.atomicValue("guide/route", json<Route>());

const nothing = await route.get();
console.log("at first:", nothing.value, "at revision", nothing.revision);
await route.compareAndSet(0, { to: "blue", weight: 100 });
console.log("set again as if new:", await route.compareAndSet(0, { to: "green", weight: 100 }));

// A-B-A: it is changed to something else and back. Who compares values sees nothing; who compares revisions does.
const seen = await route.get();
await route.set({ to: "green", weight: 100 });
await route.set({ to: "blue", weight: 100 });
const now = await route.get();
console.log("same value:", JSON.stringify(now.value) === JSON.stringify(seen.value));
console.log("changed all the same:", (await route.compareAndSet(seen.revision, { to: "red", weight: 1 })) === null);

// Read, change, write, as often as it takes, once.
await Promise.all(
  Array.from({ length: 10 }, () =>
    route.update((value) => ({ to: value?.to ?? "blue", weight: (value?.weight ?? 0) - 10 })),
  ),
);
console.log(await route.get().then(({ value }) => value));
