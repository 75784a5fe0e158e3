/** What a program learns when ways are blocked, slow or reset, and when the process or the machine at the other end ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Connection } from "../environment.ts";
import { type ConnectionPair, pairIn } from "./testing/connection-pair.ts";
import { bytes, MachineRoom, text } from "./testing/machine-room.ts";

/** A pair that says what each end is told. */
async function watched(seed = 1): Promise<ConnectionPair & { seen: string[] }> {
  const pair = await pairIn(new MachineRoom(seed));
  const seen: string[] = [];
  const watch = (name: string, end: Connection): void => {
    end.onData((chunk) => seen.push(`${name} ${text(chunk)}`));
    end.onClose((reason) => seen.push(`${name} ${reason === null ? "closed" : reason.message.split(":")[0]}`));
  };
  watch("near", pair.near);
  watch("far", pair.far);
  return { ...pair, seen };
}

test("whatever happens to a connection, what arrives is the beginning of what was sent", async () => {
  const events = [
    "block",
    "unblock",
    "block back",
    "unblock back",
    "reset",
    "forget",
    "kill",
    "crash",
    "boot",
    "destroy",
  ] as const;
  const step = fc.record({
    does: fc.constantFrom(...events, ...Array.from({ length: 15 }, () => "write" as const)),
    to: fc.constantFrom("a" as const, "b" as const),
    size: fc.integer({ min: 1, max: 5000 }),
    wait: fc.double({ min: 0, max: 3, noNaN: true }),
  });
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(step, { minLength: 5, maxLength: 60 }), async (seed, steps) => {
      const room = new MachineRoom(seed, { chunking: true, maxDelayMs: 2 });
      room.network.tcpTimeoutMs = 8;
      room.network.retransmitMs = 5;
      const { near, far, machines, a } = await pairIn(room);
      const sent: Uint8Array[] = [];
      const got: Uint8Array[] = [];
      let closes = 0;
      far.onData((chunk) => {
        assert.equal(closes, 0, "nothing comes behind the close");
        got.push(chunk);
      });
      far.onClose(() => closes++);
      for (const [index, { does, to, size, wait }] of steps.entries()) {
        if (does === "write" && a.process.alive) {
          const piece = new Uint8Array(size).fill(index + 1);
          near.write([piece]);
          sent.push(piece);
        } else if (does === "block") room.network.block("a", "b");
        else if (does === "unblock") room.network.unblock("a", "b");
        else if (does === "block back") room.network.block("b", "a");
        else if (does === "unblock back") room.network.unblock("b", "a");
        else if (does === "reset") room.network.reset("a", "b");
        else if (does === "forget") room.network.forget("a", "b");
        else if (does === "destroy" && size < 1000) near.destroy();
        else if (does === "kill") machines[to].kill();
        else if (does === "crash") machines[to].crash();
        else if (does === "boot" && machines.a.process === null) room.boot(machines.a);
        await room.timeline.run(wait);
      }
      room.network.heal("a", "b");
      await room.timeline.run(1000);
      const all = Buffer.concat(sent);
      const arrived = Buffer.concat(got);
      assert.ok(arrived.equals(all.subarray(0, arrived.length)), `${arrived.length} bytes are no beginning`);
      assert.ok(closes <= 1);
    }),
    { numRuns: 300 },
  );
});

test("a blocked way holds bytes up; they arrive when it opens, and the other way is not concerned", async () => {
  const { room, near, far, seen } = await watched();
  room.network.block("a", "b");
  near.write([bytes("held")]);
  far.write([bytes("passes")]);
  await room.timeline.run(5000);
  assert.deepEqual(seen, ["near passes"]);
  room.network.unblock("a", "b");
  near.write([bytes(" behind")]);
  await room.timeline.run(1000);
  assert.equal(
    seen
      .slice(1)
      .map((line) => line.slice(4))
      .join(""),
    "held behind",
  );
});

test("bytes on their way when it is blocked are held up too", async () => {
  const { room, near, seen } = await watched();
  near.write([bytes("under way")]);
  room.network.block("a", "b");
  await room.timeline.run(1000);
  assert.deepEqual(seen, []);
  room.network.heal("a", "b");
  await room.timeline.run(1000);
  assert.deepEqual(seen, ["far under way"]);
});

test("a way blocked twice is open when both were taken back, or healed once", async () => {
  const { network } = new MachineRoom();
  const link = network.link("a", "b");
  network.block("a", "b");
  network.block("a", "b");
  network.unblock("a", "b");
  assert.equal(link.blocked, true);
  network.unblock("a", "b");
  assert.equal(link.blocked, false);
  network.unblock("a", "b");
  link.blocked = true;
  network.block("a", "b");
  Object.assign(link, { minDelayMs: 5, maxDelayMs: 9, bytesPerMs: 1, resetRate: 1 });
  network.heal("b", "a");
  const { blocked, minDelayMs, maxDelayMs, bytesPerMs, resetRate } = link;
  assert.deepEqual([blocked, minDelayMs, maxDelayMs, bytesPerMs, resetRate], [false, 0.05, 0.5, Infinity, 0]);
});

test("a sender gives up when its bytes get no answer for too long; the other end is not told", async () => {
  const { room, near, far, seen } = await watched();
  room.network.block("a", "b");
  near.write([bytes("lost")]);
  await room.timeline.run(14_999);
  assert.deepEqual(seen, []);
  await room.timeline.run(2);
  assert.deepEqual(seen, ["near ETIMEDOUT"]);
  room.network.unblock("a", "b");
  await room.timeline.run(60_000);
  assert.deepEqual(seen, ["near ETIMEDOUT"], "what was given up does not arrive");
  far.write([bytes("anyone there?")]);
  await room.timeline.run(10);
  assert.deepEqual(seen, ["near ETIMEDOUT", "far ECONNRESET"]);
});

test("a sender whose acknowledgements are lost gives up, too; its bytes have arrived", async () => {
  const { room, near, seen } = await watched();
  room.network.block("b", "a");
  near.write([bytes("arrives")]);
  await room.timeline.run(15_001);
  assert.deepEqual(seen, ["far arrives", "near ETIMEDOUT"]);
});

test("without acknowledgements a sender stops when the system's buffer is full", async () => {
  const { room, near, far } = await pairIn(new MachineRoom());
  let got = 0;
  far.onData((chunk) => {
    got += chunk.length;
  });
  room.network.block("b", "a");
  near.write([new Uint8Array(100_000)]);
  await room.timeline.run(1000);
  assert.equal(got, 65_536);
  room.network.unblock("b", "a");
  await room.timeline.run(1000);
  assert.equal(got, 100_000);
});

test("a way that opens and closes again without letting much through is not given up", async () => {
  const { room, near, seen } = await watched();
  for (let round = 0; round < 10; round++) {
    room.network.block("a", "b");
    near.write([bytes(String(round))]);
    await room.timeline.run(5000);
    room.network.unblock("a", "b");
    await room.timeline.run(500);
  }
  assert.equal(seen.map((line) => line.slice(4)).join(""), "0123456789");
});

test("an idle connection survives any partition", async () => {
  const { room, near, seen } = await watched();
  room.network.block("a", "b");
  room.network.block("b", "a");
  await room.timeline.run(600_000);
  room.network.heal("a", "b");
  near.write([bytes("still there")]);
  await room.timeline.run(10);
  assert.deepEqual(seen, ["far still there"]);
});

test("a clogged line lets so many bytes through in a millisecond, of all connections together, a few at a time", async () => {
  const { room, near, far, a, b, listener } = await pairIn(new MachineRoom());
  const other = await room.until(a.network.connect(listener.address, 1000));
  Object.assign(room.network.link("a", "b"), { bytesPerMs: 10, minDelayMs: 1, maxDelayMs: 1 });
  const arrivals: number[] = [];
  const sizes: number[] = [];
  const start = room.timeline.now;
  far.onData((chunk) => {
    arrivals.push(room.timeline.now - start);
    sizes.push(chunk.length);
  });
  near.write([new Uint8Array(100)]);
  other.write([new Uint8Array(200)]);
  await room.timeline.run(2);
  near.write([new Uint8Array(10)]);
  await room.timeline.run(100);
  assert.deepEqual(arrivals, [11, 32]);
  near.write([new Uint8Array(3000)]);
  await room.timeline.run(1000);
  assert.deepEqual(sizes, [100, 10, 1460, 1460, 80]);
  assert.equal(b.process.alive, true);
});

test("connecting: a blocked way or a machine without power times out; one that opens in time is used", async () => {
  const { room, a, machines, listener } = await pairIn(new MachineRoom());
  const connect = (timeoutMs: number): Promise<Connection> => a.network.connect(listener.address, timeoutMs);
  for (const [from, to] of [
    ["a", "b"],
    ["b", "a"],
  ] as const) {
    room.network.block(from, to);
    const start = room.timeline.now;
    await assert.rejects(room.until(connect(700)), { code: "ETIMEDOUT", message: /b:1 within 700 ms/ });
    assert.ok(Math.abs(room.timeline.now - start - 700) < 1e-6);
    const attempt = connect(5000);
    room.timeline.at(room.timeline.now + 500, () => room.network.unblock(from, to));
    await room.until(attempt);
    assert.ok(room.timeline.now - start < 700 + 1100, "the lost packet is sent again after a second");
  }
  machines.b.crash();
  await assert.rejects(room.until(connect(700)), { code: "ETIMEDOUT" });
  room.boot(machines.b);
  await assert.rejects(room.until(connect(700)), { code: "ECONNREFUSED" });
});

test("a write may reset its connection, and all of two hosts may be reset from outside: both ends learn", async () => {
  const { room, near, far, seen } = await watched();
  room.network.link("b", "a").resetRate = 1;
  near.write([bytes("fine")]);
  await room.timeline.run(10);
  far.write([bytes("resets")]);
  assert.deepEqual(seen, ["far fine"], "never told from within write");
  await room.timeline.run(10);
  assert.deepEqual(seen, ["far fine", "far ECONNRESET", "near ECONNRESET"]);
  const next = await watched();
  next.room.network.reset("b", "a");
  await next.room.timeline.run(10);
  assert.deepEqual(next.seen.toSorted(), ["far ECONNRESET", "near ECONNRESET"]);
});

test("a killed process's connections are reset behind what it sent; nothing is heard of what it had queued", async () => {
  const { room, near, machines, b, seen } = await watched();
  const accepted: Connection[] = [];
  near.write([bytes("sent")]);
  near.write([new Uint8Array(70_000)]);
  machines.a.kill();
  await room.timeline.run(10);
  const last = seen.pop();
  assert.equal(last, "far ECONNRESET");
  const got = seen.reduce((sum, line) => sum + line.length - "far ".length, 0);
  assert.ok(got >= 4 && got <= 65_536, `${got} bytes`);
  assert.equal(b.process.alive, true);
  await assert.rejects(room.until(b.network.connect({ host: "a", port: 1 }, 1000)), { code: "ECONNREFUSED" });
  const next = room.boot(machines.a);
  await next.network.listen({ host: "a", port: 1 }, (connection) => accepted.push(connection));
  await room.until(b.network.connect({ host: "a", port: 1 }, 1000));
  await room.timeline.run(10);
  assert.equal(accepted.length, 1);
});

test("behind a blocked way a killed process's peer hears nothing until it sends something itself", async () => {
  const { room, far, machines, seen } = await watched();
  room.network.block("a", "b");
  machines.a.kill();
  await room.timeline.run(1000);
  far.write([bytes("hello?")]);
  await room.timeline.run(1000);
  assert.deepEqual(seen, []);
  room.network.unblock("a", "b");
  await room.timeline.run(1000);
  assert.deepEqual(seen, ["far ECONNRESET"]);
});

test("a machine that lost power answers nothing; started again it resets what it does not know", async () => {
  const { room, far, machines, seen } = await watched();
  machines.a.crash();
  await room.timeline.run(60_000);
  assert.deepEqual(seen, [], "an idle end learns nothing");
  far.write([bytes("hello?")]);
  await room.timeline.run(5000);
  assert.deepEqual(seen, []);
  room.boot(machines.a);
  await room.timeline.run(1000);
  assert.deepEqual(seen, ["far ECONNRESET"]);

  const longer = await watched();
  longer.machines.a.crash();
  longer.far.write([bytes("hello?")]);
  await longer.room.timeline.run(15_001);
  assert.deepEqual(longer.seen, ["far ETIMEDOUT"]);

  const told = await watched();
  told.machines.a.crash({ reset: true });
  await told.room.timeline.run(10);
  assert.deepEqual(told.seen, ["far ECONNRESET"]);
});

test("what a machine's system still held when it lost power never arrives", async () => {
  const { room, near, machines, seen } = await watched();
  room.network.block("a", "b");
  near.write([bytes("held")]);
  near.destroy();
  await room.timeline.run(100);
  machines.a.crash();
  room.boot(machines.a);
  room.network.unblock("a", "b");
  await room.timeline.run(1000);
  assert.deepEqual(seen, ["near closed"]);
});

test("a paused process's system goes on: connections come up, bytes pile up to what the buffer takes", async () => {
  const { room, near, far, a, b, listener } = await pairIn(new MachineRoom());
  let got = 0;
  far.onData((chunk) => {
    got += chunk.length;
  });
  b.process.pause();
  assert.ok(near.write([new Uint8Array(200_000)]) > 0);
  assert.ok(await room.until(a.network.connect(listener.address, 1000)));
  await room.timeline.run(10_000);
  assert.equal(got, 0);
  assert.equal(near.write([]), 200_000 - 65_536);
  b.process.resume();
  await room.timeline.run(100);
  assert.equal(got, 200_000);
  a.process.pause();
  near.write([new Uint8Array(100_000)]);
  await room.timeline.run(100);
  assert.equal(got, 265_536, "a paused sender's system sends what it took, no more");
  a.process.resume();
  await room.timeline.run(100);
  assert.equal(got, 300_000);
});

test("a connection that was asked for by a dead process is never made", async () => {
  const room = new MachineRoom();
  const machine = room.machine("a");
  const a = room.boot(machine);
  const b = room.boot(room.machine("b"));
  let accepted = 0;
  let answers = 0;
  const { address } = await b.network.listen({ host: "b", port: 1 }, () => accepted++);
  a.network.connect(address, 1000).then(
    () => answers++,
    () => answers++,
  );
  machine.kill();
  await room.timeline.run(5000);
  assert.deepEqual([accepted, answers], [0, 0]);
});

test("a forgotten connection passes nothing on, and neither end is told; another one works", async () => {
  const { room, near, far, seen, a, listener } = await watched();
  room.network.forget("b", "a");
  near.write([bytes("lost")]);
  far.write([bytes("lost")]);
  near.destroy();
  await room.timeline.run(60_000);
  assert.deepEqual(seen, ["near closed"]);
  const next = await room.until(a.network.connect(listener.address, 1_000));
  assert.equal(next.remote, near.remote);
});
