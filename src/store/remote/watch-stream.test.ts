import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ScriptedStream } from "./testing/scripted-member.ts";
import { watchOf } from "./testing/store-world.ts";
import { broken, heard, put, response, room, taking } from "./testing/watch-room.ts";

describe("progress", () => {
  test("moves the point of resumption, and is told to those who asked", async () => {
    const { world, members, stream, at } = room();
    at.revision = 20;
    const store = world.store(members);
    const told = taking(store.watch(watchOf("a", { startRevision: 5, progress: true })));
    const untold = taking(store.watch(watchOf("a", { startRevision: 5 })));
    await world.pass(10);
    for (const id of [1, 2]) stream(0).say(response(id, 20));
    await world.pass(10);
    assert.deepEqual(told.batches, ["20:"]);
    assert.deepEqual(untold.batches, []);
    stream(0).end(broken());
    await world.pass(1_000);
    assert.deepEqual(
      heard(stream(1), "createRequest").map(({ startRevision }) => startRevision),
      [21n, 21n],
    );
  });

  const answering = (stream: ScriptedStream): void => {
    const create = stream.heard as (request: unknown) => void;
    stream.heard = (request: { requestUnion: { case: string } }) => {
      if (request.requestUnion.case === "progressRequest") stream.say(response(-1, 50));
      else create(request);
    };
  };

  for (const [version, believed] of [
    ["3.4.23", false],
    ["3.4.25", true],
    ["3.5.7", false],
    ["3.5.8", true],
    ["3.6.0-rc.1", true],
  ] as const) {
    test(`of a whole stream is ${believed ? "" : "not "}believed of etcd ${version}`, async () => {
      const { world, members, stream } = room(1, version);
      const { batches } = taking(world.store(members).watch(watchOf("a", { startRevision: 5, progress: true })));
      await world.pass(10);
      answering(stream(0));
      await world.pass(30_000);
      assert.deepEqual(batches, believed ? ["50:"] : []);
      stream(0).end(broken());
      await world.pass(1_000);
      assert.equal(heard(stream(1), "createRequest")[0]?.startRevision, believed ? 51n : 5n);
    });
  }

  test("of a whole stream says nothing of a watch that was put in place after the question", async () => {
    const { world, members, stream } = room();
    const store = world.store(members);
    const first = taking(store.watch(watchOf("a", { startRevision: 5, progress: true })));
    await world.pass(10);
    while (heard(stream(0), "progressRequest").length === 0) await world.pass(100);
    const second = taking(store.watch(watchOf("b", { startRevision: 5, progress: true })));
    await world.pass(10);
    stream(0).say(response(-1, 50));
    stream(0).say(response(2, 50, { events: [put("b", 30)] }));
    await world.pass(10);
    assert.deepEqual(first.batches, ["50:"]);
    assert.deepEqual(second.batches, ["30:b"]);
  });
});

describe("a stream that has gone deaf", () => {
  test("is asked, and left for another member when it does not answer", async () => {
    const { world, members, stream, streams } = room();
    const { batches } = taking(
      world.store(members, { watchSilenceMs: 4_000 }).watch(watchOf("a", { startRevision: 5 })),
    );
    await world.pass(3_000);
    assert.equal(heard(stream(0), "progressRequest").length, 1);
    await world.pass(2_000);
    assert.equal(streams.length, 2);
    assert.ok(stream(0).canceled);
    assert.deepEqual(
      members.map(({ streams: opened }) => opened.length),
      [1, 1],
    );
    stream(1).say(response(1, 10, { events: [put("a", 6)] }));
    await world.pass(10);
    assert.deepEqual(batches, ["6:a"]);
  });

  test("is given more time each time, and the first again once it is heard", async () => {
    const { world, members, streams, stream } = room();
    taking(world.store(members, { watchSilenceMs: 1_000 }).watch(watchOf("a", { startRevision: 5 })));
    await world.pass(8_000);
    assert.ok(streams.length === 3 || streams.length === 4, `${streams.length} streams in 8 s`);
    const count = streams.length;
    stream(count - 1).say(response(1, 10, { events: [put("a", 6)] }));
    await world.pass(20_000);
    assert.ok(streams.length > count + 2);
  });

  test("is none while it answers", async () => {
    const { world, members, streams } = room();
    for (const member of members) {
      const opened = member.opened;
      member.opened = (stream) => {
        opened(stream);
        const create = stream.heard as (request: unknown) => void;
        stream.heard = (request: { requestUnion: { case: string } }) => {
          if (request.requestUnion.case === "progressRequest") stream.say(response(-1, 10));
          else create(request);
        };
      };
    }
    taking(world.store(members, { watchSilenceMs: 1_000 }).watch(watchOf("a", { startRevision: 5 })));
    await world.pass(60_000);
    assert.equal(streams.length, 1);
  });

  test("closes after a while without a watch", async () => {
    const { world, members, stream } = room();
    const control = new AbortController();
    const watch = world.store(members, { watchSilenceMs: 1_000 }).watch(watchOf("a"), { signal: control.signal });
    await world.play(watch.ready);
    control.abort();
    await world.pass(5_000);
    assert.ok(stream(0).canceled);
  });
});
