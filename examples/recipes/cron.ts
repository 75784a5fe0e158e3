import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { connect, type Quorate } from "quorate";

/**
 * Runs `job` for a tick in one of all programs that call this. If that one dies before it is done, another does it again.
 * Ticks are texts that grow. Returns whether it was done here.
 */
async function oncePerTick(
  q: Quorate,
  name: string,
  tick: string,
  job: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  return await q.lock(`cron/${name}`).run(async (lock) => {
    const done = await q.kv.get(`cron/${name}/done`);
    if (done !== null && done.value >= tick) return false;
    await job(lock.signal);
    // Refused if the lock was lost meanwhile: then somebody else may have done it, too.
    await q.guard(lock).put(`cron/${name}/done`, tick);
    return true;
  });
}

/** An instance of the service: answers requests, and does the job every second unless another has. */
async function serve(instance: string, stop: AbortSignal): Promise<{ url: string; ended: Promise<void> }> {
  const q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
  const done: string[] = [];
  const server = createServer((_request, response) => response.end(JSON.stringify(done))).listen(0);
  const schedule = async (): Promise<void> => {
    for (let last = ""; !stop.aborted; await pause(100)) {
      const tick = new Date().toISOString().slice(0, 19);
      if (tick !== last) await oncePerTick(q, "report", tick, async () => void done.push(`${instance} ${tick}`));
      last = tick;
    }
    server.close();
    await q.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ended: schedule() };
}

const stop = new AbortController();
const instances = [await serve("a", stop.signal), await serve("b", stop.signal)];
const asked = async (): Promise<string[]> =>
  (await Promise.all(instances.map(async ({ url }) => (await (await fetch(url)).json()) as string[]))).flat();
let jobs: string[] = [];
while (jobs.length < 4) {
  await pause(100);
  jobs = await asked();
}
stop.abort();
await Promise.all(instances.map(({ ended }) => ended));
const ticks = jobs.map((job) => job.slice(2));
console.log("every tick was done once:", new Set(ticks).size === ticks.length);
