/** Services on a keyspace in memory, in real time, for tests that need sockets. */
import { SharedSession } from "../../src/coordination/shared-session.ts";
import { Services } from "../../src/discovery/registry/services.ts";
import { nodeClock } from "../../src/node/clock.ts";
import { nodeRandom } from "../../src/node/random.ts";
import { MemoryServer } from "../../src/store/testing/memory-server.ts";
import { MemoryStore } from "../../src/store/testing/memory-store.ts";

export function realServices(): Services {
  const store = new MemoryStore(new MemoryServer(nodeClock), { clock: nodeClock, random: nodeRandom() });
  return new Services(new SharedSession(store, { ttlMs: 600_000 }));
}
