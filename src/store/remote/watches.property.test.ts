import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../../consensus/random.ts";
import { GrpcStatus } from "../../errors.ts";
import type { RequestOp, WatchEvent } from "../../wire/kv.ts";
import type { Watch, WatchBatch } from "../store.ts";
import { failure } from "./testing/scripted-member.ts";
import { putOf, StoreWorld, watchOf } from "./testing/store-world.ts";
import { WatchCluster } from "./testing/watch-cluster.ts";

const STEPS = 120;
const KEYS = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** A consumer that stops taking whenever it is told to. */
class Consumer {
  readonly batches: WatchBatch[] = [];
  error: unknown = null;
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;

  constructor(watch: Watch) {
    void this.#run(watch);
  }

  pause(): void {
    this.#open();
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  resume(): void {
    this.#open();
  }

  /** Changes up to here were taken. */
  get taken(): number {
    return this.batches.at(-1)?.revision ?? 0;
  }

  async #run(watch: Watch): Promise<void> {
    try {
      for await (const batch of watch) {
        this.batches.push(batch);
        await this.#gate;
      }
    } catch (error) {
      this.error = error;
    }
  }
}

async function play(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const world = new StoreWorld(seed);
  const scripted = world.members("a:1", "b:1", "c:1");
  const cluster = new WatchCluster(scripted, random);
  const store = world.store(scripted, { watchSilenceMs: 2_000, watchBufferBytes: random.chance(0.5) ? 600 : 1 << 20 });
  const key = (): string => KEYS[random.below(KEYS.length)] as string;
  const op = (): RequestOp =>
    random.chance(0.7)
      ? { type: "put", request: putOf(key(), String(random.below(100))) }
      : { type: "deleteRange", request: { key: key(), rangeEnd: "", prevKv: false } };
  const write = (): void => {
    if (random.chance(0.5)) return cluster.commit({ type: "put", request: putOf(key(), String(random.below(100))) });
    const success = KEYS.slice(0, 1 + random.below(KEYS.length)).map((each): RequestOp => {
      const drawn = op();
      return drawn.type === "put" ? { type: "put", request: putOf(each, "t") } : drawn;
    });
    const used = new Set<string>();
    const distinct = success.filter((each) => {
      const name = each.type === "put" || each.type === "deleteRange" ? each.request.key : "";
      return !used.has(name) && used.add(name) !== undefined;
    });
    cluster.commit({ type: "txn", request: { compare: [], success: distinct, failure: [] } });
  };

  for (let i = 0; i < 5; i++) write();
  for (const member of cluster.members) member.catchUp(random.below(6));
  const without: WatchEvent["type"][] = random.chance(0.2) ? ["delete"] : [];
  const startRevision = 1 + random.below(8);
  const progress = random.chance(0.5);
  const whole = store.watch(watchOf("\0", { rangeEnd: "\0", startRevision, without, progress }));
  const consumer = new Consumer(whole);
  const other = new Consumer(store.watch(watchOf("\0", { rangeEnd: "\0", startRevision: 1 })));
  const broken = (): ReturnType<typeof failure> => failure("UNAVAILABLE", GrpcStatus.unavailable, true);

  for (let step = 0; step < STEPS; step++) {
    const member = cluster.members[random.below(cluster.members.length)];
    assert.ok(member !== undefined);
    const draw = random.below(100);
    if (draw < 40) write();
    else if (draw < 65) member.catchUp(1 + random.below(20));
    else if (draw < 72) member.scripted.streams.at(-1)?.end(random.chance(0.5) ? broken() : null);
    else if (draw < 77) member.scripted.breakAll();
    else if (draw < 80) member.scripted.refusal = member.scripted.refusal === null ? "away" : null;
    else if (draw < 83) member.scripted.frozen = !member.scripted.frozen;
    else if (draw < 87) (random.chance(0.5) ? consumer : other).pause();
    else if (draw < 90) consumer.resume();
    else if (draw < 92) {
      // Nothing is forgotten that has still to be told.
      const safe = Math.min(consumer.taken, other.taken);
      if (safe > 1) cluster.commit({ type: "compact", revision: safe });
    }
    if (random.chance(0.7)) await world.pass(random.below(random.chance(0.1) ? 4_000 : 200));
  }

  for (const each of [consumer, other]) each.resume();
  for (const { scripted: each } of cluster.members) {
    each.refusal = null;
    each.frozen = false;
  }
  for (const member of cluster.members) member.catchUp(Number.POSITIVE_INFINITY);
  // A last write, so that all are woken.
  cluster.commit({ type: "put", request: putOf("a", "last") });
  for (const member of cluster.members) member.catchUp(1);
  await world.pass(120_000);

  for (const [name, each, from, left] of [
    ["watch", consumer, startRevision, without],
    ["other", other, 1, []],
  ] as const) {
    assert.equal(each.error, null, name);
    const changes = each.batches.filter(({ events }) => events.length > 0);
    assert.deepEqual(changes.map(shown), cluster.expected(from, left).map(shown), name);
    const revisions = each.batches.map(({ revision }) => revision);
    assert.deepEqual(
      revisions,
      [...new Set(revisions)].sort((a, b) => a - b),
      `${name}: in order, none twice`,
    );
  }
  await store.close();
}

function shown({ revision, events }: WatchBatch): string {
  return `${revision}: ${events.map(({ type, kv }) => `${type} ${kv.key}=${kv.value}@${kv.modRevision}.${kv.version}`).join(", ")}`;
}

test("a watch over streams that fail at any point gives exactly the changes of the keyspace, in order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => play(seed)),
    { numRuns: Number(process.env["QUORATE_RUNS"] ?? 40), examples: [[1], [2], [3]] },
  );
});
