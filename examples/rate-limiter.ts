import { connect } from "quorate";

const endpoints = process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379";
await using one = await connect(endpoints);
await using two = await connect(endpoints);
await one.kv.delete({ prefix: "rate/guide/mails//" });

// Three in ten seconds, of all programs together.
const options = { limit: 3, windowMs: 10_000 };
const [ofOne, ofTwo] = [one.rateLimiter("guide/mails", options), two.rateLimiter("guide/mails", options)];
const admitted: boolean[] = [];
for (let i = 0; i < 3; i++) admitted.push(await ofOne.tryAcquire(), await ofTwo.tryAcquire());
console.log(admitted.map((yes) => (yes ? "in" : "not")).join(" "));

// Who waits is let in when the window is over.
const from = performance.now();
await ofTwo.acquire({ timeoutMs: 60_000 });
console.log("waited for the next window:", performance.now() - from > 1_000);
