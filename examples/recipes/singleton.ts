import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { connect, type Leadership, type Quorate, QuorateError } from "quorate";

/** Does `work` in one program at a time, again and again, here or elsewhere, until `signal` is aborted. */
async function whileLeading(
  q: Quorate,
  name: string,
  work: (office: Leadership) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await q.election(name).run(work, "", { signal });
    } catch (error) {
      // Lost or given up: that is what all the rest is for. A fault of the work itself is not.
      if (!(error instanceof QuorateError)) throw error;
      if (!signal.aborted) await pause(1_000, undefined, { signal }).catch(() => undefined);
    }
  }
}

interface Instance {
  readonly url: string;
  stop(): Promise<void>;
}

/** An instance of the service, of which only one consumes the feed. Load balancers see which by its health. */
async function serve(): Promise<Instance> {
  const q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
  const stopping = new AbortController();
  let office: Leadership | null = null;
  const server = createServer((_request, response) => {
    response.statusCode = office?.held === true ? 200 : 503;
    response.end();
  }).listen(0);
  const working = whileLeading(
    q,
    "feed",
    async (won) => {
      office = won;
      const either = AbortSignal.any([won.signal, stopping.signal]);
      // The work goes here: with `either` in every call, and every write guarded or fenced.
      if (!either.aborted) await once(either, "abort");
    },
    stopping.signal,
  );
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      stopping.abort();
      await working;
      server.close();
      await q.close();
    },
  };
}

const [first, second] = [await serve(), await serve()];
const healthy = async (url: string): Promise<boolean> => (await fetch(url)).status === 200;
while (!(await healthy(first.url)) && !(await healthy(second.url))) await pause(20);
const [leader, other] = (await healthy(first.url)) ? [first, second] : [second, first];
console.log("leads:", await healthy(leader.url), "- the other:", await healthy(other.url));
await leader.stop();
while (!(await healthy(other.url))) await pause(20);
console.log("the other has taken over:", await healthy(other.url));
await other.stop();
