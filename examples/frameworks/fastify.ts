import fastify from "fastify";
import { connect, QuorateError } from "quorate";

const q = await connect(["http://10.0.0.1:2379", "http://10.0.0.2:2379", "http://10.0.0.3:2379"]);
const app = fastify();
const stopping = new AbortController();

/** In one of all instances at a time. It has to come to an end soon after the signal is aborted. */
async function consumeFeed(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1_000));
}

async function lead(): Promise<void> {
  while (!stopping.signal.aborted) {
    try {
      await q
        .election("feed")
        .run((office) => consumeFeed(AbortSignal.any([office.signal, stopping.signal])), "", stopping);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}

let leading: Promise<void> = Promise.resolve();
app.addHook("onReady", async () => {
  leading = lead();
});
app.addHook("onClose", async () => {
  stopping.abort();
  await leading;
  await q.close();
});
app.get("/leader", async () => await q.election("feed").leader());
await app.listen({ port: 8080 });
