import { connect, json } from "quorate";

const endpoints = process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379";
await using shop = await connect(endpoints);
await using office = await connect(endpoints);
const codec = json<{ to: string; text: string }>();
const outbox = shop.queue("guide/outbox", { codec, attempts: 2 });

// Two of the same customer keep their order; the third has an id, and is sent once.
await outbox.send({ to: "ada", text: "ordered" }, { key: "ada" });
await outbox.send({ to: "ada", text: "paid" }, { key: "ada" });
await outbox.send({ to: "bob", text: "welcome" }, { id: "welcome bob" });
const again = await outbox.send({ to: "bob", text: "welcome" }, { id: "welcome bob" });
console.log("sent before:", again.duplicate);

const told: string[] = [];
{
  await using worker = office.queue("guide/outbox", { codec, attempts: 2 }).process(
    async ({ value, attempt }) => {
      // The first attempt at each fails, as mail servers do.
      if (attempt === 1) throw new Error("busy");
      told.push(`${value.to}: ${value.text}`);
    },
    { concurrency: 4, retry: { baseMs: 50 } },
  );
  while (told.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  await worker.drain();
}
console.log(told.filter((line) => line.startsWith("ada")).join(", "));

// By hand: what is written with the acknowledgement is written once, and only by who holds the message.
await outbox.send({ to: "eve", text: "goodbye" });
await using consumer = office.queue("guide/outbox", { codec }).consumer();
const [message] = await consumer.receive({ timeoutMs: 10_000 });
await message?.reject("eve has no address");
for await (const letter of outbox.deadLetters.list()) {
  console.log("dead:", letter.reason, letter.value);
  await outbox.deadLetters.drop(letter.token);
}
