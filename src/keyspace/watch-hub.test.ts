import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KeyValue, WatchEvent } from "../wire/kv.ts";
import type { HistorySource, KeyRecord } from "./record.ts";
import type { Watcher, WatchRequest, WatchSink } from "./watch.ts";
import { WatchHub } from "./watch-hub.ts";

/** A history that keeps every change for ever, but admits only to what is not compacted. */
class History implements HistorySource {
  revision = 1;
  compactRevision = -1;
  readonly all: KeyRecord[] = [];
  readonly #newest = new Map<string, KeyRecord>();

  /** One revision: a put for each key; a delete for each that starts with "-". */
  change(...keys: string[]): number {
    this.revision += 1;
    keys.forEach((name, sub) => {
      const deleted = name.startsWith("-");
      const key = deleted ? name.slice(1) : name;
      const older = this.#newest.get(key) ?? null;
      const live = older !== null && !older.deleted;
      const record: KeyRecord = {
        key,
        createRevision: deleted ? 0 : live ? older.createRevision : this.revision,
        modRevision: this.revision,
        version: deleted ? 0 : live ? older.version + 1 : 1,
        value: deleted ? "" : `${key}@${this.revision}`,
        lease: 0n,
        sub,
        deleted,
        older,
      };
      this.all.push(record);
      this.#newest.set(key, record);
    });
    return this.revision;
  }

  forEachChange(from: number, visit: (record: KeyRecord) => boolean): void {
    assert.ok(from >= this.compactRevision, `asked for ${from}, compacted at ${this.compactRevision}`);
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.all[middle]?.modRevision ?? 0) < from) low = middle + 1;
      else high = middle;
    }
    for (let at = low; at < this.all.length; at++) {
      const record = this.all[at];
      if (record === undefined || !visit(record)) return;
    }
  }

  previous(record: KeyRecord): KeyValue | null {
    return record.older === null || record.older.deleted ? null : record.older;
  }
}

/** A sink that checks the rules of delivery as it takes what comes. */
class Client implements WatchSink {
  readonly told: WatchEvent[] = [];
  readonly calls: { count: number; revision: number }[] = [];
  compactedAt: number | null = null;
  /** Say "no more" at every n-th call; 0: never. */
  readonly slowness: number;
  paused = false;
  over = false;

  constructor(slowness = 0) {
    this.slowness = slowness;
  }

  events(_watcher: Watcher, events: readonly WatchEvent[], revision: number): boolean {
    assert.equal(this.over, false, "events after the end");
    assert.equal(this.paused, false, "events to a paused watcher");
    assert.ok(events.length > 0, "an empty delivery");
    const before = this.calls.at(-1)?.revision ?? 0;
    for (const { kv } of events) assert.ok(kv.modRevision > before, "a revision was split between two calls");
    assert.ok((events.at(-1)?.kv.modRevision ?? 0) <= revision);
    this.told.push(...events);
    this.calls.push({ count: events.length, revision });
    this.paused = this.slowness > 0 && this.calls.length % this.slowness === 0;
    return !this.paused;
  }

  compacted(_watcher: Watcher, compactRevision: number): void {
    assert.equal(this.over, false, "ended twice");
    this.compactedAt = compactRevision;
    this.over = true;
  }

  get seen(): string[] {
    return this.told.map(({ type, kv }) => `${type} ${kv.key}@${kv.modRevision}`);
  }
}

function request(key: string, rangeEnd = "", startRevision = 0, more: Partial<WatchRequest> = {}): WatchRequest {
  return { key, rangeEnd, startRevision, prevKv: false, noPut: false, noDelete: false, ...more };
}

function matches({ key, rangeEnd, noPut, noDelete }: WatchRequest, record: KeyRecord): boolean {
  if (record.deleted ? noDelete : noPut) return false;
  if (rangeEnd === "") return record.key === key;
  return record.key >= key && (rangeEnd === "\0" || record.key < rangeEnd);
}

test("a watcher from now on sees later changes of its keys, each batch in one call", () => {
  const history = new History();
  history.change("a");
  const hub = new WatchHub(history);
  const one = new Client();
  const range = new Client();
  const watcher = hub.watch(request("a"), one);
  hub.watch(request("a", "c"), range);
  assert.equal(watcher.synced, true);
  history.change("a");
  assert.equal(watcher.synced, false);
  history.change("b", "c");
  history.change("-a");
  hub.publish();
  assert.deepEqual(one.seen, ["put a@3", "delete a@5"]);
  assert.deepEqual(one.calls, [{ count: 2, revision: 5 }]);
  assert.deepEqual(range.seen, ["put a@3", "put b@4", "delete a@5"]);
  assert.equal(watcher.synced, true);
  assert.equal(watcher.nextRevision, 6);
});

test("a delete event has only its key and revision; previous versions come on request, never for creations", () => {
  const history = new History();
  const hub = new WatchHub(history);
  const client = new Client();
  hub.watch(request("a", "", 0, { prevKv: true }), client);
  history.change("a");
  history.change("a");
  history.change("-a");
  hub.publish();
  assert.deepEqual(
    client.told.map(({ prevKv }) => prevKv?.value ?? null),
    [null, "a@2", "a@3"],
  );
  const gone = client.told[2]?.kv;
  assert.ok(gone !== undefined);
  assert.deepEqual(
    [gone.key, gone.value, gone.createRevision, gone.version, gone.modRevision, gone.lease],
    ["a", "", 0, 0, 4, 0n],
  );
});

test("filters leave out puts or deletes, and call nobody when nothing is left", () => {
  const history = new History();
  const hub = new WatchHub(history);
  const noPut = new Client();
  const noDelete = new Client();
  hub.watch(request("a", "", 0, { noPut: true }), noPut);
  hub.watch(request("a", "", 0, { noDelete: true }), noDelete);
  history.change("a");
  hub.publish();
  assert.deepEqual(noPut.calls, []);
  history.change("-a");
  hub.publish();
  assert.deepEqual(noPut.seen, ["delete a@3"]);
  assert.deepEqual(noDelete.seen, ["put a@2"]);
});

test("an old start revision is replayed; a future one hears nothing from before", () => {
  const history = new History();
  let woken = 0;
  const hub = new WatchHub(history, () => {
    woken += 1;
  });
  for (let n = 0; n < 5; n++) history.change("a");
  hub.publish();
  const old = new Client();
  const future = new Client();
  const oldWatcher = hub.watch(request("a", "", 3), old);
  const futureWatcher = hub.watch(request("a", "", 9), future);
  assert.equal(woken, 1);
  assert.equal(hub.hasWork, true);
  assert.equal(oldWatcher.synced, false);
  assert.equal(futureWatcher.synced, true);
  assert.equal(hub.catchUp(100), false);
  assert.equal(oldWatcher.synced, true);
  assert.deepEqual(old.seen, ["put a@3", "put a@4", "put a@5", "put a@6"]);
  for (let n = 0; n < 4; n++) {
    history.change("a");
    hub.publish();
  }
  assert.deepEqual(future.seen, ["put a@9", "put a@10"]);
  assert.equal(old.seen.length, 8);
  assert.equal(woken, 1);
});

test("a watcher made between a change and its publication starts behind that change", () => {
  const history = new History();
  const hub = new WatchHub(history);
  const now = new Client();
  const there = new Client();
  history.change("a");
  hub.watch(request("a"), now);
  hub.watch(request("a", "", 2), there);
  history.change("a");
  hub.publish();
  assert.deepEqual(now.seen, ["put a@3"]);
  assert.deepEqual(there.seen, ["put a@2", "put a@3"]);
});

test("who starts below the compacted revision is told so; at it the changes are still there", () => {
  const history = new History();
  for (let n = 0; n < 8; n++) history.change("a");
  history.compactRevision = 5;
  const hub = new WatchHub(history);
  const below = new Client();
  const at = new Client();
  hub.watch(request("a", "", 4), below);
  hub.watch(request("a", "", 5, { prevKv: true }), at);
  while (hub.catchUp(10));
  assert.equal(below.compactedAt, 5);
  assert.deepEqual(below.seen, []);
  assert.deepEqual(at.seen, ["put a@5", "put a@6", "put a@7", "put a@8", "put a@9"]);
  assert.equal(at.told[0]?.prevKv, null, "the version before the compacted revision is gone");
  assert.equal(at.told[1]?.prevKv?.modRevision, 5);
  assert.equal(hub.size, 1);
});

test("a compaction ends whoever lags behind it or is paused behind it, nobody else", () => {
  const history = new History();
  const hub = new WatchHub(history);
  const paused = new Client(1);
  const quick = new Client();
  const watcher = hub.watch(request("a"), paused);
  hub.watch(request("a"), quick);
  for (let n = 0; n < 6; n++) {
    history.change("a");
    hub.publish();
  }
  assert.equal(paused.seen.length, 1);
  history.compactRevision = watcher.nextRevision;
  hub.compacted();
  assert.equal(paused.compactedAt, null);
  history.compactRevision = 6;
  hub.compacted();
  assert.equal(paused.compactedAt, 6);
  assert.equal(quick.compactedAt, null);
  watcher.resume();
  history.change("a");
  hub.publish();
  while (hub.catchUp(10));
  assert.equal(paused.seen.length, 1);
  assert.equal(quick.seen.length, 7);
  assert.equal(hub.size, 1);
});

test("if a compaction comes before the publication of what it removes, watchers are told, not silently skipped", () => {
  const history = new History();
  const hub = new WatchHub(history);
  const now = new Client();
  const future = new Client();
  hub.watch(request("a"), now);
  hub.watch(request("a", "", 5), future);
  for (let n = 0; n < 5; n++) history.change("a");
  history.compactRevision = 4;
  hub.publish();
  hub.compacted();
  while (hub.catchUp(10));
  assert.equal(now.compactedAt, 4);
  assert.deepEqual(future.seen, ["put a@5", "put a@6"]);
});

test("a sink may cancel itself, others, and start new watchers", () => {
  const history = new History();
  const hub = new WatchHub(history);
  const late = new Client();
  const victim = new Client();
  let victimWatcher: Watcher | null = null;
  let calls = 0;
  hub.watch(request("a"), {
    events(watcher) {
      calls += 1;
      watcher.cancel();
      victimWatcher?.cancel();
      hub.watch(request("a", "", 1), late);
      return true;
    },
    compacted: () => assert.fail("nothing is compacted"),
  });
  victimWatcher = hub.watch(request("a"), victim);
  history.change("a");
  hub.publish();
  history.change("a");
  hub.publish();
  hub.catchUp(100);
  assert.equal(calls, 1);
  assert.deepEqual(victim.seen, []);
  assert.deepEqual(late.seen, ["put a@2", "put a@3"]);
  assert.equal(hub.size, 1);
});

test("a sink that reads the hub back into itself is stopped", () => {
  const history = new History();
  const hub = new WatchHub(history);
  hub.watch(request("a"), {
    events() {
      hub.catchUp(1);
      history.change("a");
      hub.publish();
      return true;
    },
    compacted: () => undefined,
  });
  history.change("a");
  assert.throws(() => hub.publish(), /sink called publish/);
});

test("an empty range is refused by name", () => {
  const hub = new WatchHub(new History());
  assert.throws(() => hub.watch(request("b", "a"), new Client()), { message: "mvcc: watcher range is empty" });
  assert.throws(() => hub.watch(request("b", "b"), new Client()), { message: "mvcc: watcher range is empty" });
  assert.equal(hub.size, 0);
});

test("a put among a million watchers looks at a few dozen places", () => {
  const history = new History();
  const hub = new WatchHub(history);
  const silent: WatchSink = {
    events: () => assert.fail("told of a key it does not watch"),
    compacted: () => assert.fail("nothing is compacted"),
  };
  const name = (n: number): string => `key/${String(n).padStart(8, "0")}`;
  for (let n = 0; n < 500_000; n++) {
    hub.watch(request(name(n)), silent);
    hub.watch(request(name(2 * n), name(2 * n + 1)), silent);
  }
  const single = new Client();
  const range = new Client();
  hub.watch(request("other"), single);
  hub.watch(request("oth", "ou"), range);
  assert.equal(hub.size, 1_000_002);
  for (let n = 0; n < 10; n++) history.change("other");
  hub.publish();
  assert.equal(single.told.length, 10);
  assert.equal(range.told.length, 10);
  assert.ok(hub.counters.lookups < 10 * 60, `${hub.counters.lookups} lookups for 10 puts`);
});

test("watchers that lag together share one reading of the history", () => {
  const history = new History();
  for (let n = 0; n < 1_000; n++) history.change("a");
  const hub = new WatchHub(history);
  for (let n = 0; n < 1_000; n++) hub.watch(request("b", "", 1 + n), new Client());
  while (hub.catchUp(50));
  assert.ok(hub.counters.changes <= 2_000, `${hub.counters.changes} changes read for 1000 watchers`);
});

test("catching up is cut into slices, and a newcomer does not wait for one that has far to go", () => {
  const history = new History();
  for (let n = 0; n < 20_000; n++) history.change(n % 2 === 0 ? "a" : "b");
  const hub = new WatchHub(history);
  const far = hub.watch(request("a", "", 1), new Client());
  assert.equal(hub.catchUp(500), true);
  assert.ok(hub.counters.changes <= 501);
  const near = hub.watch(request("b", "", history.revision - 10), new Client());
  hub.catchUp(1_000);
  hub.catchUp(1_000);
  assert.equal(near.synced, true);
  assert.equal(far.synced, false);
});

test("every watcher sees exactly its changes from its start on, in order, or is told that they are gone", () => {
  const keys = ["a", "b", "ba", "c"];
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ op: fc.constant("change" as const), which: fc.nat(15), del: fc.nat(15) }) },
    { weight: 4, arbitrary: fc.record({ op: fc.constant("publish" as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ op: fc.constant("catchUp" as const), budget: fc.integer({ min: 1, max: 8 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        op: fc.constant("watch" as const),
        key: fc.constantFrom("a", "b", "ba"),
        end: fc.constantFrom("", "c", "\0"),
        start: fc.integer({ min: -20, max: 5 }),
        prevKv: fc.boolean(),
        noPut: fc.boolean(),
        noDelete: fc.boolean(),
        slowness: fc.nat(2),
      }),
    },
    { weight: 3, arbitrary: fc.record({ op: fc.constant("resume" as const), who: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("cancel" as const), who: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("compact" as const), back: fc.nat(6) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("replace" as const), ahead: fc.nat(3) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 150 }), (steps) => {
      const history = new History();
      let woken = false;
      const hub = new WatchHub(history, () => {
        woken = true;
      });
      const watchers: { watcher: Watcher; client: Client; first: number; cancelled: boolean }[] = [];

      const check = (): void => {
        for (const { watcher, client, first } of watchers) {
          const upTo = watcher.nextRevision;
          const wanted = history.all.filter(
            (record) => record.modRevision >= first && record.modRevision < upTo && matches(watcher.request, record),
          );
          assert.deepEqual(
            client.seen,
            wanted.map((record) => `${record.deleted ? "delete" : "put"} ${record.key}@${record.modRevision}`),
          );
          if (client.over) assert.ok(upTo < (client.compactedAt ?? 0), "ended though it had all it needs");
          for (const { kv, prevKv } of client.told) {
            if (!watcher.request.prevKv) assert.equal(prevKv, null);
            else if (prevKv !== null) assert.ok(prevKv.key === kv.key && prevKv.modRevision < kv.modRevision);
            else if (kv.version > 1) assert.ok(kv.modRevision <= history.compactRevision);
          }
        }
        assert.equal(hub.size, watchers.filter(({ client, cancelled }) => !client.over && !cancelled).length);
        assert.ok(!hub.hasWork || woken, "work to do, and nobody was woken for it");
      };

      for (const each of steps) {
        switch (each.op) {
          case "change": {
            const names = keys.filter((_, at) => (each.which & (1 << at)) !== 0);
            if (names.length > 0) history.change(...names.map((key, at) => (each.del & (1 << at) ? `-${key}` : key)));
            break;
          }
          case "publish":
            hub.publish();
            break;
          case "catchUp":
            woken = hub.catchUp(each.budget);
            break;
          case "watch": {
            const start = each.start > -15 ? Math.max(1, history.revision + each.start) : 0;
            const { key, end, prevKv, noPut, noDelete, slowness } = each;
            const client = new Client(slowness);
            const watcher = hub.watch(request(key, end, start, { prevKv, noPut, noDelete }), client);
            const first = start === 0 ? history.revision + 1 : start;
            watchers.push({ watcher, client, first, cancelled: false });
            break;
          }
          case "resume": {
            const found = watchers[each.who];
            if (found === undefined || found.client.over) break;
            found.client.paused = false;
            found.watcher.resume();
            break;
          }
          case "cancel": {
            const found = watchers[each.who];
            if (found === undefined || found.client.over) break;
            found.cancelled = true;
            found.watcher.cancel();
            break;
          }
          case "compact":
            hub.publish();
            history.compactRevision = Math.max(history.compactRevision, history.revision - each.back);
            hub.compacted();
            break;
          case "replace":
            for (let n = 0; n < each.ahead; n++) history.change("a");
            hub.replaceSource(history);
            break;
        }
        check();
      }
      hub.publish();
      for (let rounds = 0; rounds < 1_000; rounds++) {
        for (const { watcher, client, cancelled } of watchers) {
          if (!client.paused || client.over || cancelled) continue;
          client.paused = false;
          watcher.resume();
        }
        if (!hub.catchUp(5) && watchers.every(({ client, cancelled }) => !client.paused || client.over || cancelled))
          break;
      }
      check();
      for (const { watcher, client, cancelled } of watchers) {
        if (!client.over && !cancelled) assert.ok(watcher.nextRevision > history.revision, "never came to the present");
      }
    }),
    { numRuns: 400 },
  );
});
