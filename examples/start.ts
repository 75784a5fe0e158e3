import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, start } from "quorate";

// A real program says where its data is to stay: start({ dataDir: "./data" }).
const dataDir = await mkdtemp(join(tmpdir(), "quorate-example-"));

{
  // A member in a thread of this process: no server, no port.
  await using q = await start({ dataDir });
  console.log("visits:", await q.counter("visits").add());
  await q.lock("report").run(async (lock) => {
    await q.guard(lock).put("report/state", "written");
  });
}

{
  // What was acknowledged is there when it is started again.
  await using q = await start({ dataDir });
  console.log("visits:", await q.counter("visits").add());
  console.log("report:", (await q.kv.get("report/state"))?.value);
}
await rm(dataDir, { recursive: true });

// The same program on a cluster, of Quorate or etcd: one line is different.
await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
await q.kv.delete({ prefix: "counter/visits//" });
console.log("visits there:", await q.counter("visits").add());
console.log("status:", q.store.state.is);
