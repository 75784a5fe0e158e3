import { createServer } from "node:http";
import { connect, type Quorate } from "quorate";

interface Migration {
  readonly name: string;
  /** May be run again if its runner dies before it is noted: `create table if not exists`, or in one transaction with a mark. */
  run(signal: AbortSignal): Promise<void>;
}

/** Brings the data up to date: one runner at a time, each migration in its order. Who comes later waits, and does the rest. */
async function migrate(q: Quorate, name: string, migrations: readonly Migration[]): Promise<number> {
  return await q.lock(`migrations/${name}`).run(
    async (lock) => {
      const version = Number((await q.kv.get(`migrations/${name}/version`))?.value ?? 0);
      for (const [at, migration] of migrations.entries()) {
        if (at < version) continue;
        await migration.run(lock.signal);
        // Not noted if the lock was lost: the next runner looks for itself.
        await q.guard(lock).put(`migrations/${name}/version`, `${at + 1}`);
      }
      return Math.max(0, migrations.length - version);
    },
    { timeoutMs: 60_000 },
  );
}

const run: string[] = [];
const migrations: readonly Migration[] = ["create table users", "add column email", "create index"].map((name) => ({
  name,
  run: async () => void run.push(name),
}));

/** An instance of the service: takes requests only when the data is as it wants it. */
async function serve(): Promise<number> {
  await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
  const made = await migrate(q, "guide", migrations);
  const server = createServer((_request, response) => response.end("ready")).listen(0);
  await new Promise((resolve) => server.close(resolve));
  return made;
}

const q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
await q.kv.delete("migrations/guide/version");
await q.close();
const made = await Promise.all([serve(), serve(), serve()]);
console.log(made.sort((a, b) => b - a).join(", "), "migrations by each of three");
console.log(run.join(", then "));
