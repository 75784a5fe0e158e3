import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Session } from "../../src/coordination/session.ts";
import { SharedSession } from "../../src/coordination/shared-session.ts";
import type { Instance } from "../../src/discovery/registry/instance.ts";
import { Services, type ServiceView } from "../../src/discovery/registry/services.ts";
import { prefixRange, rangeRequest } from "../../src/kv/requests.ts";
import { type MemoryClient, MemoryWorld } from "../../src/store/testing/memory-world.ts";
import { byteStringOfText, textOf } from "../../src/wire/byte-string.ts";

interface Program extends MemoryClient {
  readonly services: Services;
  readonly sessions: SharedSession;
}

class Town extends MemoryWorld {
  program(ttlMs = 6_000): Program {
    const client = this.client();
    const sessions = new SharedSession(client.store, { ttlMs });
    return { ...client, sessions, services: new Services(sessions) };
  }

  keys(): string[] {
    const { key, rangeEnd } = prefixRange(byteStringOfText("service/"));
    return this.server.keyspace.range(rangeRequest(key, { rangeEnd })).kvs.map((kv) => textOf(kv.key));
  }
}

const at = (id: string, more: object = {}) => ({ service: "shop", id, address: "10.0.0.1", port: 80, ...more });
const said = (instances: readonly Instance[]): string => instances.map(({ id, state }) => `${id}=${state}`).join(" ");

/** What a watch says from now on. */
function listen(watch: (signal: AbortSignal) => AsyncIterable<ServiceView>) {
  const seen: string[] = [];
  const end = new AbortController();
  const done = (async () => {
    for await (const { instances } of watch(end.signal)) seen.push(said(instances));
  })();
  return { seen, end: () => end.abort(), done };
}

describe("registration", () => {
  test("instances come, drain, go and die, and who watches sees it", async () => {
    const world = new Town();
    const [one, two, watcher] = [world.program(), world.program(), world.program()];
    const all = listen((signal) => watcher.services.watch("shop", { states: "all" }, { signal }));
    const up = listen((signal) => watcher.services.watch("shop", {}, { signal }));
    await world.pass(10);
    const a = await world.play(one.services.register(at("a", { weight: 3, zone: "x", tags: ["v1"] })));
    await world.play(two.services.register(at("b")));
    await world.play(a.drain("deploy"));
    await world.pass(10);
    const [drained] = await world.play(watcher.services.instances("shop", { states: ["draining"] }));
    assert.equal(drained?.reason, "deploy");
    assert.deepEqual([drained?.weight, drained?.zone, drained?.tags], [3, "x", ["v1"]]);
    await world.play(a.resume());
    two.process.kill();
    await world.pass(8_000);
    await world.play(a.release());
    await world.pass(10);
    for (const { end, done } of [all, up]) {
      end();
      await world.play(done);
    }
    assert.deepEqual(all.seen, ["", "a=up", "a=up b=up", "a=draining b=up", "a=up b=up", "a=up", ""]);
    assert.deepEqual(up.seen, ["", "a=up", "a=up b=up", "b=up", "a=up b=up", "a=up", ""]);
    assert.equal(a.signal.aborted, true);
    await assert.rejects(a.resume(), { code: "RELEASED" });
    assert.deepEqual(world.keys(), []);
  });

  test("an id is one instance's at most, and a bad description is refused by name", async () => {
    const world = new Town();
    const [one, two] = [world.program(), world.program()];
    await world.play(one.services.register(at("a")));
    await assert.rejects(world.play(two.services.register(at("a"))), { code: "TAKEN" });
    const bad: readonly (readonly [object, RegExp])[] = [
      [{ port: 0 }, /port .* is 0/],
      [{ address: "" }, /address .* is ""/],
      [{ weight: 0 }, /weight .* is 0/],
      [{ id: "" }, /not empty/],
      [{ service: "a//b" }, /"a\/\/b" cannot name a service/],
      [{ tags: "v1" }, /tags .* "v1"/],
      [{ metadata: { a: 1 } }, /metadata "a" .* 1/],
      [{ checks: [{ name: "x", probe: async () => 0, rise: 0 }] }, /"x": rise is 0/],
    ];
    for (const [more, message] of bad) {
      await assert.rejects(async () => two.services.register(at("b", more)), { code: "INVALID_ARGUMENT", message });
    }
    const first = await world.play(two.services.register({ service: "shop", address: "::1", port: 1 }));
    const second = await world.play(two.services.register({ service: "shop", address: "::1", port: 1 }));
    assert.notEqual(first.id, second.id);
  });

  test("it is registered anew after its session was lost, and takes over what it left", async () => {
    const world = new Town();
    const [one, watcher] = [world.program(), world.program()];
    const a = await world.play(one.services.register(at("a")));
    const { id } = await world.play(one.sessions.current());
    // The store ends the lease: the key is gone.
    world.server.expire(id);
    await world.pass(10_000);
    assert.equal(said(await world.play(watcher.services.instances("shop"))), "a=up");
    // This side cannot renew it: it gives the session up before the store does.
    one.store.faults.refuse(5_950);
    await world.pass(30_000);
    assert.equal(said(await world.play(watcher.services.instances("shop"))), "a=up");
    assert.equal(a.registered, true);
    await world.play(a.drain());
    assert.equal(said(await world.play(watcher.services.instances("shop", { states: "all" }))), "a=draining");
    // Somebody deletes its key: it comes back with the next thing that it has to say.
    const key = byteStringOfText("service/shop//instance/a");
    await world.play(watcher.store.deleteRange({ key, rangeEnd: "", prevKv: false }));
    await world.play(a.resume());
    assert.equal(said(await world.play(watcher.services.instances("shop"))), "a=up");
  });

  test("it ends with a session of its own", async () => {
    const world = new Town();
    const one = world.program();
    const session = await world.play(Session.open(one.store, { ttlMs: 3_000 }));
    const a = await world.play(one.services.register({ ...at("a"), session }));
    await world.play(session.close());
    await world.pass(10);
    assert.equal(a.signal.reason.code, "SESSION_CLOSED");
    assert.deepEqual(world.keys(), []);
  });

  test("a registration and a change whose answers are lost are there once", async () => {
    for (const outcome of ["applied", "lost", { lateMs: 300 }] as const) {
      const world = new Town();
      const one = world.program();
      await world.play(one.sessions.current());
      one.store.faults.nextWrites(outcome);
      const a = await world.play(one.services.register(at("a")));
      one.store.faults.nextWrites(outcome);
      await world.play(a.maintenance("disk"));
      await world.pass(1_000);
      assert.equal(said(await world.play(one.services.instances("shop", { states: "all" }))), "a=maintenance");
      await world.play(a.release());
      assert.deepEqual(world.keys(), []);
    }
  });

  test("a registration that is given up leaves nothing behind", async () => {
    const world = new Town();
    const one = world.program();
    await world.play(one.sessions.current());
    // Goes on being tried until it is known what became of it.
    one.store.faults.refuse(300);
    await assert.rejects(world.play(one.services.register(at("a"), { timeoutMs: 100 })), { code: "TIMEOUT" });
    await world.pass(30_000);
    assert.deepEqual(world.keys(), []);
  });
});

describe("orders of others", () => {
  test("a drain ends with the registration, maintenance does not", async () => {
    const world = new Town();
    const [one, operator] = [world.program(), world.program()];
    const all = () => world.play(operator.services.instances("shop", { states: "all" }));
    const a = await world.play(one.services.register(at("a")));
    await world.play(operator.services.drain("shop", "a", "old"));
    assert.deepEqual(
      (await all()).map(({ state, reason }) => [state, reason]),
      [["draining", "old"]],
    );
    await world.play(a.release());
    const again = await world.play(one.services.register(at("a")));
    assert.equal(said(await all()), "a=up");
    await world.play(operator.services.maintenance("shop", "a", "disk"));
    // Says less, and changes nothing.
    await world.play(operator.services.drain("shop", "a"));
    await world.play(again.release());
    await world.play(one.services.register(at("a")));
    assert.equal(said(await all()), "a=maintenance");
    await world.play(operator.services.resume("shop", "a"));
    assert.equal(said(await all()), "a=up");
    await assert.rejects(world.play(operator.services.drain("shop", "b")), { code: "NO_INSTANCE" });
  });
});

describe("watching", () => {
  test("filters by tag, zone and state, and passes foreign keys over", async () => {
    const world = new Town();
    const { services, store } = world.program();
    await world.play(services.register(at("a", { tags: ["v1", "eu"], zone: "x" })));
    await world.play(services.register(at("b", { tags: ["v1"], zone: "y" })));
    await world.play(services.register({ ...at("c"), service: "shop/cart" }));
    for (const key of ["service/shop//instance/z", "service/shop//order/a", "service/x"]) {
      const request = { key: byteStringOfText(key), value: "{}", lease: 0n, prevKv: false };
      await world.play(store.put({ ...request, ignoreValue: false, ignoreLease: false }));
    }
    const of = async (filter: object) => said(await world.play(services.instances("shop", filter)));
    assert.equal(await of({}), "a=up b=up");
    assert.equal(await of({ tags: ["v1", "eu"] }), "a=up");
    assert.equal(await of({ zone: "y" }), "b=up");
    assert.equal(await of({ states: ["down"] }), "");
    assert.deepEqual([...(await world.play(services.list())).keys()].sort(), ["shop", "shop/cart"]);
  });

  test("it goes on through an outage and a compaction, and tells nothing twice", async () => {
    const world = new Town();
    const [one, watcher] = [world.program(), world.program()];
    const heard = listen((signal) => watcher.services.watch("shop", {}, { signal }));
    await world.pass(10);
    const a = await world.play(one.services.register(at("a")));
    watcher.store.faults.refuse(2_000);
    watcher.store.faults.cutWatches();
    await world.play(one.services.register(at("b")));
    await world.play(a.release());
    world.server.compact();
    await world.pass(5_000);
    heard.end();
    await world.play(heard.done);
    assert.deepEqual(heard.seen, ["", "a=up", "b=up"]);
  });
});

describe("health checks", () => {
  test("an instance is up when all have passed, and down after several failures in a row", async () => {
    const world = new Town();
    const [one, watcher] = [world.program(), world.program()];
    const heard = listen((signal) => watcher.services.watch("shop", { states: "all" }, { signal }));
    await world.pass(10);
    let answer: () => Promise<unknown> = async () => undefined;
    const check = { name: "mine", probe: () => answer(), everyMs: 1_000, timeoutMs: 500, rise: 2, fall: 3 };
    const ping = { name: "ping", probe: async () => true };
    const a = await world.play(one.services.register(at("a", { checks: [ping, check] })));
    assert.equal(a.state, "down");
    await world.pass(1_500);
    assert.equal(a.state, "up");
    answer = async () => {
      throw new Error("no disk");
    };
    await world.pass(2_000);
    assert.equal(a.state, "up");
    await world.pass(1_000);
    const [down] = await world.play(watcher.services.instances("shop", { states: "all" }));
    assert.deepEqual([down?.state, down?.reason], ["down", "mine: no disk"]);
    answer = () => new Promise(() => undefined);
    await world.pass(2_000);
    const [late] = await world.play(watcher.services.instances("shop", { states: "all" }));
    assert.equal(late?.reason, "mine: no answer within 500 ms");
    answer = async () => undefined;
    await world.pass(4_000);
    assert.equal(a.state, "up");
    heard.end();
    await world.play(heard.done);
    assert.deepEqual([heard.seen.at(0), heard.seen.at(1), heard.seen.at(-1)], ["", "a=down", "a=up"]);
  });
});
