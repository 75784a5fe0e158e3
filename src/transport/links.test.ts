import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { addressOf, peer, portOf, seededRandom, type TestMemberOptions, text } from "./testing/member.ts";
import { pair, send, texts, type World, world } from "./testing/world.ts";
import { FrameKind } from "./transport.ts";

const { engine, forward } = FrameKind;

/** Bytes arrive in many small pieces. */
function cutFine({ faults }: World): void {
  faults.chunking = true;
  faults.cutRate = 0.9;
}

suite("links", () => {
  test("carry frames in order, whole, with sender, group and kind, however the network cuts them", async () => {
    const w = await pair();
    const random = seededRandom(5);
    cutFine(w);
    const sent: unknown[] = [];
    for (let i = 0; i < 200; i++) {
      const kind = i % 2 === 0 ? engine : forward;
      const pieces = [...text(`frame ${i} `), ...text("x".repeat(random.uint32() % 60)), new Uint8Array(0)];
      assert.equal(w.a.transport.send(2n, i * 1000, kind, pieces, false), true);
      const whole = pieces.map((piece) => new TextDecoder().decode(piece)).join("");
      sent.push({ from: 1n, group: i * 1000, kind, text: whole });
      if (i % 7 === 0) w.a.transport.flush();
    }
    w.a.transport.flush();
    await w.pass(10);
    assert.deepEqual(w.b.frames, sent);
    assert.deepEqual(w.a.frames, []);
    await w.close();
  });

  test("write all frames of a turn at once, and nothing before the flush", async () => {
    const w = await pair();
    const [connection] = w.network.dialled(portOf(2n));
    assert.ok(connection);
    let writes = 0;
    const write = connection.write.bind(connection);
    connection.write = (pieces) => {
      writes++;
      return write(pieces);
    };
    for (let i = 0; i < 10; i++) send(w.a, 2n, `${i}`);
    await w.pass(20);
    assert.equal(w.b.frames.length, 0);
    w.a.transport.flush();
    assert.equal(writes, 1);
    await w.pass(20);
    assert.equal(w.b.frames.length, 10);
    w.a.transport.flush();
    assert.equal(writes, 1, "an empty flush writes nothing");
    await w.close();
  });

  test("drop and count what is sent while they are down; an unknown member has none", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    assert.equal(send(a, 2n, "x"), false);
    assert.equal(a.transport.link(2n), null);
    assert.equal(a.transport.traffic(2n), null);
    a.transport.setPeers([peer(2n)]);
    assert.equal(send(a, 2n, "x"), false);
    const status = a.transport.link(2n);
    assert.deepEqual(status, { connected: false, queuedBytes: 0, droppedFrames: 1, lastError: null });
    await w.close();
  });

  test("frames queued when the link breaks are dropped and counted, never sent on the next connection", async () => {
    const w = await pair();
    send(w.a, 2n, "one");
    send(w.a, 2n, "two");
    w.network.dialled(portOf(2n))[0]?.reset();
    await w.pass(100);
    w.a.transport.flush();
    assert.equal(w.a.transport.link(2n)?.droppedFrames, 2);
    send(w.a, 2n, "three");
    w.a.transport.flush();
    await w.pass(10);
    assert.deepEqual(texts(w.b), ["three"]);
    await w.close();
  });

  test("a loss is told once, at once, and the link comes back by itself", async () => {
    const w = await pair();
    w.network.dialled(portOf(2n))[0]?.reset();
    await w.pass(1);
    assert.deepEqual(w.a.events, ["up 2", "lost 2: member 2: link lost: ECONNRESET: the connection was reset"]);
    assert.equal(w.a.transport.link(2n)?.connected, false);
    assert.match(w.a.transport.link(2n)?.lastError ?? "", /ECONNRESET/);
    await w.pass(100);
    assert.equal(w.a.events.at(-1), "up 2");
    assert.equal(w.a.transport.link(2n)?.lastError, null);
    await w.close();
  });

  test("over any number of resets each frame arrives at most once and in order", async () => {
    let total = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const w = await pair({}, seed);
        const random = seededRandom(seed);
        cutFine(w);
        w.faults.link("m1", "m2").maxDelayMs = 10;
        for (let i = 0; i < 120; i++) {
          send(w.a, 2n, `${i}`);
          if (random.uint32() % 3 === 0) w.a.transport.flush();
          if (random.uint32() % 15 === 0) w.network.dialled(portOf(2n))[0]?.reset();
          if (random.uint32() % 25 === 0) w.network.dialled(portOf(2n))[0]?.destroy();
          await w.pass(random.uint32() % 12);
        }
        await w.pass(3000);
        send(w.a, 2n, "last");
        w.a.transport.flush();
        await w.pass(1000);
        const arrived = texts(w.b);
        assert.equal(arrived.pop(), "last");
        const numbers = arrived.map(Number);
        for (let i = 1; i < numbers.length; i++) {
          assert.ok((numbers[i] ?? 0) > (numbers[i - 1] ?? 0), `${numbers[i]} after ${numbers[i - 1]}`);
        }
        total += numbers.length;
        await w.close();
      }),
      { numRuns: 15 },
    );
    assert.ok(total > 0, "frames arrive between the resets");
  });

  test("retries come soon at first, then further and further apart, and go through the addresses in turn", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    a.transport.setPeers([peer(2n, 7102, 7202, 7302)]);
    await w.pass(20_000);
    const { attempts } = w.network;
    assert.equal(attempts[0]?.at, 0);
    assert.deepEqual(
      attempts.slice(0, 6).map((attempt) => attempt.port),
      [7102, 7202, 7302, 7102, 7202, 7302],
    );
    const waits = attempts.slice(1).map((attempt, i) => attempt.at - (attempts[i]?.at ?? 0) - 1);
    assert.ok((waits[0] ?? 99) <= 20, `first retry after ${waits[0]} ms`);
    waits.slice(1, 6).forEach((wait, i) => {
      const whole = 20 * 2 ** (i + 1);
      assert.ok(wait >= whole / 2 && wait <= whole, `retry ${i + 2} after ${wait} ms`);
    });
    assert.ok(Math.max(...waits) <= 1000);
    assert.ok(attempts.length >= 20 && attempts.length <= 60, `${attempts.length} attempts in 20 s`);
    assert.equal(a.events.length, w.network.attempts.length);
    assert.equal(a.events[0], "lost 2: member 2: cannot connect to m2:7102: ECONNREFUSED: nobody listens on m2:7102");
    await w.close();
  });

  test("a link that proved itself is retried soon again, however long the peer was away before", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    a.transport.setPeers([peer(2n)]);
    await w.pass(20_000);
    await w.start({ id: 2n });
    await w.pass(5000);
    assert.equal(a.events.at(-1), "up 2");
    w.network.dialled(portOf(2n))[0]?.reset();
    await w.pass(25);
    assert.equal(a.events.at(-1), "up 2");
    assert.match(a.events.at(-2) ?? "", /^lost 2/);
    await w.close();
  });

  test("a peer that stays away is logged once, not with each attempt", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    a.transport.setPeers([peer(2n)]);
    await w.pass(10_000);
    assert.equal(a.log.filter((line) => line.startsWith("warn")).length, 1);
    await w.close();
  });

  test("a link that breaks whenever it is up is not retried without a pause", async () => {
    const w = await pair();
    const before = w.network.attempts.length;
    for (let ms = 0; ms < 5000; ms += 5) {
      w.network.dialled(portOf(2n))[0]?.reset();
      await w.pass(5);
    }
    const attempts = w.network.attempts.slice(before).filter((attempt) => attempt.port === portOf(2n));
    assert.ok(attempts.length < 25, `${attempts.length} attempts in 5 s`);
    await w.close();
  });

  test("a peer that does not answer the connection or the hello is given up in time", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    w.silence(1n, 2n);
    a.transport.setPeers([peer(2n)]);
    await w.pass(1100);
    assert.deepEqual(a.events, [
      "lost 2: member 2: cannot connect to m2:7002: ETIMEDOUT: no answer from m2:7002 within 1000 ms",
    ]);
    w.faults.heal("m1", "m2");
    await w.environmentAt(portOf(2n)).network.listen(addressOf(portOf(2n)), () => undefined);
    // The attempt under way ends, then one that is accepted and not answered.
    await w.pass(4500);
    assert.equal(a.events.at(-1), "lost 2: member 2: m2:7002 did not answer within 2000 ms");
    await w.close();
  });
});

suite("who may talk to whom", () => {
  const refusals: readonly [string, TestMemberOptions, RegExp][] = [
    ["another cluster", { id: 2n, clusterId: 0xbadn }, /wrong cluster: c1 asked for, this is bad/],
    ["another member", { id: 3n, port: portOf(2n) }, /wrong member: 2 asked for, 3 listens here/],
    ["a second process of the same member", { id: 1n, port: portOf(2n), seed: 9 }, /another process runs with this/],
  ];
  for (const [who, other, reason] of refusals) {
    test(`${who} turns a peer away, and both ends know why`, async () => {
      const w = world();
      const a = await w.start({ id: 1n });
      const b = await w.start(other);
      a.transport.setPeers([peer(2n)]);
      await w.pass(30);
      assert.match(a.events[0] ?? "", /^lost 2: member 2: no link with m2:7002: /);
      assert.match(a.events[0] ?? "", reason);
      assert.match(a.transport.link(2n)?.lastError ?? "", reason);
      assert.ok(b.log.some((line) => line.startsWith("warn member 1 at") && reason.test(line)));
      assert.equal(send(a, 2n, "x"), false);
      assert.deepEqual(b.frames, []);
      await w.close();
    });
  }

  test("a member that dials itself notices", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    a.transport.setPeers([peer(2n, portOf(1n))]);
    await w.pass(30);
    assert.match(a.events[0] ?? "", /the member reached itself: check the peers' addresses/);
    await w.close();
  });

  test("what answers and is no peer is recognised", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    await w.environmentAt(portOf(2n)).network.listen(addressOf(portOf(2n)), (connection) => {
      connection.write(text("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    a.transport.setPeers([peer(2n)]);
    await w.pass(10);
    assert.match(a.events[0] ?? "", /it is no Quorate peer \(it speaks HTTP/);
    await w.close();
  });

  test("a member is not its own peer", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    a.transport.setPeers([peer(1n)]);
    await w.pass(100);
    assert.deepEqual(w.network.attempts, []);
    await w.close();
  });

  test("a member that is not in the list yet may come in, up to a number", async () => {
    const w = world();
    const a = await w.start({ id: 1n, limits: { maxUnknownPeers: 2 } });
    const others = [];
    for (const id of [2n, 3n, 4n]) {
      const other = await w.start({ id });
      other.transport.setPeers([peer(1n)]);
      others.push(other);
      await w.pass(10);
    }
    assert.deepEqual(
      others.map((other) => other.events[0]?.slice(0, 4)),
      ["up 1", "up 1", "lost"],
    );
    assert.match(others[2]?.events[0] ?? "", /4 is not in the member list, and 2 such members are connected already/);
    const [two, three, four] = others;
    assert.ok(two && three && four);
    send(two, 1n, "from a stranger");
    two.transport.flush();
    await w.pass(10);
    assert.deepEqual(texts(a), ["from a stranger"]);
    // One that becomes known makes room.
    a.transport.setPeers([peer(2n)]);
    await w.pass(2000);
    assert.equal(four.events.at(-1), "up 1");
    await w.close();
  });
});
