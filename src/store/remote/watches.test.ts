import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GrpcStatus } from "../../errors.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import * as methods from "../../wire/methods.ts";
import { answered, failure, ScriptedMember } from "./testing/scripted-member.ts";
import { rangeOf, StoreWorld, watchOf } from "./testing/store-world.ts";
import { broken, type Creation, heard, put, response, room, taking } from "./testing/watch-room.ts";

describe("a watch", () => {
  test("from now on begins behind the revision of the member that has it in place", async () => {
    const { world, members, stream } = room();
    const watch = world.store(members).watch(watchOf("a"));
    assert.equal(await world.play(watch.ready), 11);
    assert.equal(stream(0).metadata["hasleader"], "true");
    const { batches } = taking(watch);
    stream(0).say(response(1, 12, { events: [put("a", 11), put("b", 11), put("a", 12)] }));
    await world.pass(10);
    assert.deepEqual(batches, ["11:ab", "12:a"]);
  });

  test("from now on does not tell of what this store had seen before, though the member lags", async () => {
    const { world, members, stream, at } = room();
    const store = world.store(members);
    await world.play(store.range(rangeOf("a")));
    at.revision = 8;
    const watch = store.watch(watchOf("a"));
    assert.equal(await world.play(watch.ready), 11);
    const { batches } = taking(watch);
    stream(0).say(response(1, 11, { events: [put("a", 9), put("b", 10), put("c", 11)] }));
    await world.pass(10);
    assert.deepEqual(batches, ["11:c"]);
  });

  test("from a revision to come is made where the member is, so that it can tell of progress, and waits", async () => {
    const { world, members, stream } = room();
    const watch = world.store(members).watch(watchOf("a", { startRevision: 20 }));
    assert.equal(await world.play(watch.ready), 20);
    const { batches } = taking(watch);
    await world.pass(100);
    assert.deepEqual(
      heard(stream(0), "createRequest").map(({ startRevision }) => startRevision),
      [20n, 11n],
    );
    assert.deepEqual(
      heard<{ watchId: bigint }>(stream(0), "cancelRequest").map(({ watchId }) => watchId),
      [1n],
    );
    stream(0).say(response(1, 20, { events: [put("z", 20)] }));
    for (const revision of [12, 19, 20, 21]) stream(0).say(response(2, revision, { events: [put("a", revision)] }));
    await world.pass(10);
    assert.deepEqual(batches, ["20:a", "21:a"]);
  });

  test("goes on at another member, behind the last revision it gave, and gives nothing twice", async () => {
    const { world, members, stream } = room();
    const watch = world.store(members).watch(watchOf("a", { startRevision: 5 }));
    const { batches } = taking(watch);
    await world.pass(10);
    stream(0).say(response(1, 10, { events: [put("a", 6), put("a", 7)] }));
    await world.pass(10);
    for (const member of members) member.breakAll();
    await world.pass(1_000);
    assert.equal(heard(stream(1), "createRequest")[0]?.startRevision, 8n);
    stream(1).say(response(1, 10, { events: [put("a", 7), put("a", 8)] }));
    stream(1).say(response(1, 10, { events: [put("a", 8)] }));
    await world.pass(10);
    assert.deepEqual(batches, ["6:a", "7:a", "8:a"]);
  });

  test("puts fragments together, and forgets half a revision when the stream breaks", async () => {
    const { world, members, stream } = room();
    const { batches } = taking(world.store(members).watch(watchOf("a", { startRevision: 5 })));
    await world.pass(10);
    stream(0).say(response(1, 10, { events: [put("a", 6), put("b", 7)], fragment: true }));
    stream(0).say(response(1, 10, { events: [put("c", 7)], fragment: true }));
    await world.pass(10);
    assert.deepEqual(batches, ["6:a"]);
    stream(0).say(response(1, 10, { events: [put("d", 7), put("a", 8)], fragment: false }));
    await world.pass(10);
    assert.deepEqual(batches, ["6:a", "7:bcd", "8:a"]);
    stream(0).say(response(1, 10, { events: [put("a", 9)], fragment: true }));
    await world.pass(10);
    stream(0).end(broken());
    await world.pass(1_000);
    assert.equal(heard(stream(1), "createRequest")[0]?.startRevision, 9n);
    stream(1).say(response(1, 10, { events: [put("a", 9), put("b", 9)] }));
    await world.pass(10);
    assert.deepEqual(batches, ["6:a", "7:bcd", "8:a", "9:ab"]);
  });

  test("ends with COMPACTED, once all before is taken, if what it must tell of is gone", async () => {
    const { world, members, stream } = room();
    const watch = world.store(members).watch(watchOf("a", { startRevision: 5 }));
    await world.play(watch.ready);
    stream(0).say(response(1, 10, { events: [put("a", 6)] }));
    stream(0).say(response(1, 0, { canceled: true, compactRevision: 9 }));
    await world.pass(10);
    const { batches, over } = taking(watch);
    await assert.rejects(world.play(over), {
      code: "COMPACTED",
      retryable: false,
      message: /revision 7 on .* from 9 on/,
    });
    assert.deepEqual(batches, ["6:a"]);
  });

  test("goes on if what is gone is only what it did not need", async () => {
    const { world, members, stream } = room();
    const watch = world.store(members).watch(watchOf("a", { startRevision: 20 }));
    await world.play(watch.ready);
    const { batches } = taking(watch);
    await world.pass(100);
    const cancelReason = "etcdserver: mvcc: required revision has been compacted";
    stream(0).say(response(2, 0, { canceled: true, compactRevision: 15, cancelReason }));
    await world.pass(100);
    assert.equal(heard(stream(0), "createRequest")[2]?.startRevision, 20n);
    stream(0).say(response(4, 20, { events: [put("a", 20)] }));
    await world.pass(10);
    assert.deepEqual(batches, ["20:a"]);
  });

  test("ends with the reason if a member refuses it, whatever id the refusal has, and the others go on", async () => {
    const { world, members, stream } = room();
    const store = world.store(members);
    for (const member of members) {
      member.opened = (opened) => {
        const refusals = [
          new Map([
            [1, true],
            [3, true],
          ]),
          -1,
        ] as const;
        opened.heard = ({ requestUnion }: { requestUnion: { case: string; value: Creation } }) => {
          const id = Number(requestUnion.value.watchId);
          const refused = refusals[0].get(id) === true;
          const cancelReason = id === 1 ? "mvcc: watcher range is empty" : "etcdserver: permission denied";
          opened.say(
            response(refused ? (id === 1 ? -1 : 0) : id, 10, {
              created: true,
              ...(refused ? { canceled: true, cancelReason } : {}),
            }),
          );
        };
      };
    }
    const watches = ["x", "y", "z"].map((key) => store.watch(watchOf(key)));
    const [empty, good, denied] = watches.map((watch) => ({ watch, ...taking(watch) }));
    await assert.rejects(world.play(empty?.over as Promise<void>), {
      code: "WATCH_CANCELED",
      message: /range is empty/,
    });
    await assert.rejects(world.play(denied?.over as Promise<void>), { code: "PERMISSION_DENIED" });
    await assert.rejects(empty?.watch.ready as Promise<number>, { code: "WATCH_CANCELED" });
    assert.equal(await world.play(good?.watch.ready as Promise<number>), 11);
    members.flatMap(({ streams }) => streams)[0]?.say(response(2, 11, { events: [put("y", 11)] }));
    await world.pass(10);
    assert.deepEqual(good?.batches, ["11:y"]);
    assert.equal(stream.length, 1);
  });

  test("ends when its consumer stops, its signal is aborted or the store is closed, and leaves nothing on the stream", async () => {
    const { world, members, stream, streams } = room();
    const store = world.store(members);
    const control = new AbortController();
    const [stopped, aborted, closed, never] = [
      store.watch(watchOf("a")),
      store.watch(watchOf("b"), { signal: control.signal }),
      store.watch(watchOf("c")),
      store.watch(watchOf("d")),
    ];
    await world.play(Promise.all([stopped.ready, aborted.ready, closed.ready]));
    assert.equal(streams.length, 1, "all on one");
    stream(0).say(response(1, 11, { events: [put("a", 11)] }));
    const first = (async () => {
      for await (const batch of stopped) return batch.revision;
      return 0;
    })();
    assert.equal(await world.play(first), 11);
    const [takingAborted, takingClosed] = [taking(aborted), taking(closed)];
    control.abort();
    await world.play(takingAborted.over);
    await world.pass(10);
    assert.deepEqual(
      heard<{ watchId: bigint }>(stream(0), "cancelRequest").map(({ watchId }) => watchId),
      [1n, 2n],
    );
    await store.close();
    await world.play(takingClosed.over);
    await world.play(taking(never).over);
    assert.ok(stream(0).canceled);
    assert.throws(() => store.watch(watchOf("a")), { code: "CLOSED" });
  });

  test("is refused what cannot be watched", () => {
    const { world, members } = room();
    const store = world.store(members);
    assert.throws(() => store.watch(watchOf("\u0100")), { code: "INVALID_ARGUMENT", message: /not a byte/ });
    assert.throws(() => store.watch(watchOf("a", { startRevision: -1 })), { code: "INVALID_ARGUMENT" });
    assert.throws(() => store.watch(watchOf("a"), { signal: AbortSignal.abort() }), { code: "ABORTED" });
  });
});

describe("a consumer that does not take", () => {
  test("holds back its own watch only, which goes on behind what it took", async () => {
    const { world, members, stream } = room();
    const store = world.store(members, { watchBufferBytes: 1_000 });
    const slow = store.watch(watchOf("a", { startRevision: 5 }));
    const quick = taking(store.watch(watchOf("a", { startRevision: 5 })));
    await world.play(slow.ready);
    const revisions = Array.from({ length: 20 }, (_, i) => 10 + i);
    for (const revision of revisions) {
      for (const id of [1, 2]) stream(0).say(response(id, revision, { events: [put("a", revision)] }));
      await world.pass(10);
    }
    assert.equal(quick.batches.length, 20);
    assert.deepEqual(
      heard<{ watchId: bigint }>(stream(0), "cancelRequest").map(({ watchId }) => watchId),
      [1n],
    );
    const late = taking(slow);
    await world.pass(10);
    const [, , again] = heard(stream(0), "createRequest");
    assert.ok(again !== undefined, "it is made again");
    assert.equal(Number(again.startRevision), 10 + late.batches.length);
    assert.ok(late.batches.length < 10, "no more was kept than it may");
    const rest = revisions.slice(late.batches.length - 1).map((revision) => put("a", revision));
    stream(0).say(response(Number(again.watchId), 30, { events: rest }));
    await world.pass(10);
    assert.equal(late.batches.at(-1), `${10 + late.batches.length - 1}:a`);
    assert.equal(new Set(late.batches).size, late.batches.length);
  });
});

describe("a stream that ends", () => {
  test("for lack of a leader is opened at the other member, all watches at once", async () => {
    const { world, members, stream, streams } = room();
    const store = world.store(members);
    const watches = Array.from({ length: 100 }, (_, i) => store.watch(watchOf(`k${i}`, { startRevision: 5 })));
    await world.play(Promise.all(watches.map(({ ready }) => ready)));
    stream(0).end(answered(etcdErrors.noLeader()));
    await world.pass(1_000);
    assert.equal(streams.length, 2);
    assert.equal(heard(stream(1), "createRequest").length, 100);
    assert.deepEqual(
      members.map(({ streams: opened }) => opened.length),
      [1, 1],
    );
  });

  test("again and again is opened with growing pauses", async () => {
    const world = new StoreWorld();
    const [member] = world.members("a:1");
    assert.ok(member !== undefined);
    member.opened = (stream) => world.clock.after(1, () => stream.end(broken()));
    taking(world.store([member]).watch(watchOf("a", { startRevision: 5 })));
    await world.pass(10_000);
    assert.ok(member.streams.length > 5 && member.streams.length < 20, `${member.streams.length} streams in 10 s`);
  });

  test("because the member knows no watches ends them", async () => {
    const world = new StoreWorld();
    const [member] = world.members("a:1");
    assert.ok(member !== undefined);
    member.opened = (stream) => {
      world.clock.after(1, () => stream.end(failure("UNIMPLEMENTED", GrpcStatus.unimplemented, true)));
    };
    const { over } = taking(world.store([member]).watch(watchOf("a")));
    await assert.rejects(world.play(over), { code: "UNIMPLEMENTED" });
  });

  test("shares its watches with others when there are too many for one", async () => {
    const { world, members, streams } = room();
    const store = world.store(members, { watchesPerStream: 10 });
    const watches = Array.from({ length: 25 }, (_, i) => store.watch(watchOf(`k${i}`)));
    await world.play(Promise.all(watches.map(({ ready }) => ready)));
    assert.deepEqual(
      streams.map((stream) => heard(stream, "createRequest").length),
      [10, 10, 5],
    );
  });
});

describe("a watch whose token is not taken any more", () => {
  test("goes on with another, and ends if that is refused too", async () => {
    const world = new StoreWorld();
    const member = new ScriptedMember("a:1", world.clock);
    let tokens = 0;
    let takenFrom = 2;
    member.on(methods.authenticate, () => ({ token: `t${++tokens}` }));
    member.opened = (stream) => {
      const isTaken = Number(stream.metadata["authorization"]?.slice(1)) >= takenFrom;
      const refusal = {
        canceled: true,
        cancelReason: "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
      };
      stream.heard = ({ requestUnion }: { requestUnion: { value: Creation } }) => {
        stream.say(response(Number(requestUnion.value.watchId), 10, { created: true, ...(isTaken ? {} : refusal) }));
      };
    };
    const store = world.store([member], { user: { name: "u", password: "p" } });
    assert.equal(await world.play(store.watch(watchOf("a")).ready), 11);
    assert.equal(tokens, 2);
    takenFrom = 100;
    member.breakAll();
    const { over } = taking(store.watch(watchOf("b")));
    await assert.rejects(world.play(over), { code: "PERMISSION_DENIED", message: /watch of "b"/ });
    assert.ok(tokens <= 4, `${tokens} tokens`);
  });
});
