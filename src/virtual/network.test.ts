/** What programs may rely on. What faults of the network and of machines do is in network-faults.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Connection } from "../environment.ts";
import { pairIn } from "./testing/connection-pair.ts";
import { bytes, MachineRoom, text } from "./testing/machine-room.ts";

test("bytes arrive in order and unchanged, however they are cut, joined, delayed and held up", async () => {
  const script = fc.record({
    seed: fc.integer(),
    chunking: fc.boolean(),
    sizes: fc.array(fc.nat(30_000), { minLength: 1, maxLength: 30 }),
    pauses: fc.array(fc.nat(4), { minLength: 1, maxLength: 10 }),
    bufferBytes: fc.integer({ min: 1000, max: 70_000 }),
  });
  await fc.assert(
    fc.asyncProperty(script, async ({ seed, chunking, sizes, pauses, bufferBytes }) => {
      const it = await pairIn(new MachineRoom(seed, { chunking }));
      it.room.network.bufferBytes = bufferBytes;
      const sent: Uint8Array[] = [];
      const got: Uint8Array[] = [];
      it.far.onData((chunk) => {
        assert.ok(chunk.length > 0);
        got.push(chunk.slice());
        chunk.fill(0);
      });
      let last = 0;
      it.near.onDrain(() => {
        last = 0;
      });
      for (const [index, size] of sizes.entries()) {
        const piece = new Uint8Array(size).fill(index + 1);
        sent.push(piece);
        last = it.near.write([piece, new Uint8Array(0)]);
        const way = it.room.network.link("a", "b");
        if (index % 5 === 1) it.far.pause();
        if (index % 5 === 3) it.far.resume();
        if (index % 7 === 2) way.block();
        await it.room.timeline.run(pauses[index % pauses.length] ?? 0);
        way.unblock();
      }
      it.far.resume();
      await it.room.timeline.run(60_000);
      assert.equal(last, 0, "drain is told when all was taken");
      assert.equal(it.near.write([]), 0);
      assert.ok(Buffer.concat(got).equals(Buffer.concat(sent)), "a diff of this size helps nobody");
    }),
    { numRuns: 150 },
  );
});

test("without faults bytes take the time of the way, and what is written together arrives together", async () => {
  const { room, near, far } = await pairIn(new MachineRoom());
  room.network.link("a", "b").minDelayMs = 3;
  room.network.link("a", "b").maxDelayMs = 3;
  const seen: string[] = [];
  far.onData((chunk) => seen.push(`${text(chunk)} ${room.timeline.now - start}`));
  const start = room.timeline.now;
  near.write([bytes("one"), bytes(" two")]);
  await room.timeline.run(1);
  near.write([bytes("three")]);
  await room.timeline.run(10);
  assert.deepEqual(seen, ["one two 3", "three 4"]);
});

test("with chunking the pieces differ from what was written, and differ by seed", async () => {
  const shapes = new Set<string>();
  for (let seed = 0; seed < 10; seed++) {
    const { room, near, far } = await pairIn(new MachineRoom(seed, { chunking: true }));
    const sizes: number[] = [];
    far.onData((chunk) => sizes.push(chunk.length));
    for (let round = 0; round < 50; round++) {
      near.write([new Uint8Array(100)]);
      await room.timeline.run(0.1);
    }
    await room.timeline.run(10);
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      5000,
    );
    assert.ok(sizes.some((size) => size < 100));
    assert.ok(sizes.some((size) => size > 100));
    shapes.add(sizes.join());
  }
  assert.equal(shapes.size, 10);
});

test("a paused receiver makes the sender's queue grow; resume lets it run empty", async () => {
  const { room, near, far } = await pairIn(new MachineRoom());
  let got = 0;
  let drains = 0;
  near.onDrain(() => drains++);
  far.onData((chunk) => {
    got += chunk.length;
  });
  far.pause();
  assert.equal(near.write([new Uint8Array(40_000)]), 0, "the system takes what fits");
  assert.equal(near.write([new Uint8Array(40_000)]), 80_000 - 65_536);
  assert.equal(near.write([new Uint8Array(100_000)]), 180_000 - 65_536);
  await room.timeline.run(1000);
  assert.equal(got, 0);
  assert.equal(near.write([]), 180_000 - 65_536);
  far.resume();
  await room.timeline.run(1000);
  assert.equal(got, 180_000);
  assert.equal(near.write([]), 0);
  assert.equal(drains, 1);
});

test("data that comes before its handler waits for it, and a handler may pause between two chunks", async () => {
  const { room, near, far } = await pairIn(new MachineRoom());
  near.write([new Uint8Array(50_000).fill(1)]);
  await room.timeline.run(10);
  near.write([new Uint8Array(10_000).fill(2)]);
  await room.timeline.run(10);
  const sizes: number[] = [];
  far.onData((chunk) => {
    sizes.push(chunk.length);
    far.pause();
  });
  await room.timeline.run(10);
  assert.deepEqual(sizes, [60_000], "one read takes what is there, up to 64 KiB");
  near.write([new Uint8Array(10_000)]);
  await room.timeline.run(10);
  assert.equal(sizes.length, 1);
  far.resume();
  await room.timeline.run(10);
  assert.deepEqual(sizes, [60_000, 10_000]);
});

function closes(connection: Connection): string[] {
  const seen: string[] = [];
  connection.onClose((reason) => seen.push(reason?.message ?? "no reason"));
  return seen;
}

test("close is told once on both ends, behind the data, with the reason where there is one, also to a late handler", async () => {
  const { room, near, far } = await pairIn(new MachineRoom());
  const seen: string[] = [];
  far.onData((chunk) => seen.push(text(chunk)));
  far.onClose((reason) => seen.push(reason?.message ?? "no reason"));
  near.onData(() => assert.fail("no data behind the close"));
  near.write([bytes("last words")]);
  far.write([bytes("too late")]);
  near.destroy(new Error("had enough"));
  near.destroy(new Error("again"));
  assert.equal(near.write([bytes("x")]), 0);
  await room.timeline.run(100);
  assert.deepEqual(seen, ["last words", "no reason"]);
  const late = closes(near);
  assert.deepEqual(late, [], "never from within onClose");
  await room.timeline.run(1);
  assert.deepEqual(late, ["had enough"]);
  assert.equal(far.write([bytes("x")]), 0);
  far.destroy();
  await room.timeline.run(100);
  assert.equal(seen.length, 2);
});

test("a paused end learns of the close when it has read what came before", async () => {
  const { room, near, far } = await pairIn(new MachineRoom());
  const seen: string[] = [];
  far.onData((chunk) => seen.push(text(chunk)));
  far.onClose(() => seen.push("closed"));
  far.pause();
  near.write([bytes("data")]);
  near.destroy();
  await room.timeline.run(100);
  assert.deepEqual(seen, []);
  far.resume();
  await room.timeline.run(100);
  assert.deepEqual(seen, ["data", "closed"]);
});

test("closing with unread data resets the connection", async () => {
  const { room, near, far } = await pairIn(new MachineRoom());
  const seen = closes(near);
  near.write([bytes("unread")]);
  await room.timeline.run(10);
  far.destroy();
  await room.timeline.run(10);
  assert.match(seen.join(), /^ECONNRESET/);
});

test("addresses: free ports, ports in use, refused connections, unknown hosts, loopback", async () => {
  const room = new MachineRoom();
  const a = room.boot(room.machine("a"));
  const b = room.boot(room.machine("b"));
  const ignore = (): void => undefined;
  const one = await a.network.listen({ host: "a", port: 0 }, ignore);
  const two = await a.network.listen({ host: "a", port: 0 }, ignore);
  assert.notEqual(one.address.port, two.address.port);
  assert.ok(one.address.port > 0);
  await assert.rejects(a.network.listen(one.address, ignore), { code: "EADDRINUSE" });
  await assert.rejects(b.network.listen(one.address, ignore), {
    code: "EADDRNOTAVAIL",
    message: /a is no name of .* b/,
  });
  await b.network.listen({ host: "0.0.0.0", port: one.address.port }, ignore);
  await assert.rejects(room.until(b.network.connect({ host: "a", port: 1 }, 1000)), { code: "ECONNREFUSED" });
  await assert.rejects(room.until(b.network.connect({ host: "c", port: 1 }, 1000)), { code: "ENOTFOUND" });
  await a.network.listen({ host: "127.0.0.1", port: 7 }, ignore);
  const before = room.timeline.now;
  const own = await room.until(a.network.connect({ host: "localhost", port: 7 }, 1000));
  assert.equal(room.timeline.now, before, "to itself a host has no way to go");
  assert.equal(own.remote, "localhost:7");
  await assert.rejects(room.until(b.network.connect({ host: "a", port: 7 }, 1000)), { code: "ECONNREFUSED" });
  assert.ok(await room.until(b.network.connect(one.address, 1000)));
  assert.throws(() => room.machine("localhost"), /no name for a host/);
});

test("a listener that closes ends the connections it accepted, and frees its port", async () => {
  const { room, near, listener, b } = await pairIn(new MachineRoom());
  const seen = closes(near);
  await listener.close();
  await listener.close();
  await room.timeline.run(10);
  assert.deepEqual(seen, ["no reason"]);
  await b.network.listen(listener.address, () => undefined);
});

test("connections overtake each other, and each has a name of its own", async () => {
  const orders = new Set<string>();
  const names = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const room = new MachineRoom(seed);
    const a = room.boot(room.machine("a"));
    const b = room.boot(room.machine("b"));
    const order: number[] = [];
    await b.network.listen({ host: "b", port: 1 }, (connection) => {
      names.add(connection.remote);
      connection.onData((chunk) => order.push(chunk[0] ?? 0));
    });
    const connect = (): Promise<Connection> => a.network.connect({ host: "b", port: 1 }, 1000);
    const connections = [await room.until(connect()), await room.until(connect()), await room.until(connect())];
    for (const [index, connection] of connections.entries()) connection.write([Uint8Array.of(index)]);
    await room.timeline.run(10);
    orders.add(order.join());
  }
  assert.ok(orders.size >= 4, [...orders].join(" "));
  assert.ok(names.size >= 3);
});

test("each way draws from a stream of its own", async () => {
  const arrival = async (others: boolean): Promise<number> => {
    const room = new MachineRoom(7);
    const it = await pairIn(room);
    if (others) {
      const c = room.boot(room.machine("c"));
      const more = await room.until(c.network.connect(it.listener.address, 1000));
      for (let round = 0; round < 10; round++) more.write([bytes("x")]);
    }
    await room.timeline.run(100);
    let took = 0;
    const start = room.timeline.now;
    it.far.onData(() => {
      took = room.timeline.now - start;
    });
    it.near.write([bytes("x")]);
    await room.timeline.run(100);
    return Math.round(took * 1e9);
  };
  assert.equal(await arrival(true), await arrival(false));
});
