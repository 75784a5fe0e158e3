import { connect } from "quorate";

const endpoints = process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379";
await using one = await connect(endpoints);
await using two = await connect(endpoints);
await one.kv.delete({ prefix: "ids/guide/" });

// Small numbers, a block for each program: 1 … 100 here, 101 … 200 there.
const ordersOfOne = one.blockIds("guide/orders", { blockSize: 100 });
const ordersOfTwo = two.blockIds("guide/orders", { blockSize: 100 });
console.log(await ordersOfOne.next(), await ordersOfOne.next(), await ordersOfTwo.next(), await ordersOfOne.next());

// 64 bits without a call for most of them, nearly in the order of time.
const events = [one.snowflakeIds("guide/events"), two.snowflakeIds("guide/events")];
const ids = (
  await Promise.all(
    events.map(async (source) => {
      const own: bigint[] = [];
      for (let i = 0; i < 10_000; i++) own.push(await source.next());
      console.log(
        "grow:",
        own.every((id, at) => at === 0 || id > (own[at - 1] ?? 0n)),
      );
      return own;
    }),
  )
).flat();
console.log(
  "different:",
  new Set(ids).size === 20_000,
  "- below 2^63:",
  ids.every((id) => id > 0n && id < 1n << 63n),
);
