/** All clients of a run. */
import { SeededRandom } from "../../consensus/random.ts";
import type { World } from "../world/world.ts";
import { Caller } from "./caller.ts";
import { FreshReader } from "./fresh-reader.ts";
import { KvClient } from "./kv-client.ts";
import { Leaseholder } from "./leaseholder.ts";
import { GuardedResource, Locker } from "./locker.ts";
import { WatchClient } from "./watcher.ts";

export class Workload {
  readonly watchers: readonly WatchClient[];
  readonly #others: readonly (KvClient | FreshReader | Leaseholder | Locker)[];
  readonly #world: World;
  readonly #random: SeededRandom;
  #clients = 0;

  constructor(world: World) {
    this.#world = world;
    const { workload, cluster, seed } = world.plan;
    this.#random = new SeededRandom(seed ^ 0x636c6e74);
    const resource = new GuardedResource();
    const minTtl = Math.ceil((1.5 * cluster.electionMs) / 1_000);
    const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
    this.#others = [
      ...times(workload.clients, () => new KvClient(this.caller(), workload)),
      ...times(workload.readers, () => new FreshReader(this.caller(), minTtl)),
      ...times(workload.leaseholders, () => new Leaseholder(this.caller(), minTtl)),
      ...times(workload.lockers, () => new Locker(this.caller(), resource, minTtl + 1)),
    ];
    this.watchers = times(workload.watchers, () => new WatchClient(this.caller()));
  }

  /** A client more: its own number, its own stream of draws. */
  caller(): Caller {
    return new Caller({
      client: ++this.#clients,
      world: this.#world,
      recorder: this.#world.observer.recorder,
      random: new SeededRandom(this.#random.uint32()),
      patienceMs: this.#world.plan.workload.patienceMs,
    });
  }

  start(): void {
    for (const client of [...this.#others, ...this.watchers]) client.start();
  }

  /** No new calls; watches go on without whims. */
  stop(): void {
    for (const client of this.#others) client.stop();
    for (const watcher of this.watchers) watcher.calmDown();
  }
}
