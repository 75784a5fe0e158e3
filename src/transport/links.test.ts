import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { QuorateError } from "../errors.ts";
import { createTransport } from "./links.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import {
  peer,
  portOf,
  recordingLogger,
  seededRandom,
  startMember,
  type TestMember,
  type TestMemberOptions,
  text,
} from "./testing/member.ts";
import { MemoryNetwork } from "./testing/memory-network.ts";
import { FrameKind } from "./transport.ts";

const { engine, forward, snapshotChunk } = FrameKind;

interface World {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly members: TestMember[];
  start(options: TestMemberOptions): Promise<TestMember>;
  close(): Promise<void>;
}

function world(): World {
  const clock = new ManualClock();
  const network = new MemoryNetwork(clock);
  const members: TestMember[] = [];
  return {
    clock,
    network,
    members,
    async start(options) {
      const member = await startMember(clock, network, options);
      members.push(member);
      return member;
    },
    async close() {
      for (const member of members) await member.transport.close();
      assert.equal(clock.pending === 0 || (await drained(clock)), true, "a closed transport leaves no timer");
    },
  };
}

/** What is still on its way arrives; then there must be nothing left to wait for. */
async function drained(clock: ManualClock): Promise<boolean> {
  await clock.advance(60_000);
  return clock.pending === 0;
}

/** Two members that know each other, with their links up. */
async function pair(limits: TestMemberOptions["limits"] = {}): Promise<World & { a: TestMember; b: TestMember }> {
  const w = world();
  const a = await w.start({ id: 1n, limits });
  const b = await w.start({ id: 2n, limits });
  a.transport.setPeers([peer(1n), peer(2n)]);
  b.transport.setPeers([peer(1n), peer(2n)]);
  await w.clock.advance(50);
  assert.deepEqual(a.events, ["up 2"]);
  assert.deepEqual(b.events, ["up 1"]);
  return { ...w, a, b };
}

function send(from: TestMember, to: bigint, value: string, bulk = false): boolean {
  return from.transport.send(to, 1, bulk ? snapshotChunk : engine, text(value), bulk);
}

function texts(member: TestMember): string[] {
  return member.frames.map((frame) => frame.text);
}

suite("links", () => {
  test("carry frames in order, whole, with sender, group and kind, however the network cuts them", async () => {
    const w = await pair();
    const random = seededRandom(5);
    w.network.chunkBytes = () => 1 + (random.uint32() % 40);
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
    await w.clock.advance(10);
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
    await w.clock.advance(20);
    assert.equal(w.b.frames.length, 0);
    w.a.transport.flush();
    assert.equal(writes, 1);
    await w.clock.advance(20);
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
    await w.clock.advance(100);
    w.a.transport.flush();
    assert.equal(w.a.transport.link(2n)?.droppedFrames, 2);
    send(w.a, 2n, "three");
    w.a.transport.flush();
    await w.clock.advance(10);
    assert.deepEqual(texts(w.b), ["three"]);
    await w.close();
  });

  test("a loss is told once, at once, and the link comes back by itself", async () => {
    const w = await pair();
    w.network.dialled(portOf(2n))[0]?.reset();
    await w.clock.advance(1);
    assert.deepEqual(w.a.events, ["up 2", "lost 2: member 2: link lost: connection reset"]);
    assert.equal(w.a.transport.link(2n)?.connected, false);
    assert.match(w.a.transport.link(2n)?.lastError ?? "", /connection reset/);
    await w.clock.advance(100);
    assert.equal(w.a.events.at(-1), "up 2");
    assert.equal(w.a.transport.link(2n)?.lastError, null);
    await w.close();
  });

  test("over any number of resets each frame arrives at most once and in order", async () => {
    let total = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const w = await pair();
        const random = seededRandom(seed);
        w.network.chunkBytes = () => 1 + (random.uint32() % 30);
        w.network.chunkPauseMs = 0.5;
        for (let i = 0; i < 120; i++) {
          send(w.a, 2n, `${i}`);
          if (random.uint32() % 3 === 0) w.a.transport.flush();
          if (random.uint32() % 15 === 0) w.network.dialled(portOf(2n))[0]?.reset();
          if (random.uint32() % 25 === 0) w.network.dialled(portOf(2n))[0]?.destroy();
          await w.clock.advance(random.uint32() % 12);
        }
        await w.clock.advance(3000);
        send(w.a, 2n, "last");
        w.a.transport.flush();
        await w.clock.advance(1000);
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
    await w.clock.advance(20_000);
    const { attempts } = w.network;
    assert.equal(attempts[0]?.at, 0);
    assert.deepEqual(
      attempts.slice(0, 6).map((attempt) => attempt.port),
      [7102, 7202, 7302, 7102, 7202, 7302],
    );
    const waits = attempts.slice(1).map((attempt, i) => attempt.at - (attempts[i]?.at ?? 0) - w.network.latencyMs);
    assert.ok((waits[0] ?? 99) <= 20, `first retry after ${waits[0]} ms`);
    waits.slice(1, 6).forEach((wait, i) => {
      const whole = 20 * 2 ** (i + 1);
      assert.ok(wait >= whole / 2 && wait <= whole, `retry ${i + 2} after ${wait} ms`);
    });
    assert.ok(Math.max(...waits) <= 1000);
    assert.ok(attempts.length >= 20 && attempts.length <= 60, `${attempts.length} attempts in 20 s`);
    assert.equal(a.events.length, w.network.attempts.length);
    assert.equal(a.events[0], "lost 2: member 2: cannot connect to memory:7102: connection refused");
    await w.close();
  });

  test("a peer that stays away is logged once, not with each attempt", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    a.transport.setPeers([peer(2n)]);
    await w.clock.advance(10_000);
    assert.equal(a.log.filter((line) => line.startsWith("warn")).length, 1);
    await w.close();
  });

  test("a link that breaks whenever it is up is not retried without a pause", async () => {
    const w = await pair();
    const before = w.network.attempts.length;
    for (let ms = 0; ms < 5000; ms += 5) {
      w.network.dialled(portOf(2n))[0]?.reset();
      await w.clock.advance(5);
    }
    const attempts = w.network.attempts.slice(before).filter((attempt) => attempt.port === portOf(2n));
    assert.ok(attempts.length < 25, `${attempts.length} attempts in 5 s`);
    await w.close();
  });

  test("a peer that does not answer the connection or the hello is given up in time", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    w.network.silentPorts.add(portOf(2n));
    a.transport.setPeers([peer(2n)]);
    await w.clock.advance(1100);
    assert.deepEqual(a.events, ["lost 2: member 2: cannot connect to memory:7002: timed out"]);
    w.network.silentPorts.clear();
    await w.network.listen({ host: "memory", port: portOf(2n) }, () => undefined);
    // The attempt under way ends, then one that is accepted and not answered.
    await w.clock.advance(4500);
    assert.equal(a.events.at(-1), "lost 2: member 2: memory:7002 did not answer within 2000 ms");
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
      await w.clock.advance(30);
      assert.match(a.events[0] ?? "", /^lost 2: member 2: no link with memory:7002: /);
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
    await w.clock.advance(30);
    assert.match(a.events[0] ?? "", /the member reached itself: check the peers' addresses/);
    await w.close();
  });

  test("what answers and is no peer is recognised", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    await w.network.listen({ host: "memory", port: portOf(2n) }, (connection) => {
      connection.write(text("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    a.transport.setPeers([peer(2n)]);
    await w.clock.advance(10);
    assert.match(a.events[0] ?? "", /it is no Quorate peer \(it speaks HTTP/);
    await w.close();
  });

  test("a member is not its own peer", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    a.transport.setPeers([peer(1n)]);
    await w.clock.advance(100);
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
      await w.clock.advance(10);
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
    await w.clock.advance(10);
    assert.deepEqual(texts(a), ["from a stranger"]);
    // One that becomes known makes room.
    a.transport.setPeers([peer(2n)]);
    await w.clock.advance(2000);
    assert.equal(four.events.at(-1), "up 1");
    await w.close();
  });
});

suite("bounds", () => {
  test("a full queue drops bulk frames early and the others late, and takes them again when it has drained", async () => {
    const w = await pair({ maxFrameBytes: 1000, maxBulkQueueBytes: 2000, maxQueueBytes: 4000 });
    const [connection] = w.network.dialled(portOf(2n));
    assert.ok(connection);
    connection.stalled = true;
    const kilobyte = "k".repeat(980); // 1000 with its header
    const tried = (bulk: boolean): boolean => {
      const taken = send(w.a, 2n, kilobyte, bulk);
      w.a.transport.flush();
      return taken;
    };
    assert.deepEqual([tried(true), tried(true), tried(true)], [true, true, false]);
    assert.deepEqual([tried(false), tried(false), tried(false)], [true, true, false]);
    assert.deepEqual(w.a.transport.link(2n), {
      connected: true,
      queuedBytes: 4000,
      droppedFrames: 2,
      lastError: null,
    });
    connection.release();
    await w.clock.advance(10);
    assert.equal(w.b.frames.length, 4);
    assert.equal(w.a.transport.link(2n)?.queuedBytes, 0);
    assert.equal(tried(true), true);
    await w.clock.advance(10);
    assert.equal(w.b.frames.length, 5, "a dropped frame leaves no gap in the sequence");
    await w.close();
  });

  test("frames of one turn count before they are flushed", async () => {
    const w = await pair({ maxFrameBytes: 1000, maxBulkQueueBytes: 1000, maxQueueBytes: 2000 });
    const kilobyte = "k".repeat(980);
    assert.deepEqual(
      [1, 2, 3].map(() => send(w.a, 2n, kilobyte)),
      [true, true, false],
    );
    await w.close();
  });

  test("a frame above the limit is dropped with an error in the log; one at the limit goes", async () => {
    const w = await pair({ maxFrameBytes: 100 });
    assert.equal(send(w.a, 2n, "x".repeat(101)), false);
    assert.ok(w.a.log.some((line) => line === "error frame to 2 dropped: 101 bytes, above the limit of 100"));
    assert.equal(send(w.a, 2n, "x".repeat(100)), true);
    w.a.transport.flush();
    await w.clock.advance(10);
    assert.equal(w.b.frames.length, 1);
    assert.equal(w.a.transport.link(2n)?.droppedFrames, 1);
    await w.close();
  });

  test("traffic is counted on both ends", async () => {
    const w = await pair();
    send(w.a, 2n, "12345");
    send(w.a, 2n, "");
    w.a.transport.flush();
    await w.clock.advance(10);
    assert.deepEqual(w.a.transport.traffic(2n), { sentFrames: 2, sentBytes: 45, receivedFrames: 0, receivedBytes: 0 });
    assert.deepEqual(w.b.transport.traffic(1n), { sentFrames: 0, sentBytes: 0, receivedFrames: 2, receivedBytes: 45 });
    await w.close();
  });
});

suite("a silent end", () => {
  test("an idle link lives on", async () => {
    const w = await pair();
    await w.clock.advance(60_000);
    assert.deepEqual(w.a.events, ["up 2"]);
    assert.deepEqual(w.b.events, ["up 1"]);
    send(w.a, 2n, "still here");
    w.a.transport.flush();
    await w.clock.advance(10);
    assert.deepEqual(texts(w.b), ["still here"]);
    assert.deepEqual(w.a.frames, [], "signs of life are not delivered");
    await w.close();
  });

  test("a peer that vanished without a word is noticed by both ends", async () => {
    const w = await pair();
    for (const end of w.network.connections) end.tamper = () => null;
    await w.clock.advance(6000);
    assert.equal(w.a.events[1], "lost 2: member 2: link lost: no sign of life for 4000 ms");
    assert.equal(w.b.events[1], "lost 1: member 1: link lost: no sign of life for 4000 ms");
    const firstFour = w.network.connections.slice(0, 4);
    assert.ok(firstFour.every((end) => end.closed));
    assert.ok(w.b.log.some((line) => /^info member 1 from .* is gone: no sign of life for 4000 ms/.test(line)));
    // The way is free again: both come back.
    assert.equal(w.a.events.at(-1), "up 2");
    assert.equal(w.b.events.at(-1), "up 1");
    await w.close();
  });

  test("a link on which only the way back is dead is given up too", async () => {
    const w = await pair();
    const [here] = w.network.dialled(portOf(2n));
    const there = w.network.connections.find((end) => !end.dialled && end.port === portOf(2n));
    assert.ok(here && there);
    there.tamper = () => null;
    await w.clock.advance(6000);
    assert.match(w.a.events[1] ?? "", /no sign of life for 4000 ms/);
    await w.close();
  });

  test("a slow link that makes progress is not taken for a dead one", async () => {
    const w = await pair();
    w.network.chunkBytes = () => 100;
    w.network.chunkPauseMs = 200;
    send(w.a, 2n, "x".repeat(10_000)); // 20 seconds
    w.a.transport.flush();
    await w.clock.advance(15_000);
    assert.deepEqual(texts(w.b), []);
    await w.clock.advance(10_000);
    assert.equal(w.b.frames.length, 1);
    assert.deepEqual(w.a.events, ["up 2"]);
    await w.close();
  });
});

suite("membership and life of a transport", () => {
  test("a peer that leaves the list loses its link without a report", async () => {
    const w = await pair();
    w.a.transport.setPeers([]);
    assert.equal(w.a.transport.link(2n), null);
    assert.equal(send(w.a, 2n, "x"), false);
    await w.clock.advance(5000);
    assert.deepEqual(w.a.events, ["up 2"]);
    assert.equal(w.network.dialled(portOf(2n)).length, 0);
    // It may still talk to us.
    send(w.b, 1n, "bye");
    w.b.transport.flush();
    await w.clock.advance(10);
    assert.deepEqual(texts(w.a), ["bye"]);
    await w.close();
  });

  test("a peer with a new address is reached there", async () => {
    const w = await pair();
    w.a.transport.setPeers([peer(2n, portOf(2n), 7777)]);
    await w.clock.advance(10);
    assert.deepEqual(w.a.events, ["up 2"], "its address is still in the list");
    await w.b.transport.close();
    const moved = await w.start({ id: 2n, port: 7777 });
    await w.clock.advance(10);
    const before = w.a.events.length;
    w.a.transport.setPeers([peer(2n, 7777)]);
    await w.clock.advance(1200);
    assert.ok(before >= 1);
    assert.equal(w.a.events.at(-1), "up 2");
    send(w.a, 2n, "found");
    w.a.transport.flush();
    await w.clock.advance(10);
    assert.deepEqual(texts(moved), ["found"]);
    await w.close();
  });

  test("a connection to an address that is no longer the peer's is given up", async () => {
    const w = await pair();
    w.a.transport.setPeers([peer(2n, 7777)]);
    assert.equal(w.a.events.at(-1), "lost 2: member 2: link lost: the peer's addresses have changed");
    await w.close();
  });

  test("a restarted peer is taken up again, and its old connection is not believed any more", async () => {
    const w = await pair();
    await w.b.transport.close();
    await w.clock.advance(500);
    const again = await w.start({ id: 2n, seed: 77 });
    again.transport.setPeers([peer(1n)]);
    await w.clock.advance(1500);
    assert.equal(w.a.events.at(-1), "up 2");
    send(again, 1n, "back");
    again.transport.flush();
    await w.clock.advance(10);
    assert.deepEqual(texts(w.a), ["back"]);
    await w.close();
  });

  test("after close nothing is told, sent or waited for", async () => {
    const w = await pair();
    send(w.b, 1n, "too late");
    w.b.transport.flush();
    await w.a.transport.close();
    await w.a.transport.close();
    w.a.transport.setPeers([peer(2n)]);
    const { length } = w.a.events;
    await w.clock.advance(5000);
    assert.deepEqual(w.a.frames, []);
    assert.equal(w.a.events.length, length);
    assert.equal(w.a.transport.link(2n), null);
    await w.close();
  });

  test("an owner may change everything from within an event", async () => {
    const w = world();
    const log: string[] = [];
    const transport = await createTransport({
      environment: { clock: w.clock, network: w.network, random: seededRandom(1), logger: recordingLogger(log) },
      identity: { clusterId: 0xc1n, memberId: 1n },
      listenAddresses: [{ host: "memory", port: 0 }],
      events: {
        frame: () => undefined,
        linkUp: () => undefined,
        linkLost: (id) => {
          log.push(`told of ${id}`);
          transport.setPeers(id === 2n ? [peer(3n)] : []);
        },
      },
    });
    assert.ok((transport.addresses[0]?.port ?? 0) > 0);
    transport.setPeers([peer(2n)]);
    await w.clock.advance(5000);
    assert.deepEqual(
      log.filter((line) => line.startsWith("told")),
      ["told of 2", "told of 3"],
    );
    await transport.close();
    await w.close();
  });

  test("an address in use is refused with its name, and no other is kept", async () => {
    const w = world();
    await w.start({ id: 1n, port: 7001 });
    const listenAddresses = [7009, 7001].map((port) => ({ host: "memory", port }));
    const environment = { clock: w.clock, network: w.network, random: seededRandom(1), logger: recordingLogger([]) };
    const events = { frame: () => undefined, linkUp: () => undefined, linkLost: () => undefined };
    const identity = { clusterId: 1n, memberId: 2n };
    await assert.rejects(
      createTransport({ environment, identity, listenAddresses, events }),
      (error: unknown) =>
        error instanceof QuorateError &&
        error.code === "PEER_LISTEN" &&
        /cannot listen for peers on memory:7001: address in use/.test(error.message) &&
        (error.cause as { code?: string }).code === "EADDRINUSE",
    );
    await w.start({ id: 3n, port: 7009 });
    await assert.rejects(
      createTransport({ environment, identity: { clusterId: 1n, memberId: 0n }, listenAddresses: [], events }),
      /the member id is 0/,
    );
    await w.close();
  });
});
