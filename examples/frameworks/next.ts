// instrumentation.ts of a Next application: `register` runs once in every instance of the server.
import { connect } from "quorate";

export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const q = await connect(["http://10.0.0.1:2379", "http://10.0.0.2:2379", "http://10.0.0.3:2379"]);
  const everyHour = async (): Promise<void> => {
    const tick = new Date().toISOString().slice(0, 13);
    await q.lock("cron/cleanup").run(
      async (lock) => {
        const done = await q.kv.get("cron/cleanup/done");
        if (done !== null && done.value >= tick) return;
        await cleanUp(lock.signal);
        await q.guard(lock).put("cron/cleanup/done", tick);
      },
      { timeoutMs: 600_000 },
    );
  };
  // More often than needed: an instance that dies in its hour is followed by another within the minute.
  setInterval(() => void everyHour().catch((error: unknown) => console.error("cleanup:", error)), 60_000);
}

async function cleanUp(_signal: AbortSignal): Promise<void> {}
