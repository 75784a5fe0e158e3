import { connect, json, QuorateError } from "quorate";

interface Machine {
  readonly zone: string;
  readonly cores: number;
}

await using q = await connect(process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379");
const machines = q.kv.namespace("guide/kv/").of(json<Machine>());
await machines.delete({ prefix: "" });

const first = await machines.put("web-1", { zone: "a", cores: 4 });
await machines.put("web-2", { zone: "b", cores: 16 });
const second = await machines.put("web-1", { zone: "a", cores: 8 }, { previous: true });
console.log("web-1 had", second.previous?.value.cores, "cores; revisions grow:", second.revision > first.revision);

// All of one revision, however many pages it takes and whatever is written meanwhile.
for await (const { key, value, version } of machines.range({ prefix: "web-" }, { pageSize: 1 })) {
  console.log(`${key}: zone ${value.zone}, ${value.cores} cores, version ${version}`);
}

// Three ways to read: the past, what this program has written itself, what any member knows.
const past = await machines.get("web-1", { revision: first.revision });
const own = await machines.get("web-1", { consistency: "session" });
const count = await machines.count({ prefix: "web-" }, { consistency: { maxStalenessMs: 5_000 } });
console.log(`then ${past?.value.cores} cores, now ${own?.value.cores}; ${count} machines`);

// A value is decoded when it is looked at, so that one that is broken harms nobody else.
await q.kv.put("guide/kv/broken", "no JSON");
const broken = await machines.get("broken");
try {
  console.log(broken?.value);
} catch (error) {
  if (!(error instanceof QuorateError)) throw error;
  console.log(`broken is ${error.code}, its text is "${broken?.text()}"`);
}

console.log((await machines.get("web-3")) === null ? "there is no web-3" : "there is a web-3");
console.log("deleted", (await machines.delete({ prefix: "" })).deleted);
