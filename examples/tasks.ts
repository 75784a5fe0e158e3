import { connect } from "quorate";

const endpoints = process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379";
await using desk = await connect(endpoints);
await using plant = await connect(endpoints);

// In the programs that work: the handler goes on from the last checkpoint, wherever that was made.
const count = plant.tasks.define<string, number, { at: number }>(
  "guide/count",
  async (text, context) => {
    const words = text.split(" ");
    for (let at = context.state?.at ?? 0; at < words.length; at++) {
      if (at === 2 && context.attempt === 1) throw new Error("a worker stumbles");
      await context.checkpoint({ at: at + 1 });
    }
    // Written with the result: exactly once.
    context.effect("guide/count/last", String(words.length));
    return words.length;
  },
  { retry: { baseMs: 20 } },
);
await using _worker = count.start({ capacity: 4 });

// In those that ask: the name and the types are enough.
const asking = desk.tasks.type<string, number>("guide/count");
const id = `text ${Date.now()}`;
const task = await asking.submit("who does what and when", { id });
console.log("words:", await task.result({ timeoutMs: 30_000 }));
const status = await task.status();
console.log(status.state, status.state === "done" ? status.attempts : 0);
console.log("effect:", (await desk.kv.get("guide/count/last"))?.value);
console.log("again:", (await asking.submit("something else", { id })).duplicate);

const later = await asking.submit("never", { delayMs: 60_000 });
console.log("cancelled:", await later.cancel());
